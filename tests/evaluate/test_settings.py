"""Which tasks an evaluation takes."""

from eft_jax.core import task as task_lib
from eft_jax.evaluate import EvaluateSettings


def test_heldout_is_every_task_that_the_split_names():
  names = EvaluateSettings(tasks="heldout").task_names
  assert len(names) == 22 and names == task_lib.evaluation_tasks()
  two = EvaluateSettings(tasks="thomson_energy_8, golomb_ruler_10").task_names
  assert two == ("thomson_energy_8", "golomb_ruler_10")
