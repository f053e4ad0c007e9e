"""A real SGLang as a child process: its command line from our settings, its start, its health, its end."""

from __future__ import annotations

import collections
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from eft_jax.core.settings import ConfigError
from eft_jax.serve.client import Client
from eft_jax.serve.settings import ServeSettings, free_port, write_json

CPU_MAIN = pathlib.Path(__file__).with_name("sglang_cpu.py")
LORAS_PER_BATCH = 8  # SGLang's default, which may not be above the number that may be loaded
STOP_SECONDS = 20.0  # for SGLang to end by itself; then its processes are killed
# Adapters of these layers only on a CPU: with one of the output head, SGLang's torch_native backend (0.5.23) mixes up
# the requests of a batch whose prompts differ in length, and says nothing.
CPU_LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Becomes the program in its arguments, which gets SIGKILL when its parent ends, however that ends. It is a program of
# its own because code between fork and exec (preexec_fn) may hang in a process that runs JAX's threads.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
  os.execvp(sys.argv[2], sys.argv[2:])
"""
_LOOK = """
import json, sys, importlib.metadata as m
try:
  import torch
  print(json.dumps({"sglang": m.version("sglang"), "torch": torch.__version__, "gpu": torch.cuda.is_available()}))
except (ImportError, m.PackageNotFoundError) as error:
  sys.exit(str(error))
"""


def look(python: str) -> dict[str, Any]:
  """What an interpreter offers: {"sglang": version, "torch": version, "gpu": bool}.

  Raises:
    ConfigError: there is no such interpreter, or no SGLang in it.
  """
  where = f"config.sglang.python={python}"
  help_ = "launch/test_sglang.sh makes one for machines without a GPU; with a GPU: pip install sglang==0.5.23."
  try:
    done = subprocess.run([python, "-c", _LOOK], capture_output=True, text=True, timeout=300, env=environment(python))
  except (OSError, subprocess.TimeoutExpired) as error:
    raise ConfigError(f"{where} cannot be run ({error}). It names the interpreter of an environment with SGLang; "
                      f"{help_}") from error
  try:
    found = json.loads(done.stdout)
  except ValueError:
    found = None
  if done.returncode or not isinstance(found, dict):
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
    raise ConfigError(f"{where} has no SGLang that can be started ({lines[-1]}); {help_}")
  return found


def environment(python: str, gpu: bool = True) -> dict[str, str]:
  """The variables SGLang runs with: ours without what leads its imports here, and its own programs first."""
  values = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
  values["PATH"] = os.pathsep.join([str(pathlib.Path(python).parent.absolute()), values.get("PATH", os.defpath)])
  if not gpu:
    # Idle OpenMP threads spin: with two of them on two busy cores SGLang is ten times slower than with one.
    values |= {"SGLANG_USE_CPU_ENGINE": "1", "OMP_NUM_THREADS": values.get("OMP_NUM_THREADS", "1")}
  return values


def command(settings: ServeSettings, folder: pathlib.Path, port: int, gpu: bool) -> list[str]:
  """SGLang's command line for our settings. Raises ConfigError for a flag that is set here and in sglang.flags."""
  own = settings.sglang
  flags: dict[str, Any] = {
      "--model-path": str(folder), "--host": settings.host, "--port": port, "--dtype": settings.dtype,
      "--context-length": settings.max_length, "--max-running-requests": settings.slots,
      "--max-queued-requests": settings.max_waiting, "--weight-version": settings.weight_version,
      "--served-model-name": settings.served_model_name or settings.model, "--random-seed": settings.seed}
  if settings.max_loaded_loras:
    flags |= {"--enable-lora": None, "--max-lora-rank": settings.max_lora_rank, "--lora-target-modules": ["all"],
              "--max-loaded-loras": settings.max_loaded_loras,
              "--max-loras-per-batch": min(LORAS_PER_BATCH, settings.max_loaded_loras)}
  if not settings.warm_up:
    flags["--skip-server-warmup"] = None
  if not gpu:
    flags |= {"--device": "cpu", "--attention-backend": "torch_native", "--disable-overlap-schedule": None,
              "--sleep-on-idle": None,  # otherwise an idle server keeps a core busy
              # As much cache as all slots can fill; SGLang would take most of the memory.
              "--max-total-tokens": settings.slots * settings.max_length}
    if settings.max_loaded_loras:
      flags |= {"--lora-backend": "torch_native", "--lora-target-modules": list(CPU_LORA_TARGETS)}
  extra = shlex.split(own.flags)
  if twice := [flag for flag in extra if flag.split("=")[0] in flags]:
    raise ConfigError(f"config.sglang.flags has {twice[0]}, which other keys of the config set already.")
  main = ["-m", "sglang.launch_server"] if gpu else [str(CPU_MAIN)]
  words = [own.python, *main]
  for flag, value in flags.items():
    words += [flag, *map(str, value if isinstance(value, list) else [] if value is None else [value])]
  return words + extra


def model_folder(settings: ServeSettings, workdir: pathlib.Path) -> pathlib.Path:
  """The Hugging Face folder to serve; a preset, a GGUF file or adapters are first exported into the work directory.

  Raises:
    ConfigError: no such model, or max_length is more than it was made for.
  """
  folder = pathlib.Path(settings.model)
  if not (folder / "config.json").is_file():
    import jax.numpy as jnp

    from eft_jax import models, text
    loaded = models.load(settings.model, jnp.dtype(settings.dtype))
    folder = models.export_hf(loaded.config, loaded.params, workdir / "model", text.Tokenizer.load(settings.model))
  try:
    positions = json.loads((folder / "config.json").read_text()).get("max_position_embeddings")
  except (OSError, ValueError, AttributeError) as error:
    raise ConfigError(f"config.model={settings.model}: config.json cannot be read ({error}).") from error
  if isinstance(positions, int) and positions < settings.max_length:
    raise ConfigError(f"config.max_length is {settings.max_length}, and {settings.model} has {positions} positions.")
  return folder.absolute()


class Sglang:
  """A real SGLang that runs: `with Sglang(settings, workdir, say) as serving: serving.url`. Raises ConfigError.

  Its output is in sglang.log of the work directory. Whatever ends this process ends SGLang's too.
  """

  def __init__(self, settings: ServeSettings, workdir: pathlib.Path, say: Callable[[str], None] = lambda text: None):
    self._settings, self._workdir, self._say = settings, workdir, say
    self._log = workdir / "sglang.log"

  def __enter__(self) -> Sglang:
    settings = self._settings
    found = look(settings.sglang.python)
    port = free_port(settings.host, settings.port)  # a taken port fails before the model is exported
    words = command(settings, model_folder(settings, self._workdir), port, found["gpu"])
    self._say(f"starting SGLang {found['sglang']} (torch {found['torch']}) on {'GPU' if found['gpu'] else 'CPU'}, "
              f"log in {self._log}")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    self._log.parent.mkdir(parents=True, exist_ok=True)
    with open(self._log, "wb") as log:
      # A session of its own: Ctrl-C on a terminal reaches us alone, and we end it in order.
      self._process = subprocess.Popen(
          [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *words], stdin=subprocess.DEVNULL,
          stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
          env=environment(settings.sglang.python, found["gpu"]))
    try:
      self._await_health(settings.sglang.start_seconds)
    except BaseException:
      self.stop()
      raise
    write_json(self._workdir / "server.json", {"url": self.url, "pid": os.getpid(), "model": settings.model})
    self._say(f"listening on {self.url}")
    return self

  def _await_health(self, seconds: float) -> None:
    start = time.monotonic()
    with Client(self.url, connect_seconds=0, timeout=30) as client:
      while not client.health():
        if self._process.poll() is not None:
          raise ConfigError(f"SGLang ended with code {self._process.returncode} before it was ready. {self._tail()}")
        if time.monotonic() - start > seconds:
          raise ConfigError(f"SGLang was not ready within {seconds:g} s (config.sglang.start_seconds). {self._tail()}")
        time.sleep(0.5)

  def _tail(self) -> str:
    """The last line of the log that looks like a reason."""
    with open(self._log, errors="replace") as log:
      lines = [line.strip() for line in collections.deque(log, maxlen=200) if line.strip()]
    reasons = [line for line in lines if "Error" in line or "error:" in line]
    return f"{self._log} ends with: {(reasons or lines or ['nothing'])[-1][-500:]}"

  def wait(self) -> None:
    """Until SGLang ends, or a signal handler raises."""
    while self._process.poll() is None:
      time.sleep(0.5)
    raise RuntimeError(f"SGLang ended by itself with code {self._process.returncode}. {self._tail()}")

  def results(self) -> Mapping[str, Any]:
    """For the summary of the run."""
    return {"url": self.url}

  def stop(self) -> None:
    """Ends SGLang and every process it started."""
    if self._process.poll() is None:
      self._process.terminate()
      try:
        self._process.wait(STOP_SECONDS)
      except subprocess.TimeoutExpired:
        self._say(f"SGLang did not end within {STOP_SECONDS:g} s: killed")
    try:
      os.killpg(self._process.pid, signal.SIGKILL)
    except ProcessLookupError:  # the group is empty: all of them have ended
      pass
    self._process.wait()

  def __exit__(self, *_: Any) -> None:
    (self._workdir / "server.json").unlink(missing_ok=True)
    self.stop()

