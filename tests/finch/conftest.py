"""Attempts of an invented little run, and tasks for them."""

import dataclasses

import pytest

from eft_jax import core
from eft_jax.finch import transitions


def make_task(name="ruler_4", family="ruler", direction="max", split="train"):
  sign = 1.0 if direction == "max" else -1.0
  return core.Task(name=name, family=family, domain="mathematical_discovery", statement="s", brief="b",
                   seed="x = 1\n", entry="f", direction=direction, baseline=0.0, best_known=sign * 10.0, source="own",
                   evaluate=lambda session: None, version="v1", split=split)


def make_attempt(step, source="x = 1\n", value=1.0, *, parent=0, parent_source="x = 1\n", outcome="ok", run="r1",
                 task="ruler_4", family="ruler", text=None, reasoning="", edit="diff", **changes):
  """An attempt; source None means that the reply gave no program."""
  outcome = core.Outcome(outcome)
  ok = outcome is core.Outcome.OK
  attempt = core.Attempt(
      run=run, step=step, batch=step, group=0, member=0, task=task, family=family, task_version="v1", outcome=outcome,
      parent=parent if edit != "seed" else None,
      parent_hash=core.Program(parent_source).hash if edit != "seed" else "", generation=step, island=step % 3,
      prompt=core.Prompt("You improve programs.", f"Program {step} of {run}:\n{parent_source}"),
      response=core.Response(text if text is not None else f"Reason {step}.\n```\n{source}```", reasoning,
                             weight_version="w7"),
      proposer="scripted", sampling={"temperature": 0.7}, seed=step * 11, edit=edit,
      program=None if source is None else core.Program(source), value=value if ok else None,
      score=(value / 10.0) if ok else 0.0, metrics={"size": float(step), "only_child": 1.0} if ok and step else
      {"size": 0.25} if ok else {}, wall_seconds=0.5)
  return dataclasses.replace(attempt, **changes)


def make_seed(run="r1", **changes):
  return make_attempt(0, edit="seed", run=run, **changes)


@pytest.fixture
def tasks():
  made = [make_task(), make_task("cost_2", "cost", "min"), make_task("secret_1", "secret", split="heldout")]
  return {task.name: task for task in made}


class CharCounter:
  """One token per character, plus two for the template."""

  name = "chars"

  def __call__(self, prompt, response):
    parts = [len(prompt.system), len(prompt.user), len(response.reasoning), len(response.text)]
    return transitions.Lengths(*parts, sum(parts) + 2)


@pytest.fixture
def measure():
  return CharCounter()


@pytest.fixture
def attempt():
  return make_attempt


@pytest.fixture
def seed():
  return make_seed
