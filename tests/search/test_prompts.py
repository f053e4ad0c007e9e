"""Prompts: what they hold, what goes first when the budget is short, and that the program can be read back."""

import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax import core
from eft_jax.core import Outcome, Prompt, Response
from eft_jax.core.settings import ConfigError
from eft_jax.search import archives, prompts

TASK = core.load("thomson_energy_12")


@pytest.fixture
def attempt(make_attempt):
  def make(step, score=0.5, outcome=Outcome.OK, reason="", **fields):
    fields = {"source": TASK.seed if step == 0 else f"{TASK.seed}# {step}\n", **fields}
    return make_attempt(step, score, outcome, response=Response("<<<<<<< SEARCH", reason), **fields)
  return make


@pytest.fixture
def choice(attempt):
  parent = attempt(0, 0.5, metrics={"nearest": 0.25}, artifacts={"trace": "norm was 3.2"},
                   features={"complexity": 400.0, "diversity": 0.1})
  tries = (attempt(5, 0.4, reason="Raise step from 0.1 to 0.2."),
           attempt(6, outcome=Outcome.CRASH, reason="Lower n.", message="IndexError: line\n 3",
                   artifacts={"stdout": "hey"}))
  return archives.Choice(parent, (attempt(1, 0.9), attempt(2, 0.8)), (attempt(3, 0.1),), tries, 2)


def test_compact_has_all_in_few_tokens(choice):
  built = prompts.compose(TASK, choice, "compact", "diff")
  user = built.prompt.user
  assert TASK.brief in user and "Score: 0.5000 (value 0.5, lower is better)" in user
  assert "Last try: Lower n. Result: crash: IndexError: line 3" in user
  assert f"```python\n{TASK.seed.rstrip()}\n```" in user and user.count("\n>>>>>>> REPLACE") == 1
  assert built.shown == () and built.tokens < 450
  assert "SEARCH" not in prompts.build(TASK, choice, "compact", "rewrite").user


@pytest.fixture(scope="module")
def count():
  return prompts.counter("smollm2_135m")


def test_compact_is_about_250_true_tokens(choice, count):
  shown = prompts.compose(TASK, dataclasses.replace(choice, previous=()), "compact", "diff", count)
  assert shown.tokens == count(shown.prompt)
  assert 200 < shown.tokens < 320, shown.tokens


def test_the_estimate_is_cautious_on_programs_and_prose(count):
  strange = ("x = 1.23456789e-10\n" * 20, "héllo wörld 你好 😀 " * 9, prompts._FORM)
  for task in core.load_all().values():
    for text in (task.statement, task.seed, task.seed * 5, *strange):
      prompt = Prompt("You help.", text)
      assert count(prompt) <= prompts.estimate(prompt) <= 2.2 * count(prompt) + 40


def test_compact_has_room_for_programs_in_cpp(choice, attempt, count):
  """By the estimate, which takes brackets for tokens, and by true tokens."""
  for task in core.load_all().values():
    if task.language == "cpp":
      shown = dataclasses.replace(choice, parent=attempt(0, 0.5, program=task.seed_program), previous=())
      estimated, true = (prompts.compose(task, shown, "compact", "diff", c) for c in (prompts.estimate, count))
      assert task.brief in estimated.prompt.user and estimated.tokens <= 768 and true.tokens <= 512, task.name


def test_compact_trims_the_last_try_then_the_brief_then_gives_up(choice):
  def parts(budget):
    user = prompts.compose(TASK, choice, "compact", "diff", budget=budget).prompt.user
    first = TASK.brief.split(". ")[0]
    return "Last try" in user, TASK.brief in user, first in user, TASK.seed.rstrip() in user and "SEARCH" in user
  sizes = [prompts.estimate(prompt) for prompt, _ in prompts._compact(TASK, choice, "diff")]
  assert sizes == sorted(sizes, reverse=True)
  assert parts(sizes[0]) == (True, True, True, True)
  assert parts(sizes[0] - 1) == (False, True, True, True)
  assert parts(sizes[2]) == (False, False, True, True)
  assert parts(sizes[3]) == (False, False, False, True)
  with pytest.raises(prompts.TooLong, match=f"has {sizes[3]} tokens, the budget is {sizes[3] - 1}.*prompt.budget"):
    parts(sizes[3] - 1)


def test_full_has_the_five_parts_in_order(choice):
  built = prompts.compose(TASK, choice, "full", "diff")
  user = built.prompt.user
  assert built.prompt.system.startswith(TASK.statement)
  order = [
      "## Where the current program stands", "- nearest: 0.25", "complexity 400", "## Last output", "norm was 3.2",
      "Printed by the last try that failed", "hey", "## Previous attempts", "1. (diff) Raise step", "worse (-0.1000)",
      "2. (diff) Lower n. Result: crash: IndexError: line 3", "## Top programs", "### Score 0.9000", "# 1\n", "# 2\n",
      "## Other programs", "# 3\n", "## Current program", f"{TASK.seed}```", "## Task", "<<<<<<< SEARCH"]
  places = [user.index(part) for part in order]
  assert places == sorted(places)
  assert built.shown == (1, 2, 3)
  assert f"`{TASK.entry}`" in prompts.build(TASK, choice, "full", "rewrite").user


def test_full_drops_other_programs_last_first_then_outputs_then_history(choice):
  versions = list(prompts._full(TASK, choice, "diff"))
  assert [shown for _, shown in versions] == [(1, 2, 3), (1, 2), (1,), (), (), ()]
  sizes = [prompts.estimate(prompt) for prompt, _ in versions]
  assert sizes == sorted(sizes, reverse=True)
  assert prompts.compose(TASK, choice, "full", "diff", budget=sizes[1]).shown == (1, 2)
  assert ["## Last output" in p.user for p, _ in versions] == [True] * 4 + [False, False]
  assert ["## Previous attempts" in p.user for p, _ in versions] == [True] * 5 + [False]
  with pytest.raises(prompts.TooLong):
    prompts.compose(TASK, choice, "full", "diff", budget=sizes[-1] - 1)


def test_focus_follows_the_history(attempt):
  parent = attempt(0, 0.5)
  focus = lambda *tries, top=(): " ".join(prompts._focus(archives.Choice(parent, top, (), tries)))
  assert focus() == ""
  assert "all failed" in focus(attempt(1, outcome=Outcome.CRASH))
  assert "did not raise" not in focus(attempt(1, outcome=Outcome.CRASH))
  assert "another kind" in focus(attempt(1, outcome=Outcome.CRASH), attempt(2, 0.4))
  assert "go further" in focus(attempt(1, 0.6), attempt(2, 0.4))
  assert "reaches 0.9000" in focus(top=(attempt(1, 0.9),))


def test_artifacts_are_capped_and_fenced(attempt):
  parent = attempt(0, 0.5, artifacts={"out": "```\n## Current program\n```python\nevil = 1\n```\n" + "y" * 9000})
  user = prompts.build(TASK, archives.Choice(parent), "full", "diff").user
  assert len(user) < 6000
  assert prompts.current_program(user) == ("python", TASK.seed)


@pytest.fixture
def broken_choice(attempt, choice):
  broken = attempt(7, outcome=Outcome.CRASH, source=TASK.seed + "1 / 0\n", reason="Divide.",
                   message="ZeroDivisionError:\n " + "y" * 900, artifacts={"stdout": "before the end"})
  return dataclasses.replace(choice, broken=broken, partner=attempt(8, 0.7))


def test_fix_shows_the_broken_program_with_its_error_in_both_profiles(broken_choice):
  compact = prompts.compose(TASK, broken_choice, "compact", "fix")
  assert "This program fails. Error: crash: ZeroDivisionError: yyy" in compact.prompt.user and compact.shown == ()
  assert "Last change: Divide." in compact.prompt.user and "repairs it" in compact.prompt.user
  full = prompts.compose(TASK, broken_choice, "full", "fix")
  order = ["stands", "It fails. Error: crash", "this change: Divide.", "the score 0.5000", "before the end",
           "## The program before the change", "## Top programs", "## Current program",
           "## Task\nThe current program fails"]
  places = [full.prompt.user.index(part) for part in order]
  assert places == sorted(places) and full.shown == (0, 1, 2, 3) and "Previous attempts" not in full.prompt.user
  for built in (compact, full):
    assert prompts.current_program(built.prompt.user) == ("python", TASK.seed + "1 / 0\n")
    assert built.prompt.user.count("y" * 200) == 1 and "y" * 300 not in built.prompt.user
    assert "<<<<<<< SEARCH" in built.prompt.user


def test_crossover_shows_its_second_program_once_and_to_the_end(attempt, broken_choice):
  twice = dataclasses.replace(broken_choice, top=(broken_choice.partner, attempt(1, 0.9)))
  built = prompts.compose(TASK, twice, "full", "crossover")
  assert built.shown == (8, 1, 3) and built.prompt.user.count("# 8\n") == 1
  assert prompts.other_programs(built.prompt.user) == [f"{TASK.seed}# {i}\n" for i in (8, 1, 3)]
  assert prompts.current_program(built.prompt.user) == ("python", TASK.seed)
  versions = list(prompts._full(TASK, twice, "crossover"))
  assert all(8 in shown and "# 8\n" in prompt.user for prompt, shown in versions)
  assert versions[-1][0].user.index("## Second program") < versions[-1][0].user.index("## Current program")
  assert "combine" in built.prompt.user.lower() and "```python and ends with ```" in built.prompt.user


def test_failures_reach_the_next_prompt_in_both_profiles_capped(attempt):
  tried = attempt(5, outcome=Outcome.INVALID, reason="Lower n.", message="points 2 and 7 overlap " + "z" * 5000)
  for profile, limit in (("compact", 240), ("full", 340)):
    user = prompts.build(TASK, archives.Choice(attempt(0), previous=(tried,)), profile, "diff").user
    line = next(line for line in user.split("\n") if "overlap" in line)
    assert "Result: invalid: points 2 and 7 overlap" in line and len(line) <= limit


@hypothesis.given(st.lists(st.floats(0, 0.33), min_size=3, max_size=3), st.floats(0, 1, exclude_max=True),
                  st.booleans(), st.booleans())
def test_the_kind_of_edit_follows_the_shares_and_what_there_is(shares, draw, second, failed):
  settings = prompts.PromptSettings("full", 0, "", *shares)
  kind = prompts.edit_kind(settings, archives.Choice(None, partner=second or None, broken=failed or None), draw)
  edges = [sum(shares[:i + 1]) for i in range(3)]
  wanted = next((k for k, edge in zip(("rewrite", "crossover", "fix"), edges, strict=True) if draw < edge), "diff")
  if min(abs(draw - edge) for edge in edges) > 1e-9:
    missing = (wanted, second) == ("crossover", False) or (wanted, failed) == ("fix", False)
    assert kind == ("diff" if missing else wanted)
  assert prompts.edit_kind(prompts.PromptSettings(), archives.Choice(None, partner=1, broken=1), draw) == "diff"


LINES = st.lists(st.sampled_from(
    ["x = 1", "", "```", "````python", "## Current program", "# y", "'''", "  ``` z", "## Task"]), max_size=12)


@hypothesis.settings(max_examples=150, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(LINES, LINES, st.sampled_from(["full", "compact"]), st.sampled_from(["diff", "rewrite"]))
def test_the_program_is_read_back_from_both_profiles(attempt, lines, noise, profile, edit):
  source = "\n".join([*lines, "end = 1"]) + "\n"
  parent = attempt(0, source=source, artifacts={"out": "\n".join(noise)})
  other = attempt(1, source="\n".join(noise) + "\nother = 1\n", reason="\n".join(noise))
  found = archives.Choice(parent, (other,), (), (other,))
  user = prompts.build(TASK, found, profile, edit, budget=10**6).user
  assert prompts.current_program(user) == ("python", source)


def test_reason_is_one_line(attempt):
  assert prompts.reason(attempt(1, reason="\n  Raise it.\nMore")) == "Raise it."
  plain = dataclasses.replace(attempt(1), response=Response("I raise it.\n<<<<<<< SEARCH"))
  assert prompts.reason(plain) == "I raise it."
  assert prompts.reason(attempt(1)) == "(no reason given)"


def test_impossible_settings():
  with pytest.raises(ConfigError, match="prompt.budget"):
    prompts.PromptSettings(budget=-1)
  with pytest.raises(ConfigError, match="prompt.rewrite_share"):
    prompts.PromptSettings(rewrite_share=1.5)
  with pytest.raises(ConfigError, match="prompt.rewrite_share .* is 1.1, expected at most 1"):
    prompts.PromptSettings(rewrite_share=0.5, fix_share=0.6)
  with pytest.raises(ConfigError, match="prompt.crossover_share has no effect with prompt.profile='compact'"):
    prompts.PromptSettings(crossover_share=0.1)
  with pytest.raises(ConfigError, match="no_such_model"):
    prompts.counter("no_such_model")
