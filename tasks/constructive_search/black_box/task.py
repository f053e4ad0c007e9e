"""Black-box optimisation: an ask and tell rule on shifted and rotated functions of several variables. Policy shape.

Ten kinds of test functions (valley, cigar, plateau, many wells ...) by their textbook formulas; shift and rotation of
each come from a hidden seed. The trusted side evaluates and counts.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

KINDS = ("sphere", "ellipsoid", "cigar", "tablet", "powers", "valley", "wells", "ripples", "funnel", "plateau")
PUBLIC_SEEDS = tuple(range(len(KINDS)))
HIDDEN = 2 * len(KINDS)
SIZES = {"search": (5, 25), "full": (10, 100)}  # variables, rounds
BATCH = 20
KEPT = 40
SIDE = 5.0
FLOOR = 1e-6

STATEMENT = """Minimise unknown functions of {search[0]} variables ({full[0]} at full fidelity) in {search[1]} rounds \
({full[1]}) of 20 evaluations. The functions are badly scaled, rotated, or have many local minima; the minimum lies \
in the box from -4 to 4.

Write `propose(points, values, progress)`. It is called once per round, for B = {instances} functions of D variables \
at once. `points` has shape (B, k, D), the k best points of each function so far in order of value, and `values` \
shape (B, k); k is 0 in the first round and then at most 40. `progress` grows from 0 to below 1. Return an array of \
shape (B, 20, D): the next 20 points of each function. Entries are clipped to -5 to 5.

Invalid: another shape, numbers that are not finite and real.

Score: the mean over hidden functions of -log10(gap + 1e-6), where gap is the lowest value found minus the minimum, \
over the same for a typical random point; higher is better, 6 is a perfect search.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Ask and tell: return the next 20 points (B, 20, D) from the best points (B, k, D) and values so far. "
         "Maximise -log10 of the gap to the minima.")


@functools.lru_cache(maxsize=4)
def functions(seeds: tuple[int, ...], width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Shifts [B, D], rotations [B, D, D] and the median values [B] of random points; function b is of kind b mod 10."""
  draws = [np.random.default_rng(seed) for seed in seeds]
  shift = np.stack([rng.uniform(-4, 4, width) for rng in draws])
  turn = np.stack([np.linalg.qr(rng.normal(size=(width, width)))[0] for rng in draws])
  random = np.stack([rng.uniform(-SIDE, SIDE, (500, width)) for rng in draws])
  typical = np.median(_gaps(random, shift, turn), axis=1)
  for values in (shift, turn, typical):
    values.setflags(write=False)
  return shift, turn, typical


def _gaps(points: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
  """Values above the minimum [B, k] at points [B, k, D]."""
  rotated = (points - shift[:, None]) @ turn
  return np.stack([kind_value(KINDS[i % len(KINDS)], z) for i, z in enumerate(rotated)])


def kind_value(kind: str, z: np.ndarray) -> np.ndarray:
  """Values [k] of one kind at points z [k, D] of its own frame; the minimum is 0 at z = 0."""
  width = z.shape[1]
  place = np.arange(width) / (width - 1)
  square = z**2
  if kind == "sphere":
    return square.sum(axis=1)
  if kind == "ellipsoid":
    return (1000.0**place * square).sum(axis=1)
  if kind == "cigar":
    return square[:, 0] + 1000 * square[:, 1:].sum(axis=1)
  if kind == "tablet":
    return 1000 * square[:, 0] + square[:, 1:].sum(axis=1)
  if kind == "powers":
    return (np.abs(z) ** (2 + 4 * place)).sum(axis=1)
  if kind == "valley":  # Rosenbrock's
    x = z + 1
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)
  if kind == "wells":  # Rastrigin's
    return (square + 10 - 10 * np.cos(2 * np.pi * z)).sum(axis=1)
  if kind == "ripples":  # Griewank's, at a scale where the ripples count
    return square.sum(axis=1) / 10 + 1 - np.prod(np.cos(3 * z / np.sqrt(np.arange(1, width + 1))), axis=1)
  if kind == "funnel":  # Ackley's
    waves = np.exp(np.cos(2 * np.pi * z).mean(axis=1))
    return np.maximum(20 - 20 * np.exp(-0.2 * np.sqrt(square.mean(axis=1))) + np.e - waves, 0)
  return (np.floor(np.abs(z) * 2 + 0.5) ** 2).sum(axis=1) + 0.01 * square.sum(axis=1)  # plateau


def search(session: core.Session, seeds: tuple[int, ...], width: int, rounds: int) -> np.ndarray:
  """Smallest normalised gaps [B] that the candidate reaches."""
  shift, turn, typical = functions(seeds, width)
  points, values = np.zeros((len(seeds), 0, width)), np.zeros((len(seeds), 0))
  # Values are shifted per function, so that the minimum is not known to be 0.
  level = np.sin(1000.0 * shift.sum(axis=1, keepdims=True)) * typical[:, None]
  for step in range(rounds):
    result = session.call("propose", points.copy(), values + level, step / rounds)
    new = np.clip(checks.array(result, (len(seeds), BATCH, width), name="propose"), -SIDE, SIDE)
    points = np.concatenate([points, new], axis=1)
    values = np.concatenate([values, _gaps(new, shift, turn)], axis=1)
    order = values.argsort(axis=1, kind="stable")[:, :KEPT]
    points = np.take_along_axis(points, order[:, :, None], axis=1)
    values = np.take_along_axis(values, order, axis=1)
  return values[:, 0] / typical


def evaluate(session: core.Session) -> core.Score:
  seeds = PUBLIC_SEEDS + tuple(session.seeds("functions", HIDDEN))
  reached = -np.log10(search(session, seeds, *SIZES[session.fidelity]) + FLOOR)
  shown = reached[:len(KINDS)]
  public, hidden = float(shown.mean()), float(reached[len(KINDS):].mean())
  by_kind = ", ".join(f"{kind} {value:.2f}" for kind, value in zip(KINDS, shown, strict=True))
  return core.Score(hidden, {"public": public, "gap": hidden - public}, {"public functions": by_kind},
                    instances=tuple(shown.tolist()))


TASKS = [
    core.Task(
        name="black_box_own", family="black_box", domain="constructive_search",
        statement=STATEMENT.format(**SIZES, instances=len(KINDS) + HIDDEN), brief=BRIEF,
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="propose", direction="max",
        baseline=2.16, spread=0.25, best_known=4.0,
        source="our own reference: steps along the differences of the best points, cooled",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=evaluate)
]
