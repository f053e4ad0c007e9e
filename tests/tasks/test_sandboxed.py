"""All seed programs through the real sandbox: same values twice, few milliseconds; no cheat of the corpus scores."""

import importlib.util
import pathlib

import pytest

from eft_jax import core, sandbox

TASKS = core.load_all()
CHEATS = pathlib.Path(__file__).parents[1] / "sandbox" / "cheats.py"
spec = importlib.util.spec_from_file_location("cheats_for_tasks", CHEATS)
cheats = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cheats)


@pytest.fixture(scope="module")
def pool():
  with sandbox.Pool(1, sandbox.SandboxSettings(secret="7e" * 32)) as pool:
    yield pool


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_seed_programs_have_the_same_value_twice(task, pool):
  first, second = (pool.evaluate(task.name, task.seed_program) for _ in range(2))
  assert first.ok, first.message
  if not task.timed:
    assert (first.value, first.score, first.metrics, first.artifacts) == (
        second.value, second.score, second.metrics, second.artifacts)
  assert first.score < 0.2 and first.cpu_seconds < 0.5
  if first.construction is not None:
    assert (first.construction == second.construction).all()
    source = f"def {task.entry}(*args, previous=None):\n    return args[-1] if previous is None else previous\n"
    found = pool.evaluate(task.name, core.Program(source), previous=first.construction)
    assert found.value == pytest.approx(first.value, rel=1e-9)


@pytest.mark.parametrize("name", ["circle_packing_26", "golomb_ruler_10", "online_bin_packing_weibull_own",
                                  "oscillator_regression_driven"])
def test_no_cheat_of_the_corpus_scores(name, pool):
  """Those that attack with what they return. A constant is an honest, worthless formula."""
  task = core.load(name)
  chosen = [cheat for cheat in cheats.CHEATS if cheat.tag == "result"]
  assert len(chosen) >= 20
  for cheat in chosen:
    result = pool.evaluate(name, cheat.program(task.entry))
    assert not result.ok or result.score < 0.05, (cheat.name, result)
    assert result.outcome in (core.Outcome.INVALID, core.Outcome.POLICY, core.Outcome.CRASH, core.Outcome.MEMORY,
                              core.Outcome.TIMEOUT, core.Outcome.OK), (cheat.name, result.outcome, result.message)


@pytest.mark.slow
def test_nothing_of_the_whole_corpus_scores_on_a_task():
  """With the attacks on the machine, the clock and the channel of the results; limits are a twentieth of the task's."""
  with sandbox.Pool(1, sandbox.SandboxSettings(secret="7e" * 32, limits_scale=0.05)) as pool:
    for cheat in cheats.CHEATS:
      result = pool.evaluate("circle_packing_26", cheat.program("construct"))
      assert result.value is None and result.score == 0 and result.message, (cheat.name, result)
      assert result.outcome not in core.NEVER_TRAINED_ON, (cheat.name, result)
