"""The plain archives."""

from eft_jax.core import Outcome
from eft_jax.search import archives


def test_topk_draws_from_the_k_best(make_attempt):
  archive = archives.make(archives.ArchiveSettings(kind="topk", k=3, top=1))
  archive.add(make_attempt(0, 0.1))
  for step, score in ((1, 0.5), (2, 0.2), (3, 0.9), (4, 0.05)):
    archive.add(make_attempt(step, score))
  choices = archive.choose(3, 0, 60)
  assert {c.parent.step for c in choices} == {3, 1, 2} and len(archive) == 3
  assert {c.top[0].step for c in choices if c.parent.step != 3} == {3}
  assert {c.top[0].step for c in choices if c.parent.step == 3} == {1}


def test_best_of_n_always_starts_from_the_seed(make_attempt):
  archive = archives.make(archives.ArchiveSettings(kind="best_of_n"))
  archive.add(make_attempt(0, 0.1))
  archive.add(make_attempt(1, 0.9))
  archive.add(make_attempt(2, outcome=Outcome.CRASH))
  assert [c.parent.step for c in archive.choose(3, 5, 3)] == [0, 0, 0]
  assert [a.step for a in archive.choose(3, 5, 1)[0].previous] == [1, 2]
