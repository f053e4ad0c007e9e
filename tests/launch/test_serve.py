"""launch/serve.py as a user runs it: start, answer, stop; and its one-line errors."""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import pytest

from eft_jax import models, text
from eft_jax.serve.client import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]


def command(workdir, *flags):
  return [sys.executable, str(ROOT / "launch" / "serve.py"), f"--config={ROOT / 'configs' / 'serve.py'}",
          f"--workdir={workdir}", *flags]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  folder = tmp_path_factory.mktemp("model") / "tiny"
  config = models.tiny(models.PRESETS["smollm2_135m"])
  models.export_hf(config, models.init(config, jax.random.key(0)), folder, text.Tokenizer.bytes())
  return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told_to_stop(model, tmp_path, number):
  process = subprocess.Popen(command(tmp_path, f"--config.model={model}", "--config.port=0", "--config.max_length=128"),
                             stderr=subprocess.PIPE, text=True)
  try:
    deadline = time.monotonic() + 120
    while not (tmp_path / "server.json").exists():
      assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
      time.sleep(0.1)
    url = json.loads((tmp_path / "server.json").read_text())["url"]
    with Client(url) as client:
      answer, = client.generate([{"input_ids": [5, 6], "sampling_params": {"max_new_tokens": 4, "ignore_eos": True}}])
      assert len(answer["output_ids"]) == 4
      assert client.model_info()["max_model_len"] == 128
    process.send_signal(number)
    stderr = process.communicate(timeout=60)[1]
  finally:
    process.kill()
  assert process.returncode == 0, stderr
  assert f"listening on {url}" in stderr and "Traceback" not in stderr
  assert not (tmp_path / "server.json").exists()
  summary = json.loads((tmp_path / "summary.json").read_text())
  assert summary["outcome"] == "ok" and summary["url"] == url and summary["generated_tokens"] >= 5


def fails_with_one_line(workdir, *flags):
  done = subprocess.run(command(workdir, *flags), capture_output=True, text=True, timeout=120)
  assert done.returncode == 2, done.stderr
  line, = [line for line in done.stderr.splitlines() if not line.startswith("[serve]")]
  assert line.startswith("error: ")
  return line


@pytest.mark.slow
def test_bad_input_is_one_line_and_exit_code_2(model, tmp_path):
  with socket.create_server(("127.0.0.1", 0)) as taken:
    port = taken.getsockname()[1]
    line = fails_with_one_line(tmp_path / "a", f"--config.model={model}", f"--config.port={port}")
    assert f"127.0.0.1:{port}" in line and "--config.port" in line
  assert "nosuchmodel" in fails_with_one_line(tmp_path / "b", "--config.model=nosuchmodel", "--config.port=0")
  assert "slots" in fails_with_one_line(tmp_path / "c", "--config.slots=0")
  assert "sluts" in fails_with_one_line(tmp_path / "d", "--config.sluts=3")
