"""Starting a real SGLang: its command line, what is refused, and that nothing of it outlives us (a stand-in runs here).

The real one runs in launch/test_sglang.sh.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import httpx
import pytest

from eft_jax import models
from eft_jax.core import settings as settings_lib
from eft_jax.core.settings import ConfigError
from eft_jax.serve import sglang
from eft_jax.serve.settings import ServeSettings, SglangSettings
from tests.serve import checkpoints

ROOT = pathlib.Path(__file__).resolve().parents[2]

# An interpreter that looks like one with SGLang and behaves like it: health after a while, a child process, no hurry
# to end.
STAND_IN = '''
import http.server, json, os, signal, subprocess, sys, time
mode = os.environ.get("MODE", "")
if sys.argv[1] == "-c":
  print(json.dumps({"sglang": "0.5.23", "torch": "2", "gpu": mode == "gpu"}))
  sys.exit()
if mode == "broken":
  sys.exit("ValueError: no such architecture")
child = subprocess.Popen(["sleep", "1000"])
json.dump({"argv": sys.argv[1:], "child": child.pid, "pid": os.getpid(), "env": dict(os.environ)},
          open(os.environ["TOLD"] + ".tmp", "w"))
os.rename(os.environ["TOLD"] + ".tmp", os.environ["TOLD"])
if mode == "deaf":
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
start = time.monotonic()
class Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    self.send_response(200 if time.monotonic() - start > 0.5 and mode != "never" else 503)
    self.end_headers()
  def log_message(self, *_):
    pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
'''


@pytest.fixture
def python(tmp_path, monkeypatch):
  monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
  monkeypatch.setenv("PYTHONPATH", "/somewhere")
  path = tmp_path / "env" / "python"
  path.parent.mkdir()
  path.write_text(f"#!{sys.executable}\n{STAND_IN}")
  path.chmod(0o755)
  return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return checkpoints.write_one(tmp_path_factory.mktemp("model") / "tiny", 0)


def make(python, folder, **changes):
  own = {name: changes.pop(name) for name in ("start_seconds", "flags") if name in changes}
  return ServeSettings(engine="sglang", model=str(folder), port=0, sglang=SglangSettings(python=python, **own),
                       **{"max_length": 256} | changes)


def alive(pid):
  try:
    return "Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
  except OSError:
    return False


def gone(*pids):
  deadline = time.monotonic() + 10
  while any(map(alive, pids)) and time.monotonic() < deadline:
    time.sleep(0.05)
  return not any(map(alive, pids))


def values(words):
  """The words behind each flag."""
  found, name = {}, ""
  for word in words:
    if word.startswith("--"):
      name = word
    found.setdefault(name, []).extend([] if word == name else [word])
  return found


def test_command_on_a_gpu_is_sglangs_own():
  words = sglang.command(ServeSettings(engine="sglang", slots=7, max_length=99, max_waiting=5, seed=3, dtype="bfloat16",
                                       weight_version="v3", sglang=SglangSettings(flags="--tp-size 2")),
                         pathlib.Path("/m"), 1234, gpu=True)
  found = values(words)
  assert words[:3] == [".venv_sglang/bin/python", "-m", "sglang.launch_server"]
  assert {name: found[name] for name in ("--model-path", "--port", "--dtype", "--context-length", "--random-seed",
                                         "--max-running-requests", "--max-queued-requests", "--weight-version",
                                         "--served-model-name", "--tp-size")} == {
      "--model-path": ["/m"], "--port": ["1234"], "--dtype": ["bfloat16"], "--context-length": ["99"],
      "--random-seed": ["3"], "--max-running-requests": ["7"], "--max-queued-requests": ["5"],
      "--weight-version": ["v3"], "--served-model-name": ["smollm2_135m"], "--tp-size": ["2"]}
  assert found["--enable-lora"] == [] and found["--lora-target-modules"] == ["all"]
  assert found["--max-lora-rank"] == ["64"] and found["--max-loaded-loras"] == ["16"]
  assert not {"--device", "--max-total-tokens", "--lora-backend", "--skip-server-warmup"} & found.keys()


def test_command_on_a_cpu_runs_our_main():
  words = sglang.command(ServeSettings(engine="sglang", slots=4, max_length=100, warm_up=False), pathlib.Path("/m"), 1,
                         gpu=False)
  found = values(words)
  assert words[1] == str(ROOT / "eft_jax/serve/sglang_cpu.py")
  assert found["--device"] == ["cpu"] and found["--attention-backend"] == found["--lora-backend"] == ["torch_native"]
  assert found["--max-total-tokens"] == ["400"] and found["--skip-server-warmup"] == []
  assert "lm_head" not in found["--lora-target-modules"]  # it would answer wrongly, and not say so
  plain = sglang.command(ServeSettings(engine="sglang", max_loaded_loras=0), pathlib.Path("/m"), 1,
                         gpu=False)
  assert not [word for word in plain if "lora" in word]


@pytest.mark.parametrize("given, reason", [
    ({"engine": "sglang", "block": 3}, "config.block is set, and config.engine=sglang does not read it"),
    ({"sglang": {"flags": "--tp-size 2"}}, "config.sglang is set, and config.engine=jax does not read it"),
    ({"engine": "vllm"}, "expected one of 'jax', 'sglang'"),
      ({"engine": "sglang", "sglang": {"start_seconds": 0}}, "config.sglang.start_seconds is 0"),
])
def test_combinations_that_would_do_nothing_are_refused(given, reason):
  with pytest.raises(ConfigError, match=reason):
    settings_lib.from_mapping(ServeSettings, given)


def test_flags_of_ours_cannot_be_given_again(folder):
  for flags in ("--port 3", "--dtype=half"):
    with pytest.raises(ConfigError, match="config.sglang.flags has --"):
      sglang.command(make("python", folder, flags=flags), folder, 1, gpu=False)


def test_a_missing_environment_is_named(folder, tmp_path):
  for python, reason in ((str(tmp_path / "none"), "cannot be run"), ("/bin/false", "no reason given")):
    with pytest.raises(ConfigError, match=reason) as error:
      sglang.Sglang(make(python, folder), tmp_path).__enter__()
    assert "config.sglang.python=" in str(error.value) and "launch/test_sglang.sh" in str(error.value)


def test_model_folder(folder, tmp_path):
  assert sglang.model_folder(ServeSettings(engine="sglang", model=str(folder), max_length=64), tmp_path) == folder
  with pytest.raises(ConfigError, match="config.max_length is 99999, and .* has 2048 positions"):
    sglang.model_folder(ServeSettings(engine="sglang", model=str(folder), max_length=99999), tmp_path)
  with pytest.raises(ConfigError, match="nosuch"):
    sglang.model_folder(ServeSettings(engine="sglang", model="nosuch"), tmp_path)


@pytest.mark.slow
def test_adapters_over_a_model_are_merged_into_a_folder(folder, tmp_path):
  adapters = models.export_peft(checkpoints.CONFIG, checkpoints.adapters(1), tmp_path / "adapters", str(folder))
  checkpoints.TOKENIZER.save(adapters)
  found = sglang.model_folder(ServeSettings(engine="sglang", model=str(adapters), max_length=64), tmp_path)
  assert found == tmp_path / "model" and (found / "tokenizer.json").exists()
  merged = models.load(found)
  assert not merged.config.tie_embeddings  # the adapter changed the head alone
  assert models.load(adapters).params["head"]["kernel"].tolist() == merged.params["head"]["kernel"].tolist()


def test_starts_and_ends_with_all_its_processes(python, folder, tmp_path):
  lines = []
  with sglang.Sglang(make(python, folder), tmp_path / "work", lines.append) as serving:
    told = json.loads((tmp_path / "told.json").read_text())
    assert json.loads((tmp_path / "work/server.json").read_text())["url"] == serving.url
    assert httpx.get(serving.url, trust_env=False).status_code == 200
    assert "starting SGLang 0.5.23 (torch 2) on CPU" in lines[0] and lines[1] == f"listening on {serving.url}"
    assert told["env"]["OMP_NUM_THREADS"] == "1" and "PYTHONPATH" not in told["env"]
    assert told["env"]["PATH"].startswith(str(pathlib.Path(python).parent))
    assert alive(told["child"])
  assert gone(told["pid"], told["child"])
  assert not (tmp_path / "work/server.json").exists()


def test_one_that_does_not_end_is_killed(python, folder, tmp_path, monkeypatch):
  monkeypatch.setenv("MODE", "deaf")
  monkeypatch.setattr(sglang, "STOP_SECONDS", 0.5)
  with sglang.Sglang(make(python, folder), tmp_path / "work"):
    told = json.loads((tmp_path / "told.json").read_text())
  assert gone(told["pid"], told["child"])


@pytest.mark.parametrize("mode, reason", [
    ("broken", "SGLang ended with code 1 before it was ready.*no such architecture"),
    ("never", r"was not ready within 2 s \(config.sglang.start_seconds\)")])
def test_one_that_does_not_start_says_why(python, folder, tmp_path, monkeypatch, mode, reason):
  monkeypatch.setenv("MODE", mode)
  with pytest.raises(ConfigError, match=reason):
    sglang.Sglang(make(python, folder, start_seconds=2), tmp_path / "work").__enter__()
  if mode == "never":
    told = json.loads((tmp_path / "told.json").read_text())
    assert gone(told["pid"], told["child"])


def test_one_that_ends_by_itself_is_an_error(python, folder, tmp_path):
  with sglang.Sglang(make(python, folder), tmp_path / "work") as serving:
    told = json.loads((tmp_path / "told.json").read_text())
    os.kill(told["pid"], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="ended by itself with code -9"):
      serving.wait()
  assert gone(told["child"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, None])
def test_the_command_ends_it_however_it_ends(python, folder, tmp_path, number):
  """None: it is SGLang that ends."""
  command = [sys.executable, str(ROOT / "launch/serve.py"), "--config.engine=sglang", f"--config.model={folder}",
             "--config.port=0", "--config.max_length=256", f"--config.sglang.python={python}", f"--workdir={tmp_path}"]
  process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
  try:
    deadline = time.monotonic() + 60
    while not (tmp_path / "server.json").exists():
      assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
      time.sleep(0.1)
    told = json.loads((tmp_path / "told.json").read_text())
    if number is None:
      os.kill(told["pid"], signal.SIGKILL)
    else:
      process.send_signal(number)
    stderr = process.communicate(timeout=60)[1]
  finally:
    process.kill()
  if number == signal.SIGTERM:
    assert process.returncode == 0 and not (tmp_path / "server.json").exists(), stderr
    assert json.loads((tmp_path / "summary.json").read_text())["outcome"] == "ok"
    assert gone(told["pid"], told["child"])
  elif number is None:
    assert process.returncode == 1 and "Traceback" not in stderr and gone(told["child"]), stderr
    assert stderr.splitlines()[-1].startswith("error: SGLang ended by itself with code -9")
  else:
    assert gone(told["pid"])  # SGLang's own children watch it in the same way


@pytest.mark.slow
def test_what_is_declared_for_a_cpu():
  pytest.importorskip("torch", reason="there is no torch on this Python")
  code = textwrap.dedent("""
    import runpy, sys
    found = runpy.run_path(sys.argv[1], run_name="__mp_main__")  # as in a process that SGLang spawns
    import torch, sgl_kernel
    assert not [folder for folder in sys.path if folder.rstrip("/").endswith("eft_jax/serve")], sys.path
    assert set(found["KERNELS"]) <= set(dir(sgl_kernel))
    try:
      sgl_kernel.verify_tree_greedy_cpu(1)
    except NotImplementedError as error:
      assert "verify_tree_greedy_cpu" in str(error)
    else:
      raise AssertionError("a kernel that is not there was called")
    assert torch.zeros(3, pin_memory=True).pin_memory().tolist() == [0, 0, 0]
    assert torch.tensor([1], pin_memory=True, dtype=torch.int32).dtype == torch.int32
    assert torch.ops.torchvision.nms and torch.ops.torchvision.qnms
  """)
  done = subprocess.run([sys.executable, "-c", code, str(sglang.CPU_MAIN)], capture_output=True, text=True, timeout=300,
                        env={**os.environ, "PYTHONPATH": str(sglang.CPU_MAIN.parent), "CUDA_VISIBLE_DEVICES": ""})
  assert done.returncode == 0, done.stderr
