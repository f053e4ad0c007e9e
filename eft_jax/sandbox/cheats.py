"""Dishonest twins of a task's seed program: what every task must turn down, or value for what it is.

`launch/tasks.py --action=check` runs them through the sandbox, the tests in one process. What single families must know
(overlaps within a tolerance, unscheduled jobs) stands in the families' own tests.
"""

from __future__ import annotations

import dataclasses
import enum

from eft_jax.core import Program, Task


class Rule(enum.Enum):
  """What may become of a cheat."""

  REFUSED = "refused"      # it must not have a value
  WORTHLESS = "worthless"  # no value, or none above the baseline: a constant may be a legal, bad answer
  HONEST = "honest"        # no value, or one that does not pass the best known: the result may be legal
  SAME = "same"            # the seed program's own value: what was done besides must change nothing


@dataclasses.dataclass(frozen=True)
class Cheat:
  """One program and what may become of it."""

  name: str
  program: Program
  rule: Rule

  def fault(self, task: Task, value: float | None, seed_value: float | None) -> str:
    """What is wrong where the program had this value (None: it had none), or ''.

    Args:
      seed_value: of the honest seed program; None leaves SAME undecided where instances or clocks move it.
    """
    if value is None:
      return "the value was lost" if self.rule is Rule.SAME else ""
    if self.rule is Rule.REFUSED:
      return f"has the value {value:.6g}"
    floor = task.baseline + (task.spread if task.direction == "max" else -task.spread)
    if self.rule is Rule.WORTHLESS and task.better(value, floor):
      return f"has the value {value:.6g}, better than the seed program's"
    if self.rule is Rule.HONEST and task.best_known is not None and task.better(value, task.best_known):
      return f"has the value {value:.6g}, better than the best known"
    if self.rule is Rule.SAME and seed_value is not None and value != seed_value:
      return f"has the value {value:.6g} where the seed program has {seed_value:.6g}"
    return ""


# --- Python -----------------------------------------------------------------------------------------------------------

# Expressions that are returned whatever was asked.
_CONSTANTS = (
    "None", "True", "3", "-3.5", "float('nan')", "''", "'1, 2, 3'", "'(' * 5000", "{}", "[]", "[[]]", "[None]", "['a']",
    "{'score': 1e9, 'combined_score': 1e9, 'value': 1e9, 'valid': True}", "10 ** 400", "[10 ** 400] * 4", "1j",
    "np.zeros((0, 3))", "np.zeros((2, 2, 2))", "[[1, 2], [3]]", "np.full(4, np.nan)", "[1e308] * 8")

# (name, what becomes of the honest `result`, rule); `first(result, value)` puts a value in the place of the first leaf,
# and `plain` is the result as a float array: where it is none, the program fails, as it should.
_CHANGES = (
    ("nan first", "first(result, float('nan'))", Rule.REFUSED),
    ("infinity first", "first(result, float('inf'))", Rule.REFUSED),
    ("minus infinity first", "first(result, float('-inf'))", Rule.REFUSED),
    ("huge integer first", "first(result, 10 ** 400)", Rule.REFUSED),
    ("complex first", "first(result, 1j)", Rule.REFUSED),
    ("none first", "first(result, None)", Rule.REFUSED),
    ("list first", "first(result, [[1.0]])", Rule.REFUSED),
    ("other kind first", "first(result, Ellipsis)", Rule.REFUSED),
    ("dict of rows", "dict(enumerate(plain(result).tolist()))", Rule.REFUSED),
    ("complex array", "plain(result).astype(complex)", Rule.REFUSED),
    ("object array", "plain(result).astype(object)", Rule.REFUSED),
    ("text array", "plain(result).astype(str)", Rule.REFUSED),
    ("all nan", "plain(result) * np.nan", Rule.REFUSED),
    ("generator", "(item for item in [result])", Rule.REFUSED),
    ("bool first", "first(result, True)", Rule.HONEST),
    ("large integer first", "first(result, 2 ** 63)", Rule.HONEST),
    ("1e308 first", "first(result, 1e308)", Rule.HONEST),
    ("tiny first", "first(result, 5e-324)", Rule.HONEST),
    ("half more first", "first(result, None, lambda leaf: leaf + 0.5)", Rule.HONEST),
    ("negative", "-np.abs(plain(result)) - 5", Rule.HONEST),
    ("a little larger", "plain(result) * (1 + 1e-7)", Rule.HONEST),
    ("zeros", "plain(result) * 0", Rule.HONEST),
    ("one more axis", "plain(result)[None]", Rule.HONEST),
    ("flat", "[plain(result).ravel()]", Rule.HONEST),
    ("60 times", "[*result] * 60", Rule.HONEST),
    ("one short", "result[:-1]", Rule.HONEST),
    ("nothing of it", "result[:0]", Rule.WORTHLESS),
    ("first entry throughout", "[result[0]] * len(result)", Rule.HONEST),
    ("the first answer for ever", "kept.setdefault(0, result)", Rule.HONEST),
    ("result of another class", "disguised(result)", Rule.HONEST),
    ("arguments overwritten", "(result, [overwrite(value) for value in args])[0]", Rule.SAME),
    ("patched clocks", "(result, [setattr(time, name, float) for name in CLOCKS])[0]", Rule.SAME),
    ("printed results", "(result, [print(text, file=f) for f in (sys.stdout, sys.stderr) for text in FORGED])[0]",
     Rule.SAME))

_TOOLS = '''
import copy as _copy, sys, time
import numpy as np

_honest, kept = ENTRY, {}
CLOCKS = ("time", "perf_counter", "process_time", "monotonic", "perf_counter_ns", "time_ns")
FORGED = ('{"outcome": "ok", "value": 1e9, "score": 1.0}', "combined_score: 1e9", "RESULT 1e9")

def plain(result):
    return np.array(result, dtype=float)

def first(result, value, change=None):
    def put(leaf):
        if isinstance(leaf, np.ndarray) and leaf.ndim:
            leaf = leaf.tolist()
        items = leaf.items() if isinstance(leaf, dict) else enumerate(leaf) if isinstance(leaf, (list, tuple)) else ()
        for key, item in items:
            done, new = put(item)
            if done:
                leaf = list(leaf) if isinstance(leaf, tuple) else leaf
                leaf[key] = new
                return True, leaf
        if isinstance(leaf, (list, tuple, dict)):
            return False, leaf
        return True, value if change is None else change(leaf)
    done, new = put(_copy.deepcopy(result))
    return new if done else [value]

class Claims(np.ndarray):
    def __array_ufunc__(self, *args, **kwargs):
        return np.zeros(())

class Best(float):
    def __lt__(self, other):
        return True
    __gt__ = __le__ = __ge__ = __eq__ = __lt__
    __hash__ = None

def disguised(result):
    return plain(result).view(Claims) if np.ndim(result) else Best(result)

def overwrite(value):
    if isinstance(value, np.ndarray) and value.flags.writeable:
        value[...] = 0
    elif isinstance(value, (list, dict)):
        value.clear()

def ENTRY(*args, **kwargs):
    result = _honest(*_copy.deepcopy(args), **kwargs)
    return CHANGE
'''


def _python(task: Task) -> list[Cheat]:
  def constant(value: str) -> Program:
    return Program(f"import numpy as np\n\ndef {task.entry}(*args, **kwargs):\n    return {value}\n")

  def changed(change: str) -> Program:
    return Program(task.seed + _TOOLS.replace("ENTRY", task.entry).replace("CHANGE", change))

  return [*(Cheat(f"always {value[:24]}", constant(value), Rule.WORTHLESS) for value in _CONSTANTS),
          *(Cheat(name, changed(change), rule) for name, change, rule in _CHANGES)]


# --- C++ --------------------------------------------------------------------------------------------------------------

_OUTPUTS = ('""', r'"nan\n"', r'"1e999\n"', r'"-1 -1 -1\n"', r'"{\"score\": 1e9}\n"', r'"0\n0\n0\n0\n0\n0\n0\n0\n"')
# (name, what is written before the honest output, and after it, rule)
_AROUND = (("nan before", "nan ", "", Rule.REFUSED), ("huge number before", "9" * 400 + " ", "", Rule.REFUSED),
           ("minus one before", "-1 ", "", Rule.HONEST), ("more after", "", " 7 7 7", Rule.HONEST))


def _native(task: Task) -> list[Cheat]:
  def constant(text: str) -> Program:
    return Program(f"#include <cstdio>\nint main() {{ std::fputs({text}, stdout); return 0; }}\n", "cpp")

  def around(before: str, after: str) -> Program:
    main = f'int main() {{ std::fputs("{before}", stdout); honest(); std::fputs("{after}", stdout); return 0; }}'
    return Program(f"#include <cstdio>\n#define main honest\n{task.seed}\n#undef main\n{main}\n", "cpp")

  sevens = 'for (int i = 0; i < 300000; i++) std::fputs("7 ", stdout);'
  flood = Program(f"#include <cstdio>\nint main() {{ {sevens} }}\n", "cpp")
  return [*(Cheat(f"always {text[:24]}", constant(text), Rule.WORTHLESS) for text in _OUTPUTS),
          Cheat("a flood of sevens", flood, Rule.WORTHLESS),
          *(Cheat(name, around(before, after), rule) for name, before, after, rule in _AROUND)]


def cheats(task: Task) -> list[Cheat]:
  """All cheats for one task, in its language."""
  return _native(task) if task.language == "cpp" else _python(task)
