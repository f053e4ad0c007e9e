"""The loop: one trace for any number of workers and any interruption, and every failure a stored attempt."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from eft_jax import core
from eft_jax import store as store_lib
from eft_jax.core import Outcome, Response
from eft_jax.core.settings import ConfigError
from eft_jax.search import archives, edits, loop
from eft_jax.search.prompts import PromptSettings
from eft_jax.search.proposers import ProposerError, Sampling, scripted
from eft_jax.search.settings import SearchSettings

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASK = "thomson_energy_12"


def settings(**fields):
  return SearchSettings(**{"task": TASK, "steps": 40, **fields})


def trace(workdir):
  with store_lib.Store(workdir / "attempts.db", read_only=True) as store:
    store_lib.export_trace(store, workdir / "trace.jsonl")
  return (workdir / "trace.jsonl").read_text()


def attempts(workdir):
  with store_lib.Store(workdir / "attempts.db", read_only=True) as store:
    return list(store.read())


@pytest.fixture
def run(fake):
  def run(values, workdir, pool=None, proposer=None, stop_at=None):
    return loop.run_search(values, workdir, fake.Quiet(stop_at), proposer, evaluate_pool=pool or fake.Pool())
  return run


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
  monkeypatch.setattr(loop, "BACKOFF", 0.001)


CLOCKS = [dict(batch=1, lag=1), dict(batch=1, lag=6), dict(batch=4, group_size=2, lag=1), dict(batch=4, lag=3)]


@pytest.mark.parametrize("clock", CLOCKS)
def test_one_trace_for_any_number_of_workers_and_delays(tmp_path, fake, run, clock):
  values = settings(prompt=PromptSettings(rewrite_share=0.3), **clock)
  for name, pool in (("a", fake.Pool(1)), ("b", fake.Pool(2, 0.01)), ("c", fake.Pool(8, 0.02))):
    run(values, tmp_path / name, pool)
  assert trace(tmp_path / "a") == trace(tmp_path / "b") == trace(tmp_path / "c")
  assert len({a.seed for a in attempts(tmp_path / "a")}) == 41


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_batch_is_chosen_from_the_batches_that_it_may_see(tmp_path, fake, run, clock):
  values = settings(**clock)
  run(values, tmp_path, fake.Pool(4, 0.01))
  done = attempts(tmp_path)
  for attempt in done[1:]:
    archive = archives.make(values.archive)
    for earlier in done:
      if earlier.batch < max(attempt.batch + 1 - values.lag, 1):
        archive.add(earlier)
    assert attempt.archive_digest == archive.digest
    assert attempt.batch == (attempt.step - 1) // values.batch + 1
    parent = done[attempt.parent]
    assert parent.ok and parent.batch < max(attempt.batch + 1 - values.lag, 1)
    assert attempt.parent_hash == parent.program.hash and attempt.generation == parent.generation + 1


def test_seed_batch_and_lag_change_the_trace(tmp_path, run):
  base = dict(steps=12, batch=1, lag=2)
  for index, change in enumerate(({}, {"seed": 1}, {"batch": 2}, {"lag": 3})):
    run(settings(**{**base, **change}), tmp_path / str(index))
  assert len({trace(tmp_path / str(i)) for i in range(4)}) == 4


def test_results_and_files(tmp_path, run):
  result = run(settings(steps=200), tmp_path)
  done = attempts(tmp_path)
  best = max((a for a in done if a.ok), key=lambda a: a.score)
  assert result["steps"] == 200 and result["attempts"] == 201 == len(done)
  assert (result["best_score"], result["best_value"], result["best_step"]) == (best.score, best.value, best.step)
  assert result["initial_score"] == done[0].score and done[0].parent is None
  assert sum(result["outcomes"].values()) == 201 and result["outcomes"]["crash"] > 0
  assert result["curve"][0] == [0, done[0].score] and result["curve"][-1] == [best.step, best.score]
  assert all(b[1] > a[1] for a, b in zip(result["curve"], result["curve"][1:], strict=False))
  assert pathlib.Path(result["best_program"]).read_text() == best.program.source
  (events,) = (tmp_path / "tensorboard").glob("events.out.tfevents.*")
  assert b"search/best_score" in events.read_bytes() and b"search/share_ok" in events.read_bytes()
  assert json.loads(json.dumps(result)) == result


def test_children_follow_from_their_parents_and_replies(tmp_path, run):
  run(settings(prompt=PromptSettings(rewrite_share=0.5)), tmp_path)
  done = attempts(tmp_path)
  assert {a.edit for a in done} == {"seed", "diff", "rewrite"}
  for a in done[1:]:
    child = edits.apply(done[a.parent].program.source, a.response.text, a.edit, "python")
    assert child.source == a.program.source and a.response.reasoning and "0x7f00" not in str(a.artifacts)
    assert a.outcome is Outcome.DUPLICATE or a.features or not a.ok


SHARES = PromptSettings(profile="full", rewrite_share=0.2, crossover_share=0.3, fix_share=0.3)


def test_fix_and_crossover_follow_from_what_they_name(tmp_path, fake, run):
  pool = fake.Pool(4, 0.01)
  run(settings(steps=150, prompt=SHARES), tmp_path / "a", pool)
  done = attempts(tmp_path / "a")
  kinds = {kind: [a for a in done if a.edit == kind] for kind in ("diff", "rewrite", "crossover", "fix")}
  assert all(len(found) >= 8 for found in kinds.values()), {kind: len(found) for kind, found in kinds.items()}
  for a in kinds["fix"]:
    broken = done[a.parent]
    assert not broken.ok and broken.program.source.strip() in a.prompt.user and a.parent_hash == broken.program.hash
    assert a.generation == broken.generation + 1
  for a in kinds["crossover"]:
    second = done[a.inspirations[0]]
    assert done[a.parent].ok and second.ok and second.step != a.parent
    assert f"## Second program\n\n### Score {second.score:.4f}" in a.prompt.user
  starts = {program.hash: previous for program, previous in pool.calls}
  with store_lib.Store(tmp_path / "a" / "attempts.db", read_only=True) as store:
    for a in kinds["fix"]:
      if a.outcome is not Outcome.DUPLICATE and a.program is not None and a.outcome is not Outcome.SYNTAX:
        origin = done[a.parent]
        while not origin.ok:
          origin = done[origin.parent]
        assert store.start_of(a.parent) == origin.construction
        np.testing.assert_array_equal(starts[a.program.hash], store.construction(origin.construction))
  run(settings(steps=150, prompt=SHARES), tmp_path / "b", fake.Pool(1))
  with pytest.raises(KeyboardInterrupt):
    run(settings(steps=150, prompt=SHARES), tmp_path / "c", stop_at=77)
  run(settings(steps=150, prompt=SHARES), tmp_path / "c")
  assert trace(tmp_path / "a") == trace(tmp_path / "b") == trace(tmp_path / "c")


@pytest.mark.parametrize("stop_at", [0, 1, 7, 16, 39])
@pytest.mark.parametrize("clock", [dict(lag=5), dict(batch=4, lag=2)])
def test_stop_and_go_on_gives_the_same_trace(tmp_path, fake, run, stop_at, clock):
  values = settings(**clock)
  run(values, tmp_path / "whole")
  with pytest.raises(KeyboardInterrupt):
    run(values, tmp_path / "parts", fake.Pool(3, 0.005), stop_at=stop_at)
  assert len(attempts(tmp_path / "parts")) >= stop_at
  result = run(values, tmp_path / "parts", fake.Pool(2, 0.005))
  assert trace(tmp_path / "parts") == trace(tmp_path / "whole")
  again = run(values, tmp_path / "parts")  # nothing left to do
  assert again == result


def test_more_steps_go_on_with_a_finished_run(tmp_path, run):
  run(settings(steps=40), tmp_path / "whole")
  for steps in (8, 8, 30, 40):
    run(settings(steps=steps), tmp_path / "parts")
  assert trace(tmp_path / "parts") == trace(tmp_path / "whole")


_CHILD = """
import importlib.util, sys
sys.path.insert(0, {root!r})
spec = importlib.util.spec_from_file_location("fakes", {conftest!r})
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
from eft_jax.search import loop
from eft_jax.search.settings import SearchSettings
class Shown(fakes.Quiet):
  def __call__(self, done, total, unit="step", text="", force=False):
    print(done, flush=True)
loop.run_search(SearchSettings(task={task!r}, steps=300, batch=2, lag=4), sys.argv[1], Shown(),
                evaluate_pool=fakes.FakePool(4, 0.004))
"""


@pytest.mark.slow
def test_kill_at_any_instant_then_the_same_trace(tmp_path, run):
  code = _CHILD.format(root=str(ROOT), conftest=str(pathlib.Path(__file__).with_name("conftest.py")), task=TASK)
  kills = 0
  for delay in (0.0, 0.05, 0.1, 0.15, 0.2, 30.0):
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "killed")], stdout=subprocess.PIPE)
    shown = process.stdout.readline()
    deadline = time.monotonic() + delay
    while process.poll() is None and time.monotonic() < deadline:
      time.sleep(0.005)
    if process.poll() is None:
      os.kill(process.pid, signal.SIGKILL)
      kills += 1
    shown = (shown + process.stdout.read()).split(b"\n")
    assert process.wait() in (0, -signal.SIGKILL)
    counted = int(shown[-2]) if len(shown) > 1 else 0
    assert attempts(tmp_path / "killed")[-1].step >= counted  # stored before it is counted
  assert kills >= 3
  run(SearchSettings(task=TASK, steps=300, batch=2, lag=4), tmp_path / "whole")
  assert trace(tmp_path / "killed") == trace(tmp_path / "whole")


class Replies:
  """Answers with given texts in turn."""

  name = "replies"

  def __init__(self, *replies):
    self.replies, self.asked = list(replies), []

  def propose(self, requests):
    self.asked += requests
    return [self.replies[(len(self.asked) - len(requests) + i) % len(self.replies)] for i in range(len(requests))]


def block(old, new):
  return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"


LINE = core.load(TASK).seed.rstrip("\n").split("\n")[-1]


def test_every_failure_of_a_reply_is_an_attempt(tmp_path, fake, run):
  replies = Replies(
      Response("I give up."), Response(block("no such line", "x")), Response(block(LINE, LINE)),
      Response(block(LINE, "    return (")), Response(block(LINE, LINE)[:30], finish="length"),
      Response(block(LINE, LINE + "  # " + "y" * 3000)), Response("thinking", finish="length"))
  pool = fake.Pool()
  run(settings(steps=7, archive=archives.ArchiveSettings(kind="best_of_n"), max_program_chars=2500), tmp_path, pool,
      replies)
  done = attempts(tmp_path)
  assert [a.outcome.value for a in done] == [
      "ok", "no_edit", "no_match", "no_change", "syntax", "truncated", "too_long", "truncated"]
  assert all(a.message and a.value is None and (a.program is None) == (a.outcome is not Outcome.SYNTAX)
             for a in done[1:])
  assert [a.response for a in done[1:]] == replies.replies
  assert len(pool.calls) == 1


def test_a_program_that_does_not_parse_is_kept_and_is_no_duplicate_of_itself(tmp_path, fake, run):
  pool, values = fake.Pool(), settings(steps=4, archive=archives.ArchiveSettings(kind="best_of_n"))
  result = run(values, tmp_path, pool, Replies(Response(block(LINE, "    return ("))))
  done = attempts(tmp_path)
  assert [a.outcome for a in done[1:]] == [Outcome.SYNTAX] * 4 and len(pool.calls) == 1
  assert all(a.program.source == core.load(TASK).seed.replace(LINE, "    return (") for a in done[1:])
  assert result["valid_edit_share"] == 0.0
  assert run(values, tmp_path, pool, Replies()) == result  # replayed


def test_the_attempt_says_where_a_block_was_not_taken_literally(tmp_path, run):
  run(settings(steps=1), tmp_path, None, Replies(Response(block(LINE.strip(), LINE.strip() + " * 2"))))
  assert "found at another indentation" in attempts(tmp_path)[1].message


def test_a_duplicate_is_not_evaluated_again_and_names_the_first(tmp_path, fake, run):
  values = settings(steps=6, lag=3, archive=archives.ArchiveSettings(kind="best_of_n"))
  pool = fake.Pool(4, 0.02)
  run(values, tmp_path, pool, Replies(Response(block(LINE, LINE + " * 2")), Response(block(LINE, LINE + " * 3"))))
  done = attempts(tmp_path)
  assert [a.outcome is Outcome.DUPLICATE for a in done[1:]] == [False, False, True, True, True, True]
  assert "step 1" in done[3].message and "step 2" in done[4].message and done[3].program.hash == done[1].program.hash
  assert len(pool.calls) == 3
  seed = core.load(TASK).seed
  back = Replies(Response(f"```python\n{seed}C = 1\n```"))
  run(settings(steps=3, prompt=PromptSettings(rewrite_share=1.0)), tmp_path / "same", fake.Pool(), back)
  assert [a.outcome is Outcome.DUPLICATE for a in attempts(tmp_path / "same")[1:]] == [False, True, True]


def test_within_a_batch_the_later_member_is_the_duplicate(tmp_path, run):
  run(settings(steps=4, batch=4), tmp_path, None, Replies(Response(block(LINE, LINE + " * 2"))))
  assert [a.outcome is Outcome.DUPLICATE for a in attempts(tmp_path)[1:]] == [False, True, True, True]


def test_the_parents_construction_is_handed_on(tmp_path, fake, run):
  pool = fake.Pool()
  run(settings(), tmp_path / "on", pool)
  done = attempts(tmp_path / "on")
  evaluated = [a for a in done if a.outcome is not Outcome.DUPLICATE]
  with store_lib.Store(tmp_path / "on" / "attempts.db", read_only=True) as store:
    calls = {program.hash: previous for program, previous in pool.calls}
    for a in evaluated[1:]:
      np.testing.assert_array_equal(calls[a.program.hash], store.construction(done[a.parent].construction))
  assert pool.calls[0][1] is None
  pool = fake.Pool()
  run(settings(previous=False), tmp_path / "off", pool)
  assert all(previous is None for _, previous in pool.calls)
  assert all(a.construction is None for a in attempts(tmp_path / "off"))


def test_the_same_program_from_another_start_is_no_duplicate_where_it_reads_it(tmp_path, run):
  seed = core.load(TASK).seed
  reader = seed.replace(LINE, f"    if previous is not None:\n        return previous\n{LINE}")
  sources = (seed + "A = 1\n", reader, seed + "B = 1\n", reader, seed + "C = 1\n", reader)
  replies = [Response(f"```python\n{source}\n```") for source in sources]
  values = settings(steps=120, lag=1, prompt=PromptSettings(rewrite_share=1.0))
  run(values, tmp_path, None, Replies(*replies))
  readers = [a for a in attempts(tmp_path)[1:] if a.program and a.program.source == reader]
  fresh = [a for a in readers if a.outcome is not Outcome.DUPLICATE]
  done = attempts(tmp_path)
  assert len({done[a.parent].construction for a in fresh}) == len(fresh) > 1
  others = [a for a in attempts(tmp_path)[1:] if a.program and a.program.source == seed + "A = 1\n"]
  assert [a.outcome is Outcome.DUPLICATE for a in others] == [False] + [True] * (len(others) - 1)
  run(values, tmp_path / "again", None, Replies(*replies))
  with pytest.raises(KeyboardInterrupt):
    run(values, tmp_path / "parts", None, Replies(*replies), stop_at=60)
  # The replies do not go on where they stopped; what counts is that the replay knows programs by their start.
  run(values, tmp_path / "parts", None, Replies(*replies))
  again = [a for a in attempts(tmp_path / "parts")[1:] if a.program and a.program.source == reader]
  fresh = [a for a in again if a.outcome is not Outcome.DUPLICATE]
  done = attempts(tmp_path / "parts")
  assert len({done[a.parent].construction for a in fresh}) == len(fresh)


def test_infra_of_the_evaluation_is_recorded_and_retried(tmp_path, fake, run):
  run(settings(steps=20), tmp_path / "smooth")
  pool = fake.Pool()
  victim = next(a for a in attempts(tmp_path / "smooth")[5:] if a.outcome is not Outcome.DUPLICATE)
  pool.infra = {victim.program.hash: 2, core.load(TASK).seed_program.hash: 1}
  result = run(settings(steps=20), tmp_path / "rough", pool)
  done = attempts(tmp_path / "rough")
  assert [(a.outcome.value, a.retry) for a in done if a.step == victim.step] == [
      ("infra", 0), ("infra", 1), (victim.outcome.value, 2)]
  assert [(a.outcome.value, a.retry) for a in done if a.step == 0] == [("infra", 0), ("ok", 1)]
  assert result["attempts"] == 24 and result["outcomes"]["infra"] == 3 and result["steps"] == 20
  smooth = [(a.step, a.program, a.outcome, a.archive_digest) for a in attempts(tmp_path / "smooth")]
  rough = [(a.step, a.program, a.outcome, a.archive_digest) for a in done if a.outcome is not Outcome.INFRA]
  assert rough == smooth  # the fold does not see infra


def test_infra_without_end_stops_the_run_which_keeps_all_and_goes_on(tmp_path, fake, run):
  run(settings(steps=20), tmp_path / "smooth")
  victim = next(a for a in attempts(tmp_path / "smooth")[8:] if a.outcome is not Outcome.DUPLICATE)
  pool = fake.Pool()
  pool.infra = {victim.program.hash: 99}
  values = settings(steps=20, retries=2)
  with pytest.raises(ConfigError, match=f"Step {victim.step} failed 3 times.*worker died"):
    run(values, tmp_path / "rough", pool)
  done = attempts(tmp_path / "rough")
  assert sum(a.outcome is Outcome.INFRA for a in done) == 3
  assert [a.step for a in done if a.outcome is not Outcome.INFRA] == list(range(victim.step))
  run(values, tmp_path / "rough")
  final = [a for a in attempts(tmp_path / "rough") if a.step == victim.step]
  assert [a.retry for a in final] == [0, 1, 2, 3] and final[-1].outcome is victim.outcome


class Gone(scripted.Scripted):
  """A scripted proposer behind a server that is away at times."""

  concurrency = 2

  def __init__(self, failures):
    self.failures = failures

  def propose(self, requests):
    if self.failures:
      self.failures -= 1
      raise ProposerError("No server at http://nowhere.")
    return super().propose(requests)


def test_a_server_that_is_away_for_a_while(tmp_path, fake, run):
  run(settings(steps=16, batch=4, lag=1), tmp_path / "smooth")
  run(settings(steps=16, batch=4, lag=1), tmp_path / "rough", None, Gone(2))
  final = [a for a in attempts(tmp_path / "rough") if a.outcome is not Outcome.INFRA]
  assert [a.program for a in final] == [a.program for a in attempts(tmp_path / "smooth")]
  infra = [a for a in attempts(tmp_path / "rough") if a.outcome is Outcome.INFRA]
  assert [(a.step, a.retry) for a in infra] == [(s, r) for s in (1, 2, 3, 4) for r in (0, 1)]
  assert all("No server" in a.message for a in infra)
  with pytest.raises(ConfigError, match="No server at http://nowhere"):
    run(settings(steps=16, batch=4, lag=1, retries=1), tmp_path / "never", None, Gone(99))


def test_only_the_aborted_members_of_a_batch_are_asked_again(tmp_path, run):
  class Aborting(scripted.Scripted):
    asked = []

    def propose(self, requests):
      self.asked.append(len(requests))
      replies = super().propose(requests)
      return [Response("", finish="abort"), *replies[1:]] if len(self.asked) == 1 else replies
  proposer = Aborting()
  run(settings(steps=4, batch=4), tmp_path, None, proposer)
  assert proposer.asked == [4, 1]
  assert [(a.step, a.outcome.value) for a in attempts(tmp_path)][:3] == [(0, "ok"), (1, "infra"), (1, attempts(
      tmp_path)[2].outcome.value)]


def test_a_bug_of_the_proposer_is_not_hidden(tmp_path, run):
  class Broken(scripted.Scripted):
    concurrency = 1

    def propose(self, requests):
      raise ZeroDivisionError("bug")
  with pytest.raises(ZeroDivisionError, match="bug"):
    run(settings(), tmp_path, None, Broken())


def test_a_prompt_that_does_not_fit_is_too_long(tmp_path, fake, run):
  pool = fake.Pool()
  result = run(settings(steps=6, batch=2, prompt=PromptSettings(budget=60)), tmp_path, pool)
  assert result["outcomes"] == {"ok": 1, "too_long": 6} and len(pool.calls) == 1
  assert all("budget is 60" in a.message for a in attempts(tmp_path)[1:])


def test_full_prompts_record_what_they_show(tmp_path, run):
  run(settings(prompt=PromptSettings(profile="full")), tmp_path)
  done = attempts(tmp_path)
  assert any(len(a.inspirations) >= 3 for a in done)
  for a in done[1:]:
    for step in a.inspirations:
      assert done[step].program.source.rstrip() in a.prompt.user


def test_a_full_disk_stops_the_run_and_nothing_is_lost(tmp_path, run, monkeypatch):
  run(settings(), tmp_path / "whole")
  append, calls = store_lib.Store.append, []

  def full(self, attempts, constructions=None):
    calls.append(attempts)
    if len(calls) == 15:
      self._connection.execute("PRAGMA max_page_count = 1")  # SQLite keeps what it has and takes no more
    append(self, attempts, constructions)
  monkeypatch.setattr(store_lib.Store, "append", full)
  with pytest.raises(OSError, match="full"):
    run(settings(), tmp_path / "full")
  monkeypatch.undo()
  assert 14 <= len(attempts(tmp_path / "full")) < 41
  run(settings(), tmp_path / "full")
  assert trace(tmp_path / "full") == trace(tmp_path / "whole")


@pytest.mark.parametrize("change, words", [
    (dict(task="thomson_energy_99"), "Unknown task 'thomson_energy_99'"),
    (dict(archive=archives.ArchiveSettings(features=("spin",))), "archive.features names 'spin'.*nearest")])
def test_what_the_user_must_change(tmp_path, run, change, words):
  with pytest.raises(ConfigError, match=words):
    run(settings(**change), tmp_path)


def test_a_seed_program_that_fails_stops_the_run_at_once_and_again(tmp_path, fake, run):
  pool = fake.Pool()
  pool.seed_outcome = Outcome.CRASH
  for _ in range(2):
    with pytest.raises(ConfigError, match="seed program of thomson_energy_12 is crash: no luck"):
      run(settings(), tmp_path, pool)
  assert len(attempts(tmp_path)) == 1 == len(pool.calls)


def test_another_run_in_the_folder_is_refused(tmp_path, run):
  run(settings(steps=4), tmp_path)
  with pytest.raises(ConfigError, match="another configuration"):
    run(settings(steps=4, seed=1), tmp_path)
  with pytest.raises(ConfigError, match="another proposer"):
    run(settings(steps=4), tmp_path, None, Replies(Response("")))
  run(settings(steps=8, workers=7), tmp_path)


def test_a_folder_that_cannot_be_used(tmp_path, run):
  (tmp_path / "file").write_text("")
  with pytest.raises(ConfigError, match="cannot be used"):
    run(settings(), tmp_path / "file" / "deeper")


@pytest.mark.parametrize("change, words", [
    (dict(steps=7, batch=2), "config.steps"), (dict(batch=3, group_size=2), "config.batch"),
    (dict(lag=0), "config.lag"), (dict(archive=archives.ArchiveSettings(top=5)), "config.archive.top has no effect"),
    (dict(sampling=Sampling(temperature=1.0)), "config.sampling has no effect"),
    (dict(prompt=SHARES, archive=archives.ArchiveSettings(kind="best_of_n")), "config.prompt.crossover_share")])
def test_impossible_settings(change, words):
  with pytest.raises(ConfigError, match=words):
    settings(**change)


def test_pareto_needs_a_task_with_instances(tmp_path, fake, run):
  values = settings(steps=60, archive=archives.ArchiveSettings(kind="pareto"))
  run(values, tmp_path / "with")
  done = [a for a in attempts(tmp_path / "with") if a.ok]
  assert all(len(a.instances) == 4 for a in done) and len({a.parent for a in done}) > 2
  pool = fake.Pool()
  pool.instances = False
  with pytest.raises(ConfigError, match=f"'pareto' needs scores per instance, which {TASK} does not report"):
    run(values, tmp_path / "without", pool)
  assert attempts(tmp_path / "without") == []  # refused before anything is stored
  run(settings(steps=60), tmp_path / "islands", pool)
