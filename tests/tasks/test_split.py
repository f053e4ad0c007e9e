"""The split: no family stands on both sides, and what is held out is unlike what is trained on."""

import collections
import math
import re

from eft_jax import core
from eft_jax.core import task as task_lib

TASKS = core.load_all()
SPLIT = task_lib.read_split()


def test_every_held_out_family_says_which_of_its_tasks_are_compared():
  names = task_lib.evaluation_tasks()
  assert len(names) == len(set(names)) == 22
  assert all(TASKS[name].family == family for family, tasks in SPLIT.items() for name in tasks)
  assert set(SPLIT) <= {task.family for task in TASKS.values()}, "held_out.txt names a family without a folder"


def test_no_family_stands_on_both_sides():
  sides = collections.defaultdict(set)
  for task in TASKS.values():
    sides[task.family].add(task.split)
  assert all(len(found) == 1 for found in sides.values())
  train = {family for family, found in sides.items() if found == {"train"}}
  assert train and not train & set(SPLIT)
  # A family whose name begins with another's is that one's relative.
  assert not [(a, b) for a in train for b in SPLIT if a.startswith(b + "_") or b.startswith(a + "_")]


def test_the_nearest_training_family_of_each_held_out_task_is_another_problem(record_property):
  """Statements are compared as words by cosine with inverse document frequency; the list is the test's property."""
  words = {task.name: collections.Counter(re.findall(r"[a-z]{3,}", task.statement.lower())) for task in TASKS.values()}
  counts = collections.Counter(word for found in words.values() for word in found)
  vectors = {name: {w: n * math.log(len(words) / counts[w]) for w, n in found.items()} for name, found in words.items()}
  near = {}
  for name in (name for name, task in TASKS.items() if task.split == "heldout"):
    near[name] = max((cosine(vectors[name], vectors[other]), TASKS[other].family) for other in TASKS
                     if TASKS[other].split == "train")
    record_property(name, f"{near[name][1]} {near[name][0]:.2f}")
  for name, (likeness, family) in sorted(near.items(), key=lambda item: -item[1][0]):
    print(f"{name}: nearest training family {family} ({likeness:.2f})")
  assert max(near.values())[0] < 0.6


def cosine(a: dict[str, float], b: dict[str, float]) -> float:
  dot = sum(value * b.get(word, 0.0) for word, value in a.items())
  return dot / max(1e-9, math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values())))
