"""Speed-ups measured so that noise decides little: CPU clocks from outside, alternating runs, a coarse value.

Reference and candidate answer the same fresh hidden instances in turn, in two processes on one machine. Time is CPU
time over all threads, the candidate's read from the kernel by this side, so that load on the machine, sleeping, threads
and turned clocks change nothing. What reading arguments and writing results costs counts for the candidate: instances
must be large enough that it is a small part.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eft_jax.core import checks
from eft_jax.core.score import Score, Wrong
from eft_jax.core.task import Session

IS_EVALUATION = True  # the version of a task that uses this module changes with it
STEP = 1.05        # values are whole powers of it
SAME = 0.03        # relative difference of the two times that counts as none
_SHORTEST = 1e-6   # seconds; no call is faster
_FEWEST, _ENOUGH = 5, 0.02  # rounds, and seconds of both sides together, after which no more rounds are needed
_clock = time.thread_time


def quantised(ratio: float) -> float:
  """1 within SAME of 1, otherwise the nearest whole power of STEP."""
  if abs(ratio - 1) <= SAME:
    return 1.0
  return round(STEP ** round(math.log(ratio) / math.log(STEP)), 4)


def race(session: Session, entry: str, warm_up: tuple, instances: Sequence[tuple],
         reference: Callable[..., Any], check: Callable[[Any, Any], None], plausible: float) -> Score:
  """Value: median over instances of reference time over candidate time, quantised; higher is better.

  Args:
    warm_up: arguments of a first call, whose result is checked and whose time does not count.
    instances: arguments of the calls, one tuple each; every one is used once, so that remembered answers are no help.
      The last ones are left out where the first ones take long enough for a steady median.
    reference: computes the right answer in this process.
    check: check(result, expected) raises Wrong or Invalid.
    plausible: speed-ups beyond it score as much as it and are flagged by the metric `implausible`.

  Raises:
    Invalid, Wrong: from `check`.
  """
  check(session.call(entry, *warm_up), reference(*warm_up))
  ratios, times, stand = [], [], session.cpu_seconds()

  def candidate(arguments: tuple) -> tuple[Any, float]:
    """Its answer, and all that its process has used since its last one."""
    nonlocal stand
    before, result = stand, session.call(entry, *arguments)
    stand = session.cpu_seconds()
    return result, max(stand - before, _SHORTEST)

  def trusted(arguments: tuple) -> tuple[Any, float]:
    # Workers compute in one thread. Under their ITIMER_PROF time.process_time() moves only with the kernel's ticks.
    start = _clock()
    result = reference(*arguments)
    return result, max(_clock() - start, _SHORTEST)

  for turn, arguments in enumerate(instances):
    order = (trusted, candidate) if turn % 2 else (candidate, trusted)
    done = {run: run(arguments) for run in order}
    (expected, needed), (result, used) = done[trusted], done[candidate]
    check(result, expected)
    ratios.append(needed / used)
    times.append((needed, used))
    if len(times) >= _FEWEST and sum(map(sum, times)) > _ENOUGH:
      break
  ratio = statistics.median(ratios)
  return Score(quantised(min(ratio, plausible)), {
      "speedup": ratio, "speedup_low": min(ratios), "speedup_high": max(ratios),
      "reference_ms": 1e3 * statistics.median(needed for needed, _ in times),
      "candidate_ms": 1e3 * statistics.median(used for _, used in times), "implausible": float(ratio > plausible)})


def close(result: Any, expected: np.ndarray, tolerance: float, name: str = "result") -> None:
  """Requires an array of the expected shape within tolerance * (1 + largest expected entry).

  Raises:
    Invalid: not such an array. Wrong: names the entry that is furthest off.
  """
  values = checks.array(result, expected.shape, name=name)
  off = np.abs(values - expected)
  allowed = tolerance * (1 + float(np.abs(expected).max(initial=0.0)))
  if not (off <= allowed).all():
    worst = np.unravel_index(int(off.argmax()), off.shape)
    raise Wrong(f"{name}[{', '.join(map(str, worst))}] is {values[worst]:.8g}, the right answer is "
                f"{expected[worst]:.8g} (allowed difference {allowed:.1g})")


__all__ = ["SAME", "STEP", "close", "quantised", "race"]
