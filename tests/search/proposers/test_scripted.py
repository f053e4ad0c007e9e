"""The scripted proposer: sees the prompt alone, always sends a real edit, and says what the edit does."""

import collections
import pathlib
import re

import pytest

from eft_jax import core
from eft_jax.core import Outcome, Prompt, Response
from eft_jax.search import archives, edits, keys, prompts, replies
from eft_jax.search.proposers import Request, blocks, control, kinds, mutations, scripted
from eft_jax.search.proposers.program_text import ProgramText

TASKS = {task.family: task for task in core.load_all().values()}
CPP = """\
#include <vector>
// a comment with 3 numbers
double solve(int n) {
  double step = 0.25;
  double best = 1e9;
  for (int i = 0; i < 100; i++) {
    double x = step * i + 3;
    if (x < best) best = x;
    step *= 0.99;
  }
  return best;
}
"""


@pytest.fixture
def ask(make_attempt):
  def ask(source, seed, task=None, edit="diff", profile="compact", previous=()):
    task = task or TASKS["thomson_energy"]
    choice = archives.Choice(make_attempt(0, 0.5, source=source), (), (), previous)
    return Request(prompts.build(task, choice, profile, edit, budget=10**6), seed, edit)
  return ask


@pytest.mark.parametrize("family", sorted(TASKS))
def test_every_reply_is_a_real_change_through_ten_generations(ask, family):
  task, kinds = TASKS[family], collections.Counter()
  for seed in range(5):
    source = task.seed
    for generation in range(10):
      request = ask(source, keys.fold(seed, generation), task)
      reply = scripted.reply(request)
      child = edits.apply(source, reply.text, "diff", task.language)
      assert child.outcome is None, (child, reply.text)
      for search, _ in replies.blocks(reply.text.split("\n")):
        assert edits.places(source.split("\n"), search) == 1 and len(search) <= 3
      assert reply.reasoning.endswith(".") and "\n" not in reply.reasoning and len(reply.reasoning) < 260
      assert scripted.reply(request) == reply
      kinds[reply.reasoning.split()[0]] += 1
      source = child.source if len(child.source) < 2500 else task.seed
  assert len(kinds) >= 4


def test_rewrite_and_diff_of_one_request_agree(ask):
  source = TASKS["thomson_energy"].seed
  for seed in range(40):
    diff, whole = scripted.reply(ask(source, seed)), scripted.reply(ask(source, seed, edit="rewrite"))
    a, b = edits.apply(source, diff.text, "diff", "python"), edits.apply(source, whole.text, "rewrite", "python")
    assert a.source == b.source and diff.reasoning == whole.reasoning


def test_both_profiles_are_read(ask):
  source, lengths = TASKS["thomson_energy"].seed, collections.defaultdict(list)
  for seed in range(60):
    for profile in ("full", "compact"):
      reply = scripted.reply(ask(source, seed, profile=profile))
      assert edits.apply(source, reply.text, "diff", "python").outcome is None
      lengths[profile].append(reply.text.count("\n"))
  assert max(lengths["compact"]) <= 12 and sum(lengths["full"]) > sum(lengths["compact"])


def test_the_reason_names_what_the_edit_does(ask):
  checked = 0
  for task in TASKS.values():
    for seed in range(10):
      reply = scripted.reply(ask(task.seed, seed, task))
      found = replies.blocks(reply.text.split("\n"))
      moved = re.fullmatch(r"(Raise|Lower) .*?([\d.e-]+) to ([\d.e-]+)( .*)?\.", reply.reasoning)
      if moved and len(found) == 1:
        old, new = "\n".join(found[0][0]), "\n".join(found[0][1])
        assert moved[2] in old and moved[3] in new
        assert (float(moved[3]) > float(moved[2])) == (moved[1] == "Raise")
        checked += 1
  assert checked > 50


def test_evolve_blocks_are_respected(ask):
  source = "a = 0.5\n# EVOLVE-BLOCK-START\nb = 0.25\nc = b * 3.5 + 1\n# EVOLVE-BLOCK-END\nd = a * 0.75\n"
  for seed in range(80):
    child = edits.apply(source, scripted.reply(ask(source, seed)).text, "diff", "python").source
    assert child.startswith("a = 0.5\n# EVOLVE-BLOCK-START\n") and child.endswith("# EVOLVE-BLOCK-END\nd = a * 0.75\n")


def lines_of(kind, source, language):
  """What the changed line reads, for every change of a kind that some draw makes."""
  made = [kind(ProgramText(source, language), keys.Draw(seed)) for seed in range(120)]
  return {m.lines[0].strip() for m in made if m is not None}


def test_conditions_are_dropped_and_joined_the_other_way():
  python = "def f(a, b):\n    if a > 1 and (b or a) and b < 2:\n        return a\n"
  assert lines_of(control.conjunct, python, "python") == {
      "if (b or a) and b < 2:", "if a > 1 and b < 2:", "if a > 1 and (b or a):",
      "if a > 1 or (b or a) and b < 2:", "if a > 1 and (b or a) or b < 2:"}
  cpp = "int main() {\n  if (a > 1 && f(b, a)) best = a;\n  return 0;\n}\n"
  assert lines_of(control.conjunct, cpp, "cpp") == {
      "if (a > 1) best = a;", "if (f(b, a)) best = a;", "if (a > 1 || f(b, a)) best = a;"}
  assert not lines_of(control.conjunct, "if (a > 1)\n  b = a;\n", "cpp")


def test_loops_that_only_count_run_more_often():
  python = "def f(n):\n    for k in range(n):\n        x = x + 1\n    for i in range(9):\n        y = 1\n    return x\n"
  assert lines_of(control.repeat, python, "python") == {
      *(f"for k in range({factor} * n):" for factor in (2, 3, 4, 10)), "for k in range(n // 2):"}
  cpp = """int main() {
  for (int i = 0; i < n; i++) scanf("%d", a + i);
  for (int t = 0; t < 8 * n; t++) {
    best += rand() % 7;
  }
}
"""
  assert lines_of(control.repeat, cpp, "cpp") == {
      *(f"for (int t = 0; t < {factor} * (8 * n); t++) {{" for factor in (2, 3, 4, 10)),
      "for (int t = 0; t < (8 * n) / 2; t++) {"}


def test_cpp_exit_codes_stay_and_loops_seldom_begin_elsewhere():
  source = "int main() {\n  int best = 3;\n  for (int i = 0; i < 9; i++) {\n    best += i;\n  }\n  return 0;\n}\n"
  weights = {site.token.line: site.weight for site in mutations.sites(ProgramText(source, "cpp"))
             if site.role == "name"}
  assert weights == {1: 3.0, 2: 0.3}
  assert not [site for site in mutations.sites(ProgramText(source, "cpp")) if site.token.line == 5]


def test_cpp_declarations_keep_their_names():
  cpp = "int n, m;\nint main() {\n  scanf(\"%d\", &n);\n  int k = n + 1;\n  m = k * k;\n}\n"
  assert all("scanf(\"%d\", &n)" in line or "int n, m;" not in line and "&" not in line
             for kind in (mutations.wrap, mutations.variable) for line in lines_of(kind, cpp, "cpp"))
  program, sources = ProgramText(CPP, "cpp"), set()
  for seed in range(60):
    made = blocks.cool(program, keys.Draw(seed), ())
    assert made.reason.startswith("Vary 0.99 with i") and re.match(kinds.KINDS[0].told, made.reason) is None
    sources.add(made.parts[0].lines[0].strip())
  assert sources == {"step *= (0.99 * (1 - i / (100 + 1.0)));", "step *= (0.99 / (1 + 0.1 * i));"}


def test_cpp_programs_change_too(make_attempt):
  user = f"Task: x\nScore: 0\n{prompts.fence(CPP, 'cpp')}\nThink"
  children = set()
  for seed in range(120):
    reply = scripted.reply(Request(Prompt("", user), seed, "diff"))
    child = edits.apply(CPP, reply.text, "diff", "cpp")
    assert child.outcome is None and child.source.count("{") == child.source.count("}")
    assert child.source.startswith("#include <vector>\n// a comment with 3 numbers\ndouble solve(int n) {")
    children.add(child.source)
  assert len(children) > 50 and any("i < 200" in child for child in children)


def test_without_a_program_or_a_place_the_reply_has_no_edit():
  for user in ("Write something.", "```python\npass\n```", "```python\n\n```", "```python\nx = (\n```"):
    reply = scripted.reply(Request(Prompt("", user), 1, "diff"))
    assert edits.apply("pass\n", reply.text, "diff", "python").outcome is Outcome.NO_EDIT


def test_what_just_failed_is_not_proposed_again_and_often_turned_round(ask, make_attempt):
  source = "step = 0.1\nwidth = 0.5\nprint(step * width)\n"
  tried = make_attempt(1, 0.4, response=Response("", "Raise step from 0.1 to 0.2."))
  reasons = collections.Counter(scripted.reply(ask(source, seed, previous=(tried,))).reasoning for seed in range(300))
  assert "Raise step from 0.1 to 0.2." not in reasons
  assert reasons["Lower step from 0.1 to 0.05."] > 50
  better = make_attempt(1, 0.6, response=Response("", "Raise step from 0.1 to 0.2."))
  reasons = collections.Counter(scripted.reply(ask(source, seed, previous=(better,))).reasoning for seed in range(300))
  assert reasons["Lower step from 0.1 to 0.05."] < 30


def test_gains_do_not_depend_on_the_names_of_a_program(ask):
  source = TASKS["thomson_energy"].seed
  names = {"rng": "qqq", "p": "www", "gap": "vvv", "dist": "uuu", "push": "ttt", "i": "sss"}
  rename = lambda text: re.sub(r"\b(" + "|".join(names) + r")\b", lambda m: names[m[1]], text)
  for seed in range(60):
    plain = edits.apply(source, scripted.reply(ask(source, seed)).text, "diff", "python").source
    other = edits.apply(rename(source), scripted.reply(ask(rename(source), seed)).text, "diff", "python").source
    assert other == rename(plain)


@pytest.mark.parametrize("kind, source, expected", [
    (mutations.comparison, "def f(x):\n    if x < 3:\n        return x\n", {"<=", ">"}),
    (mutations.function, "def f(x):\n    y = np.sin(x)\n    return y\n", {"cos", "tanh"}),
    (mutations.operator, "def f(x):\n    y = x * 3\n    return y\n", {"/"})])
def test_swaps(kind, source, expected):
  found = {kind(ProgramText(source, "python"), keys.Draw(i)).reason.split()[1] for i in range(40)}
  assert found == expected


def test_unary_minus_and_stars_are_no_binary_operators():
  source = "def f(*args, **kw):\n    return -args[0]\n"
  assert all(mutations.operator(ProgramText(source, "python"), keys.Draw(i)) is None for i in range(20))


def test_tokens_leave_out_strings_and_comments():
  source = 'x = 1  # 2\ns = "3 \\" 4"\nt = """5\n6"""\ny = 7.5e-3 + a8\n'
  numbers = [(t.text, t.line, t.start) for t in ProgramText(source, "python").tokens if t.kind == "number"]
  assert numbers == [("1", 0, 4), ("7.5e-3", 4, 4)]
  assert not ProgramText(source, "python").is_code(2) and not ProgramText(source, "python").is_code(3)


def test_weights_prefer_quantities_to_sizes_and_leave_axes_alone():
  source = "def f():\n    r = np.random.default_rng(3)\n    x = r.normal(size=4, scale=0.5)\n    return x.sum(axis=1)\n"
  sites = {s.token.text: (s.role, s.weight) for s in mutations.sites(ProgramText(source, "python"))}
  assert sites["3"][0] == "seed" and sites["0.5"] == ("name", 3.0) and "1" not in sites and "4" not in sites


def test_numbers_keep_their_style():
  draws = [mutations._other_number("12", keys.Draw(i), False) for i in range(200)]
  assert all(d.isdigit() for d in draws if d)
  draws = [mutations._other_number("0.25", keys.Draw(i), False) for i in range(200)]
  assert all(re.fullmatch(r"\d+\.\d+|\d(\.\d+)?e-\d+", d) for d in draws if d)
  rounds = [mutations._other_number("1", keys.Draw(i), True) for i in range(50)]
  assert all(int(d) >= 1 for d in rounds if d) and "5" in rounds
  assert [mutations.real(x) for x in (2.0, 0.000012345, 12345.0)] == ["2.0", "1.23e-5", "1.23e4"]
  assert mutations.mirrored("0.1", "0.2") == "0.05" and mutations.mirrored("10", "20") == "5"
  assert mutations.mirrored("1", "0") is None


# The full profile: blocks, crossover, repair, and what the history says.

RENAMED = {"rng": "qqq", "best": "www", "energy": "vvv", "s": "uuu", "c": "ttt", "step": "sss", "p": "rrr",
           "dist": "ooo", "gap": "ppp", "push": "nnn", "i": "mmm", "marks": "lll", "used": "kkk", "x": "jjj",
           "gaps": "hhh", "left": "ggg", "score": "fff"}


def rename(text):
  return re.sub(r"(?<![.\w])(" + "|".join(RENAMED) + r")\b(?!=[^=])", lambda m: RENAMED[m[1]], text)


@pytest.fixture
def everything(make_attempt):
  """A request of any edit, with a top program, a second one and a broken one that are edits of the seed."""
  def everything(task, seed, edit, change=lambda text: text):
    source = task.seed
    child = lambda key: edits.apply(source, scripted.reply(Request(prompts.build(
        task, archives.Choice(make_attempt(0, 0.5, source=source)), "full", "diff"), key, "diff")).text, "diff",
        task.language).source
    top = make_attempt(1, 0.7, source=change(child(3 * seed)))
    partner = make_attempt(2, 0.6, source=change(child(3 * seed + 1)))
    broken = make_attempt(3, outcome=Outcome.CRASH, source=change(child(3 * seed + 2)), message="IndexError: 3")
    choice = archives.Choice(make_attempt(0, 0.5, source=change(source)), (top,), partner=partner, broken=broken)
    return Request(prompts.build(task, choice, "full", edit, budget=10**6), seed, edit), prompts.subject(choice, edit)
  return everything


TRAIN = {family: task for family, task in TASKS.items() if task.split == "train"}


@pytest.mark.parametrize("family", sorted(TASKS))
@pytest.mark.parametrize("edit", ["diff", "rewrite", "crossover", "fix"])
def test_every_edit_of_the_full_profile_applies(everything, family, edit):
  found = collections.Counter()
  for seed in range(12):
    request, parent = everything(TASKS[family], seed, edit)
    reply = scripted.reply(request)
    child = edits.apply(parent.program.source, reply.text, edit, TASKS[family].language)
    assert child.outcome is None and not child.message, (child, reply)
    assert reply.reasoning and "\n" not in reply.reasoning and reply == scripted.reply(request)
    assert reply.tokens > 10
    found[scripted.answer(request)[2]] += 1
  assert len(found) >= {"crossover": 1, "fix": 1}.get(edit, 3), found
  if edit == "crossover":
    assert found["cross"] > 5
  if edit == "fix":
    assert found["repair"] > 2


@pytest.mark.parametrize("family", sorted(family for family, task in TASKS.items() if task.language == "python"))
def test_renaming_all_identifiers_leaves_the_edits_as_they_are(everything, family):
  for seed in range(5):
    for edit in ("diff", "crossover", "fix"):
      plain, parent = everything(TASKS[family], seed, edit)
      other, renamed = everything(TASKS[family], seed, edit, rename)
      assert renamed.program.source == rename(parent.program.source)
      a, b = scripted.answer(plain), scripted.answer(other)
      assert a[2] == b[2]
      child = edits.apply(parent.program.source, a[0], edit, "python").source
      assert edits.apply(renamed.program.source, b[0], edit, "python").source == rename(child)


def test_the_code_that_it_writes_is_of_no_held_out_family():
  """No line of a held-out seed, but what training seeds have as well, and none of their names."""
  held = [task for task in core.load_all().values() if task.split == "heldout"]
  shared = {line.strip() for task in TRAIN.values() for line in task.seed.split("\n")}
  own = {line.strip() for task in held for line in task.seed.split("\n")} - shared
  calls = lambda text: set(re.findall(r"np\.\w+|(?<=def )\w+", text))
  special = set().union(*(calls(task.seed) for task in held)) - set().union(*(calls(t.seed) for t in TRAIN.values()))
  assert held and len(own) > 20 and "radii" in special
  for name in ("blocks.py", "kinds.py"):
    text = (pathlib.Path(scripted.__file__).parent / name).read_text()
    assert not [line for line in own if len(line) > 8 and line in text]
    assert not [word for word in special if re.search(rf"(?<![.\w]){re.escape(word)}\(", text)]
    assert not [task.family for task in held if task.family in text]


def test_what_helped_is_tried_more_and_what_failed_less(make_attempt):
  task = TASKS["thomson_energy"]
  def count(score):
    told = Response("", "Vary 0.01 with i where p is set.")
    tries = tuple(make_attempt(i, score, response=told) for i in range(1, 4))
    choice = archives.Choice(make_attempt(0, 0.5, source=task.seed), previous=tries)
    prompt = prompts.build(task, choice, "full", "diff")
    return sum(scripted.answer(Request(prompt, seed, "diff"))[2] == "cool" for seed in range(300))
  assert count(0.6) > 2 * count(0.4) > 0


def test_each_kind_tells_what_the_table_says_it_tells():
  met = collections.Counter()
  for task in TRAIN.values():
    program = ProgramText(task.seed, task.language)
    other = task.seed.replace("1", "2").replace("import", "\nimport")
    for kind in kinds.KINDS:
      for seed in range(4):
        extra = ((other,),) if kind.make.__module__ == blocks.__name__ else ()
        found = kind.make(program, keys.Draw(seed), *extra)
        if found is not None:
          assert re.match(kind.told, found.reason), (kind.name, found.reason)
          met[kind.name] += 1
  assert set(met) >= {kind.name for kind in kinds.KINDS} - {"double"}, met


def test_a_repair_goes_half_the_way_back_or_undoes_a_part():
  parent = "def f():\n    a = 0.1\n    b = 3\n    c = 4\n    return a\n"
  broken = parent.replace("0.1", "0.4")
  found = blocks.repair(ProgramText(broken, "python"), keys.Draw(1), parent, "Raise a from 0.1 to 0.4.")
  assert found.parts[0].lines == ("    a = 0.2",)
  broken = parent.replace("0.1", "0.4").replace("c = 4", "c = 0")
  for seed in range(9):
    found = blocks.repair(ProgramText(broken, "python"), keys.Draw(seed), parent, "Change it.")
    assert len(found.parts) == 1 and found.parts[0].lines[0] in parent
  found = blocks.repair(ProgramText(parent.replace("b = 3", "b = ("), "python"), keys.Draw(1), parent, "Change it.")
  assert len(found.parts) == 2 and found.reason.startswith("Undo the change: `b = 3`.")


def test_crossover_takes_a_part_and_never_all():
  other = CPP.replace("0.25", "0.5").replace("100", "300").replace("0.99", "0.9")
  program, children = ProgramText(CPP, "cpp"), set()
  for seed in range(40):
    text, child = scripted._quote(program, blocks.cross(program, keys.Draw(seed), [other]).parts)
    assert child not in (CPP, other) and edits.apply(CPP, text, "crossover", "cpp").source == child
    assert all(line in CPP or line in other for line in child.split("\n"))
    children.add(child)
  assert len(children) == 6
  one = blocks.cross(program, keys.Draw(5), [CPP.replace("0.25", "0.5")])
  assert len(one.parts) == 2 and blocks.cross(program, keys.Draw(5), [CPP]) is None


def test_literal_only_changes_one_number(ask):
  for seed in range(20):
    request = ask(TASKS["labs_merit_factor"].seed, seed, profile="full")
    reply = scripted.Scripted(literal_only=True).propose([request])[0]
    assert re.match(kinds.KINDS[0].told, reply.reasoning) and reply.text.count("SEARCH") == 1
