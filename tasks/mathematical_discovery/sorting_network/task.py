"""Sorting networks with few comparators, checked on all 0/1 inputs. Construction shape, exact integers."""

import functools
import pathlib

from eft_jax import core
from eft_jax.core import checks

# wires: (value of the seed program, fewest comparators). Optimal: Floyd and Knuth 1966, Codish et al. 2014.
SIZES = {8: (27, 19), 9: (34, 25), 10: (43, 29)}
LONGEST = 1000

STATEMENT = """A sorting network on {n} wires, numbered 0 to {top}, is a fixed list of comparators. Comparator \
(i, j) puts the smaller of the numbers on wires i and j on the wire of smaller number, the larger on the other. \
In the end the numbers must ascend from wire 0 to wire {top}, whatever the input. Find a sorting network with as \
few comparators as possible.

Write `construct(n, previous=None)` with n = {n}. Return the list of comparators in the order in which they act, \
shape (m, 2), pairs of two different wires; m is your choice, at most {longest}. `previous` is the (m, 2) array \
of comparators that the parent program reached, or None.

Invalid: an empty list, more than {longest} comparators, a wire that is not an integer from 0 to {top}, a \
comparator of a wire with itself, an input that is not sorted. All 2^{n} inputs of zeros and ones are tried, \
which proves it for all inputs.

Score: m, the number of comparators; lower is better. The optimum is {best}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return comparators (i, j) on wires 0..{top}, minimum to the lower wire, that sort every input. "
         "Minimise their number.")


@functools.lru_cache(maxsize=8)
def _inputs(n: int) -> tuple[int, ...]:
  """Per wire an integer of 2^n bits: bit k is the wire's value in the k-th input."""
  return tuple(sum(1 << k for k in range(2**n) if k >> wire & 1) for wire in range(n))


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  net = checks.array(result, (range(1, LONGEST + 1), 2), dtype=int, low=0, high=n - 1, name="comparators")
  net.sort(axis=1)
  wires = list(_inputs(n))
  depth, idle = [0] * n, 0
  for place, (i, j) in enumerate(net.tolist()):
    if i == j:
      raise core.Invalid(f"comparator {place} joins wire {i} with itself")
    low, high = wires[i] & wires[j], wires[i] | wires[j]
    idle += low == wires[i]
    wires[i], wires[j] = low, high
    depth[i] = depth[j] = max(depth[i], depth[j]) + 1
  failed = functools.reduce(int.__or__, (a & ~b for a, b in zip(wires, wires[1:], strict=False)))
  if failed:
    first = failed.bit_length() - 1
    raise core.Invalid(f"{failed.bit_count()} of {2**n} inputs of zeros and ones are not sorted, among them "
                       f"{[first >> wire & 1 for wire in range(n)]}")
  return core.Score(float(len(net)), {"depth": max(depth), "comparators_that_never_swap": idle}, construction=net)


TASKS = [
    core.Task(
        name=f"sorting_network_{n}", family="sorting_network", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=n - 1, longest=LONGEST),
        brief=BRIEF.format(top=n - 1),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source="optimal: Floyd and Knuth 1966, Codish et al. 2014",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
