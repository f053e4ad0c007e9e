"""The plan of a corpus follows from tallies alone: quotas, limits, recipes, and no order of events in it."""

import random

import pytest

from eft_jax import core
from eft_jax.core.settings import ConfigError
from eft_jax.corpus import settings as settings_lib
from eft_jax.corpus.plan import Plan, Tally


def make_task(name, language="python"):
  return core.Task(name=name, family=name, domain="mathematical_discovery", statement="s", brief="b", seed="x = 1\n",
                   entry="f", direction="max", baseline=0.0, best_known=1.0, source="own", language=language,
                   evaluate=lambda session: None)


def make_settings(**changes):
  return settings_lib.CorpusSettings(**{"rows": 4000, "improved": 800, "steps": 50, **changes})


def tally(job, kept=0.8, improved=0.3, fresh=1.0):
  """What a run brings, as a function of its seed; `fresh` of the rows are not in other runs of the task."""
  rows = [hash((job.task, i if i >= fresh * kept * job.steps else (job.seed, i))) for i in range(int(kept * job.steps))]
  return Tally(job.recipe, job.steps, tuple(rows), tuple(rows[:int(improved * job.steps)]), {}, {}, {}, 0.0, 1.0, 1.0)


def play(plan, brings=lambda job: tally(job), workers=3, seed=0):
  """Runs a plan with workers that finish in some order; the jobs, sorted."""
  draw, under_way, jobs = random.Random(seed), [], []
  while True:
    while len(under_way) < workers and (job := plan.next()) is not None:
      plan.states[job.task].running = True
      under_way.append(job)
    if not under_way:
      return sorted(jobs, key=lambda job: (job.task, job.index))
    job = under_way.pop(draw.randrange(len(under_way)))
    plan.states[job.task].running = False
    plan.states[job.task].add(brings(job))
    jobs.append(job)


def test_every_task_gets_its_part_in_the_same_runs_whatever_ends_first():
  tasks = [make_task(f"t{i}") for i in range(8)]
  plans = [Plan(make_settings(), tasks) for _ in range(3)]
  first, *others = [play(plan, workers=workers, seed=workers) for workers, plan in zip((1, 3, 8), plans, strict=True)]
  assert first and all(found == first for found in others)
  assert all(plan.rows >= 4000 and plan.improved >= 800 for plan in plans)
  assert all(state.met and len(state.kept) < 1.2 * 500 for state in plans[0].states.values())
  assert len({job.seed for job in first}) == len(first) and {job.steps for job in first} == {50}


def test_a_task_that_improves_little_gets_more_runs_of_what_works_up_to_its_effort():
  tasks = [make_task("easy"), make_task("hard")]
  works = lambda job: 0.03 if job.recipe == "full_beam" else 0.0
  brings = lambda job: tally(job) if job.task == "easy" else tally(job, 0.4, works(job))
  plan = Plan(make_settings(rows=1000, improved=200, share=1.0), tasks)
  jobs = play(plan, brings)
  easy, hard = plan.states["easy"], plan.states["hard"]
  assert plan.why(easy) == "quota" and plan.why(hard) == "effort" and 3 * 500 <= hard.attempts < 3 * 500 + 50
  late = [job.recipe for job in jobs if job.task == "hard" and job.index >= 8]
  assert late.count("full_beam") >= len(late) / 2 and len(late) > 15
  assert {job.recipe for job in jobs if job.task == "hard" and job.index < 7} == set(make_settings().recipes)


def test_what_is_missing_in_the_sum_is_divided_among_those_that_can():
  tasks = [make_task(f"t{i}") for i in range(10)]
  brings = lambda job: tally(job, 0.1 if job.task == "t0" else 0.8)
  plan = Plan(make_settings(share=0.15), tasks)
  play(plan, brings)
  assert plan.rows >= 4000 and plan.improved >= 800 and plan.why(plan.states["t0"]) == "effort"
  assert max(len(state.kept) for state in plan.states.values()) <= plan.most + 50


def test_no_task_goes_on_above_its_share_and_doubles_do_not_count():
  tasks = [make_task(f"t{i}") for i in range(4)]
  plan = Plan(make_settings(share=0.01, effort=10.0), tasks)
  assert plan.most == 2000  # with four tasks, twice the mean part
  play(plan, lambda job: tally(job, improved=0.0))
  assert {plan.why(state) for state in plan.states.values()} == {"share"}
  doubles = Plan(make_settings(), tasks)
  play(doubles, lambda job: tally(job, fresh=0.1))
  assert all(len(state.kept) == len(set().union(*(t.rows for t in state.tallies))) < 1000
             for state in doubles.states.values())
  assert {doubles.why(state) for state in doubles.states.values()} == {"effort"}


def test_cpp_has_a_smaller_part_and_time_stops_a_task():
  plan = Plan(make_settings(rows=3000, task_seconds=4.0), [make_task("a"), make_task("b", "cpp"), make_task("c")])
  assert [plan.states[name].rows for name in "abc"] == [1200, 600, 1200]
  play(plan)
  assert [len(plan.states[name].tallies) for name in "abc"] == [4, 4, 4]
  assert {plan.why(state) for state in plan.states.values()} == {"time"}


@pytest.mark.parametrize("changes,match", [
    ({"scale": 0.0}, "scale"), ({"share": 2.0}, "share"), ({"effort": 0.5}, "effort"), ({"steps": 3}, "steps"),
    ({"improved": 5000}, "improved"), ({"recipes": {}}, "recipes"),
    ({"recipes": {"a/b": settings_lib.RecipeSettings()}}, "recipes"), ({"processes": -1}, "processes")])
def test_bad_settings_name_their_key(changes, match):
  with pytest.raises(ConfigError, match=match):
    make_settings(**changes)
