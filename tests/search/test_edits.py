"""Edits: a right reply gives the child it asks for, a wrong one a typed outcome; no exception, no silent no-op."""

import textwrap

import hypothesis
import pytest
from hypothesis import strategies as st

from eft_jax.core import Outcome
from eft_jax.search import edits

PARENT = textwrap.dedent("""\
    import numpy as np

    def run(n):
      x = np.zeros(n)
      for i in range(10):
        x = x + 0.1
        x = x * 2
      return x
    """)


def diff(*pairs):
  return "\n".join(f"<<<<<<< SEARCH\n{a}\n=======\n{b}\n>>>>>>> REPLACE" for a, b in pairs)


def check(text, outcome, *words, parent=PARENT, edit="diff", **options):
  result = edits.apply(parent, text, edit, "python", **options)
  assert (result.outcome, result.source) == (outcome, None), result
  for word in words:
    assert word in result.message, result.message
  return result


def applied(text, *, parent=PARENT, edit="diff", **options):
  result = edits.apply(parent, text, edit, "python", **options)
  assert result.outcome is None, result
  return result.source


def test_one_block():
  assert applied(diff(("    x = x + 0.1", "    x = x + 0.2"))) == PARENT.replace("0.1", "0.2")


def test_reason_fences_crlf_and_trailing_space_do_not_matter():
  text = "Raise it.\n```python\n" + diff(("    x = x + 0.1   ", "    x = x + 0.2")) + "\n```\n"
  assert applied(text.replace("\n", "\r\n")) == PARENT.replace("0.1", "0.2")
  assert applied(diff(("    x = x + 0.1", "    x = x + 0.2")), parent=PARENT.replace("0.1\n", "0.1  \n")) == (
      PARENT.replace("0.1", "0.2"))


def test_several_blocks_apply_in_order_each_to_the_result_before():
  text = diff(("    x = x + 0.1", "    x = x + 0.2"), ("    x = x + 0.2\n    x = x * 2", "    x = x - 1"))
  assert applied(text) == PARENT.replace("    x = x + 0.1\n    x = x * 2\n", "    x = x - 1\n")


def test_deletion_and_insertion():
  assert applied(diff(("    x = x * 2\n", "")).replace("\n\n", "\n")) == PARENT.replace("    x = x * 2\n", "")
  longer = applied(diff(("  return x", "  x = abs(x)\n  return x")))
  assert longer == PARENT.replace("  return", "  x = abs(x)\n  return")


def test_if_one_block_fails_none_counts():
  check(diff(("    x = x + 0.1", "    x = 1"), ("nothing", "y")), Outcome.NO_MATCH, "SEARCH text 2 of 2")


def test_no_match_says_which_line_and_the_nearest():
  check(diff(("    x = x + 0.5", "    x = 1")), Outcome.NO_MATCH, "no line reads '    x = x + 0.5'", "x = x + 0.1'")
  check(diff(("x = x + 0.1", "x = 1")), Outcome.NO_MATCH, "nearest")
  check(diff(("    x = x * 2\n    x = x + 0.1", "    x = 1")), Outcome.NO_MATCH, "not one after the other")
  check(diff(("", "x = 1")), Outcome.NO_MATCH, "empty")


def test_ambiguous_is_no_match_and_says_where():
  parent = PARENT.replace("    x = x * 2\n", "    x = x + 0.1\n")
  check(diff(("    x = x + 0.1", "    x = 1")), Outcome.NO_MATCH, "2 places", "6, 7", parent=parent)
  assert applied(diff(("    x = x + 0.1\n  return x", "  return x")), parent=parent).count("0.1") == 1


@pytest.mark.parametrize("text, words", [
    ("", "no edit"), ("I would raise the step.", "no edit"), ("<<<<<<< SEARCH x = 1", "alone on its line"),
    ("<<<<<<< SEARCH\na\n>>>>>>> REPLACE", "without ======="), (">>>>>>> REPLACE", "without <<<<<<< SEARCH"),
    ("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", "second ======="),
    ("<<<<<<< SEARCH\na\n<<<<<<< SEARCH\n=======\nb\n>>>>>>> REPLACE", "inside a block"),
    ("```python\nx = 1\n```", "no edit")])
def test_malformed_is_no_edit(text, words):
  check(text, Outcome.NO_EDIT, words)


@pytest.mark.parametrize("text", ["<<<<<<< SEARCH\n    x = x + 0.1", "<<<<<<< SEARCH\n    x = x\n=======\n    x = 2",
                                  diff(("    x = x + 0.1", "    x = 1")) + "\n<<<<<<< SEARCH\n    x"])
def test_an_open_block_is_truncated_unless_the_writer_ended_it(text):
  check(text, Outcome.TRUNCATED, "cut off")
  check(text, Outcome.TRUNCATED, finish="length")
  check(text, Outcome.NO_EDIT, "close it", finish="stop")


def test_a_cut_reply_without_edit_is_truncated_but_a_whole_edit_before_the_cut_counts():
  check("I think that", Outcome.TRUNCATED, finish="length")
  check("I think that", Outcome.TRUNCATED, edit="rewrite", finish="length")
  assert "0.2" in applied(diff(("    x = x + 0.1", "    x = x + 0.2")) + "\nThis is beca", finish="length")


def test_equal_is_no_change():
  check(diff(("    x = x + 0.1", "    x = x + 0.1")), Outcome.NO_CHANGE)
  check(diff(("    x = x + 0.1", "    x = x + 0.1  ")), Outcome.NO_CHANGE)
  check(f"```python\n{PARENT}```", Outcome.NO_CHANGE, edit="rewrite")
  check(diff(("    x = x + 0.1", "    x = 1"), ("    x = 1", "    x = x + 0.1")), Outcome.NO_CHANGE)


def test_syntax_names_the_line():
  check(diff(("    x = x + 0.1", "    x = (x + 0.1")), Outcome.SYNTAX, "line 6", "x = (x + 0.1")
  check(diff(("    x = x + 0.1", "   x = 1")), Outcome.SYNTAX, "IndentationError")
  check(diff(("    x = x + 0.1", "    x = '\0'")), Outcome.SYNTAX)
  check(diff(("    x = x + 0.1", "    x = '\ud800'")), Outcome.SYNTAX)
  check(diff(("    x = x + 0.1", "    x = " + "(" * 5000)), Outcome.SYNTAX)
  check(diff(("    x = x + 0.1", "    x = " + "-" * 200_000 + "1")), Outcome.SYNTAX)


def test_too_long():
  check(diff(("  return x", "  return x  # " + "y" * 500)), Outcome.TOO_LONG, "limit is 400", max_chars=400)


def test_rewrite_takes_the_last_complete_program():
  text = "Before:\n```python\nold = 1\n```\nAfter:\n```python\nnew = 2\n\n\n```\nIt prints\n```text\n2\n```\n"
  assert applied(text, edit="rewrite") == "new = 2\n"
  assert applied("```\nnew = 2\n```", edit="rewrite") == "new = 2\n"
  assert applied("````python\ns = '''\n```\n'''\n````", edit="rewrite") == "s = '''\n```\n'''\n"
  check("new = 2", Outcome.NO_EDIT, edit="rewrite")
  check("```python\n\n```", Outcome.NO_EDIT, "empty", edit="rewrite")
  check("```bash\nls\n```", Outcome.NO_EDIT, edit="rewrite")
  check("```python\nold = 1\n```\n```python\nnew = ", Outcome.TRUNCATED, edit="rewrite")
  check("```python\nnew = (", Outcome.TRUNCATED, edit="rewrite")
  check("```python\nnew = (\n```", Outcome.SYNTAX, edit="rewrite")


def test_cpp_is_not_parsed_as_python():
  result = edits.apply("int f() {\n  return 1;\n}\n", diff(("  return 1;", "  return 2;")), "diff", "cpp")
  assert result.source == "int f() {\n  return 2;\n}\n"
  assert edits.apply("int a;\n", "```cpp\nint b;\n```", "rewrite", "cpp").source == "int b;\n"


FRAMED = "import os\n# EVOLVE-BLOCK-START\nx = 1\ny = 1\n# EVOLVE-BLOCK-END\nx = 1\nprint(x)\n"


def test_evolve_block_bounds_a_diff():
  assert applied(diff(("y = 1", "y = 2")), parent=FRAMED) == FRAMED.replace("y = 1", "y = 2")
  assert applied(diff(("x = 1", "x = 2")), parent=FRAMED) == FRAMED.replace("x = 1\ny", "x = 2\ny")
  check(diff(("print(x)", "print(1)")), Outcome.NO_MATCH, "outside the EVOLVE-BLOCK", parent=FRAMED)
  check(diff(("y = 1\n# EVOLVE-BLOCK-END", "y = 2")), Outcome.NO_MATCH, "outside", parent=FRAMED)
  check(diff(("y = 1", "y = 2\n# EVOLVE-BLOCK-END")), Outcome.NO_EDIT, "marker", parent=FRAMED)


def test_evolve_block_bounds_a_rewrite():
  reply = "```python\nimport sys\n# EVOLVE-BLOCK-START\nz = 3\n# EVOLVE-BLOCK-END\nprint('hacked')\n```"
  assert applied(reply, parent=FRAMED, edit="rewrite") == FRAMED.replace("x = 1\ny = 1\n", "z = 3\n")
  check("```python\nz = 3\n```", Outcome.NO_MATCH, "0 EVOLVE-BLOCKs", parent=FRAMED, edit="rewrite")


NAMES = st.sampled_from(["a", "b", "c", "a = b", "b = a + 1", "if a:", "  c = 2", "", "    pass", "x = '''", "é = 1"])


@hypothesis.given(st.lists(NAMES, min_size=1, max_size=12), st.data())
def test_a_diff_of_random_lines_is_the_splice_it_asks_for(lines, data):
  parent = "\n".join(lines) + "\n"
  start = data.draw(st.integers(0, len(lines) - 1))
  end = data.draw(st.integers(start + 1, len(lines)))
  new = data.draw(st.lists(NAMES, max_size=3))
  text = "\n".join(["<<<<<<< SEARCH", *lines[start:end], "=======", *new, ">>>>>>> REPLACE"])
  result = edits.apply(parent, text, "diff", "cpp")
  every = parent.split("\n")
  places = [i for i in range(len(every)) if every[i:i + end - start] == lines[start:end]]
  if not any(lines[start:end]) or len(places) > 1:
    assert result.outcome is Outcome.NO_MATCH
  elif new == lines[start:end]:
    assert result.outcome is Outcome.NO_CHANGE
  else:
    assert result.source == "\n".join(every[:start] + new + every[end:])


GOOD = [diff(("    x = x + 0.1", "    x = x + 0.2")), f"Better.\n```python\n{PARENT.replace('10', '20')}```\n",
        diff(("    x = x * 2", ""), ("  return x", "  return abs(x)"))]
PIECES = ["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "```", "```python", "\n", "\r\n", "\0", "\u2028", "\ud800",
          "  ", "x", "<think>", "EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END\n", "    x = x + 0.1\n"]


@hypothesis.settings(max_examples=400)
@hypothesis.given(st.sampled_from(GOOD),
                  st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4),
                  st.sampled_from(["diff", "rewrite"]), st.sampled_from([None, "stop", "length"]),
                  st.sampled_from([PARENT, FRAMED]), st.sampled_from(["python", "cpp"]))
def test_no_mutation_raises_or_is_a_silent_no_op(text, changes, edit, finish, parent, language):
  for place, cut, piece in changes:
    at = int(place * len(text))
    text = text[:at] + piece + text[at + cut:]
  result = edits.apply(parent, text, edit, language, finish=finish)
  assert (result.outcome is None) != (result.source is None)
  if result.source is None:
    assert isinstance(result.outcome, Outcome) and result.message
  else:
    assert result.source != parent
    if language == "python":
      compile(result.source, "child", "exec", flags=1024)  # PyCF_ONLY_AST


@hypothesis.given(st.text(), st.text(), st.sampled_from(["diff", "rewrite"]))
def test_arbitrary_text_never_raises(parent, text, edit):
  result = edits.apply(parent, text, edit, "python")
  assert (result.outcome is None) != (result.source is None)
