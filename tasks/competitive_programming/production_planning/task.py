"""Production planning: machines that make machines that make the product; what to buy when. Solver shape, C++.

Idea: AtCoder Heuristic Contest 58, with our own rules, statement and generator: values do not compare with published
ones.
"""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import text

SIZES = {"search": (50, 4, 3), "full": (250, 8, 4)}  # turns, kinds, levels
PUBLIC_SEEDS = tuple(range(8))
HIDDEN = 16

STATEMENT = """A machine of kind i and level 0 makes a_i units of product a turn, one of a higher level makes a \
machine of its kind of the level below. In each of T turns, you may first buy one machine of kind i and level j for \
c_ij units of product. Then all machines work, highest level first, so that what is made works at once.

Write a C++17 program. On standard input: the number of instances, then for each T k l (50 4 3; 250 8 4 at full \
fidelity), the product at the start, the k numbers a_i, and k lines c_i0 ... c_i(l-1). On standard output: one line \
per instance with T numbers, one per turn: 0 to buy nothing, or 1 + i * l + j. Numbers fit 64 bits.

Invalid: another number of lines or numbers, a machine that does not exist or that you cannot pay.

Score: 50 / T * ln(product at the end / that of a reference plan), mean over hidden instances. Higher is better.

Rules: standard library only; no files or network; same output on every run; 0.5 s of CPU for all instances."""

BRIEF = "C++: plan which machine to buy in each turn; machines make machines or product. Maximise the final product."

Instance = tuple[int, int, list[int], list[list[int]]]  # turns, product at the start, a, c


def draw(seed: int, turns: int, kinds: int, levels: int) -> Instance:
  rng = np.random.default_rng(seed)
  makes = np.rint(10 ** rng.uniform(0, 1.5, kinds)).astype(int)
  pace = turns / 50  # prices grow with what a machine makes until the end
  prices = [[max(1, int(a * 10 * (5 * pace) ** j * rng.uniform(0.6, 1.8))) for j in range(levels)] for a in makes]
  return turns, 2 * min(row[0] for row in prices), makes.tolist(), prices


def play(plan: list[int], instance: Instance) -> int:
  """Product at the end. Raises Invalid, without the number of the instance."""
  turns, product, makes, prices = instance
  levels = len(prices[0])
  have = [[0] * levels for _ in prices]
  for turn, choice in enumerate(plan):
    if choice:
      i, j = divmod(choice - 1, levels)
      price = prices[i][j]
      if price > product:
        raise core.Invalid(f"turn {turn + 1}: kind {i}, level {j} costs {price}, but the product is {product}")
      product -= price
      have[i][j] += 1
    for row in have:
      for j in range(levels - 1, 0, -1):
        row[j - 1] += row[j]
    product += sum(a * row[0] for a, row in zip(makes, have, strict=True))
  return product


def reference(instance: Instance) -> int:
  """Product of the plan that buys, in each turn, what pays back most times its price by the end."""
  turns, product, makes, prices = instance
  levels = len(prices[0])
  plan: list[int] = []
  have = np.zeros((len(makes), levels))
  makes, prices = np.array(makes, float), np.array(prices, float)
  for left in range(turns, 0, -1):
    gains = makes[:, None] * [math.comb(left + j, j + 1) for j in range(levels)] / prices
    gains[prices > product] = 0
    best = int(gains.argmax())
    plan.append(best + 1 if gains.flat[best] > 1 else 0)
    if plan[-1]:
      product -= prices.flat[best]
      have.flat[best] += 1
    for j in range(levels - 1, 0, -1):
      have[:, j - 1] += have[:, j]
    product += makes @ have[:, 0]
  return play(plan, instance)


@functools.lru_cache(maxsize=4)
def instances(seeds: tuple[int, ...], fidelity: str) -> tuple[tuple[Instance, ...], tuple[int, ...], str]:
  """Instances, what the reference plan makes of each, and the text that a candidate reads."""
  found = tuple(draw(seed, *SIZES[fidelity]) for seed in seeds)
  rows = [str(len(found))]
  for turns, product, makes, prices in found:
    rows += [f"{turns} {len(makes)} {len(prices[0])}", str(product), " ".join(map(str, makes))]
    rows += [" ".join(map(str, row)) for row in prices]
  return found, tuple(map(reference, found)), "\n".join(rows) + "\n"


def evaluate(session: core.Session) -> core.Score:
  turns, kinds, levels = SIZES[session.fidelity]
  found, references, given = instances(PUBLIC_SEEDS + tuple(session.seeds("workshop", HIDDEN)), session.fidelity)
  plans = text.integers(session.call("main", given), len(found), range(turns, turns + 1), 0, kinds * levels)
  values = []
  for place, (plan, instance, other) in enumerate(zip(plans, found, references, strict=True)):
    try:
      product = play(plan.tolist(), instance)
    except core.Invalid as error:
      raise core.Invalid(f"instance {place + 1}, {error}") from None
    values.append(math.log((product + 1) / (other + 1)) * 50 / turns)
  return core.Score.of_instances(values, len(PUBLIC_SEEDS))


TASKS = [
    core.Task(
        name="production_planning_own", family="production_planning", domain="competitive_programming",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.cpp").read_text(),
        language="cpp", entry="main", direction="max", baseline=-0.49, best_known=0.44,
        source="our own reference: beam search of width 100",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        full_limits=core.Limits(cpu_seconds=10.0, wall_seconds=100.0), evaluate=evaluate,
        spread=0.4)
]
