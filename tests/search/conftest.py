"""A factory of attempts for the tests of the search."""

import pytest

from eft_jax import core
from eft_jax.core import Outcome


@pytest.fixture
def make_attempt():
  def make(step, score=0.0, outcome=Outcome.OK, source=None, parent=0, island=0, features=None, **fields):
    ok = outcome is Outcome.OK
    source = f"x = {step}\n" if source is None else source
    values = dict(
        run="r1", step=step, batch=step, group=0, member=0, task="toy_4", family="toy", task_version="v1",
        outcome=outcome, value=score if ok else None, score=score if ok else 0.0, program=core.Program(source),
        island=island, parent=parent if step else None, edit="diff" if step else "seed",
        features={"complexity": float(len(source)), "diversity": 0.5} if features is None else features)
    return core.Attempt(**{**values, **fields})
  return make
