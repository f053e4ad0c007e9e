"""A factory of attempts for the tests of the store."""

import pytest

from eft_jax import core


@pytest.fixture
def make_attempt():
  def make(step, outcome=core.Outcome.OK, **fields):
    ok = outcome is core.Outcome.OK
    values = dict(
        run="r1", step=step, batch=step, group=0, member=0, task="toy_4", family="toy", task_version="v1",
        outcome=outcome, value=0.1 * step if ok else None, score=0.1 * step if ok else 0.0,
        program=core.Program(f"x = {step}\n"), prompt=core.Prompt("s", f"u{step}"),
        response=core.Response("a\u2028\U0001f600\ud83d", "why", (1, 2), (3, 4), (-0.5, -1.25)),
        parent=0 if step else None, edit="diff" if step else "seed", sampling={"temperature": 0.7}, cpu_seconds=0.25)
    return core.Attempt(**{**values, **fields})
  return make
