"""One session: plain data both ways, state, clocks, messages, determinism, and what happens when the server dies."""

import os
import signal
import time

import numpy as np
import pytest

from eft_jax.core import CandidateError, Limits, Outcome, Program
from eft_jax.sandbox import SandboxSettings, fork_server, session

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=15.0, memory_mb=256, output_kb=1)


@pytest.fixture(scope="module")
def server():
  server = fork_server.ForkServer(SandboxSettings())
  yield server
  server.close()


@pytest.fixture
def door(server):
  """Opens sessions, and closes them at the end."""
  opened = []

  def open_session(source: str, limits: Limits = LIMITS) -> session.PythonSession:
    for old in opened:
      old.close()
    opened.append(session.PythonSession(server, Program(source), limits, key=b"k" * 16, task="t", fidelity="search",
                                           previous=None))
    return opened[-1]

  yield open_session
  for old in opened:
    old.close()


def failure(door, *call) -> CandidateError:
  with pytest.raises(CandidateError) as caught:
    door.call(*call)
  return caught.value


def test_arguments_and_results_are_copies_of_plain_data(door):
  echo = door("def echo(*args):\n  return args\n")
  given = [None, True, 3, -(1 << 70), 2.5, "héllo", (1, "a"), {"k": [1.0]}, np.arange(6, dtype=np.int16).reshape(2, 3)]
  back = echo.call("echo", *given)
  assert back[:6] == given[:6] and back[6] == [1, "a"] and back[7] == given[7]
  np.testing.assert_array_equal(back[8], given[8])
  assert back[8].dtype == np.int16 and back[8].flags.writeable


def test_state_lives_on_between_calls_and_after_an_exception(door):
  counter = door("n = 0\ndef count():\n  global n\n  n += 1\n  return n\ndef fail():\n  raise ValueError('no')\n")
  assert counter.call("count") == 1
  error = failure(counter, "fail")
  assert error.outcome is Outcome.CRASH and "line 7, in fail: raise ValueError('no')" in error.message
  assert [counter.call("count") for _ in range(1000)] == list(range(2, 1002))


@pytest.mark.parametrize("megabytes", [1, 15])
def test_large_arguments_and_results_do_not_deadlock(door, megabytes):
  echo = door("def echo(x):\n  return x\n", Limits(cpu_seconds=5.0, wall_seconds=20.0))
  x = np.random.default_rng(0).normal(size=megabytes << 17)
  np.testing.assert_array_equal(echo.call("echo", x), x)
  assert echo.call("echo", 1) == 1


def test_a_program_that_does_not_read_its_arguments_times_out(door):
  blocked = door("import time\ntime.sleep(60)\ndef f(x):\n  pass\n", Limits(wall_seconds=1.0))
  start = time.monotonic()
  assert failure(blocked, "f", np.zeros(1 << 20)).outcome is Outcome.TIMEOUT
  assert time.monotonic() - start < 2.0


def test_cpu_time_is_summed_over_calls_and_the_failure_stays(door):
  busy = door("import time\ndef burn(s):\n  end = time.process_time() + s\n  while time.process_time() < end: pass\n")
  with pytest.raises(CandidateError) as caught:
    for _ in range(20):
      busy.call("burn", 0.05)
  assert caught.value.outcome is Outcome.TIMEOUT and "CPU limit of 0.5 s" in caught.value.message
  assert failure(busy, "burn", 0.0) is caught.value
  busy.close()
  usage = busy.usage()
  assert 0.5 <= usage.cpu_seconds < 0.8 and usage.wall_seconds >= 0.4


def test_cpu_time_between_calls_is_read_from_outside(door):
  """A program that turns its own clocks back is timed all the same, with its threads and without its sleep."""
  source = """
import threading, time
real = time.process_time
def burn(seconds):
  end = real() + seconds
  while real() < end: pass
  time.process_time = time.perf_counter = time.time = time.monotonic = lambda: 0.0
def threads(seconds):
  started = [threading.Thread(target=burn, args=(seconds,)) for _ in range(2)]
  [t.start() for t in started], [t.join() for t in started]
def sleep(seconds):
  time.sleep(seconds)
"""
  program = door(source)
  assert program.cpu_seconds() == 0.0
  program.call("burn", 0.0)
  stands = [program.cpu_seconds()]
  for name in ("burn", "sleep", "threads"):
    program.call(name, 0.1)
    stands.append(program.cpu_seconds())
  burnt, slept, threads = np.diff(stands)
  assert 0.1 <= burnt < 0.15 and slept < 0.03 and 0.1 <= threads < 0.3
  program.close()
  assert program.cpu_seconds() == program.usage().cpu_seconds >= stands[-1]


def test_cpu_time_and_not_wall_time_decides(door):
  asleep = door("import time\ndef f():\n  time.sleep(1.0)\n  return 1\n", LIMITS)  # twice its CPU limit
  assert asleep.call("f") == 1
  asleep.close()
  usage = asleep.usage()
  assert usage.cpu_seconds < 0.3 and usage.wall_seconds >= 1.0


def test_memory_is_limited_and_measured(door):
  program = door("def take(mb):\n  return len(bytes(bytearray(b'x') * (mb << 20)))\n")
  assert program.call("take", 50) == 50 << 20
  error = failure(program, "take", 400)
  assert error.outcome is Outcome.MEMORY and "256 MB" in error.message
  assert program.call("take", 1) == 1 << 20  # an exception, not an end
  assert 100 < program.usage().peak_memory_mb < 400


def test_output_is_kept_up_to_its_cap(door):
  program = door("import sys\ndef f():\n  print('out')\n  print('err', file=sys.stderr)\n  print('x' * 5000)\n")
  program.call("f")
  text = program.usage().stdout
  assert "out\n" in text and "err\n" in text and len(text) < 1100 and "bytes more" in text


@pytest.mark.parametrize("source, parts", [
    ("def f():\n  x = [1]\n  return g(x)\ndef g(x):\n  return x[3]\n",
     ["IndexError: list index out of range", "line 3, in f: return g(x)", "line 5, in g: return x[3]"]),
    ("import numpy as np\ndef f():\n  return np.linalg.inv(np.zeros((2, 2)))\n", ["LinAlgError", "line 3, in f"]),
    ("from numpy import no_such_name\n", ["ImportError", "no_such_name", "line 1, in <module>"]),
    ("def f(a, b): pass\n", ["TypeError", "missing 2 required positional arguments"]),
])
def test_messages_point_to_the_programs_own_lines(door, source, parts):
  error = failure(door(source), "f")
  assert error.outcome is Outcome.CRASH
  assert all(part in error.message for part in parts) and "site-packages" not in error.message


def test_syntax_errors_say_where(door):
  error = failure(door("x = 1\ndef f(:\n  pass\n"), "f")
  assert error.outcome is Outcome.SYNTAX and "line 2: def f(:" in error.message


def test_the_program_is_a_module_named_candidate(door):
  program = door("import sys\ndef f():\n  return [__name__, __file__, sys.modules['candidate'].f is f]\n"
                 "if __name__ == '__main__':\n  raise SystemExit\n")
  assert program.call("f") == ["candidate", "candidate.py", True]


UNSEEDED = """
import os, random, secrets, uuid
import numpy as np

def draw():
  return [random.random(), random.Random().random(), random.SystemRandom().random(), np.random.rand(),
          str(uuid.uuid4()), np.random.default_rng().random(), np.random.RandomState().rand(), secrets.token_hex(4),
          os.urandom(3).hex(), hash('text'), random.Random(5).random(), float(np.random.default_rng(5).random())]

def reseed():
  random.seed()
  np.random.seed()
  return [random.random(), np.random.rand()]
"""


def test_unseeded_randomness_repeats(server, door):
  first = [door(UNSEEDED).call("draw"), door(UNSEEDED).call("reseed")]
  assert [door(UNSEEDED).call("draw"), door(UNSEEDED).call("reseed")] == first
  other = fork_server.ForkServer(SandboxSettings(), "scipy")
  try:
    program = session.PythonSession(other, Program(UNSEEDED), LIMITS, key=b"", task="t", fidelity="search",
                                       previous=None)
    assert program.call("draw") == first[0]
    program.close()
  finally:
    other.close()
  drawn = door(UNSEEDED)
  assert drawn.call("draw") == first[0] and drawn.call("draw") != first[0]
  assert first[0][10] == __import__("random").Random(5).random()


def test_the_limit_of_one_result_is_the_tasks(door):
  program = door("import numpy as np\ndef f(n):\n  return np.zeros(n)\n", Limits(result_mb=0.5))
  assert program.call("f", 60_000).size == 60_000
  assert failure(program, "f", 70_000).outcome is Outcome.POLICY


def test_100000_floats_pass(door):
  program = door("def f(n):\n  return [i / 7 for i in range(n)]\n")
  assert program.call("f", 100_000) == [i / 7 for i in range(100_000)]


def test_chosen_packages_can_be_imported_wherever_they_lie(tmp_path, monkeypatch):
  package = tmp_path / "toolbox"
  package.mkdir()
  (package / "__init__.py").write_text("A = 1\n")
  (package / "late.py").write_text("B = 2\n")
  (tmp_path / "other.py").write_text("C = 3\n")
  monkeypatch.syspath_prepend(str(tmp_path))
  server = fork_server.ForkServer(SandboxSettings(packages=("numpy", "toolbox")))
  try:
    source = ("import tempfile\n"
              "def f():\n  import toolbox.late\n  return toolbox.A + toolbox.late.B\n"
              "def g():\n  import other\n"
              "def h():\n  import scipy\n"
              "def t():\n  with tempfile.NamedTemporaryFile('w+') as file:\n    return file.write('x')\n")
    program = session.PythonSession(server, Program(source), LIMITS, key=b"", task="t", fidelity="search",
                                    previous=None)
    assert program.call("f") == 3 and program.call("t") == 1
    for entry in ("g", "h"):
      assert "ModuleNotFoundError" in failure(program, entry).message
    program.close()
  finally:
    server.close()


def test_seeds_are_hidden_and_repeat(door):
  program = door("def f(): return 1\n")
  assert program.seeds("a", 3) == program.seeds("a", 5)[:3] != program.seeds("b", 3)
  assert all(0 <= seed < 1 << 63 for seed in program.seeds("a", 100))


def test_arguments_that_are_not_plain_data_are_the_callers_fault(door):
  with pytest.raises(TypeError, match="not plain data"):
    door("def f(x): return 1\n").call("f", object())


def test_a_session_that_never_calls_costs_nothing(door):
  assert door("syntax error here").usage() == session.Usage()


def test_a_fork_server_that_dies_is_infra_and_takes_its_children_along():
  server = fork_server.ForkServer(SandboxSettings())
  source = "import time\ndef f(): time.sleep(60)\ndef g(): return 1\n"
  program = session.PythonSession(server, Program(source), LIMITS, key=b"", task="t", fidelity="search",
                                     previous=None)
  assert program.call("g") == 1
  child = program._child.pid
  os.kill(server._process.pid, signal.SIGKILL)
  with pytest.raises(session.InfraError):
    program.call("f")
  deadline = time.monotonic() + 2
  while os.path.exists(f"/proc/{child}") and time.monotonic() < deadline:
    time.sleep(0.01)
  assert not os.path.exists(f"/proc/{child}")
  server.close()
