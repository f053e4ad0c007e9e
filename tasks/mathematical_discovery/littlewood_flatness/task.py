"""Flat Littlewood polynomials: signs as coefficients, least maximum on the unit circle. Construction shape."""

import functools
import math
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (value of the seed program, best value). The best values are those of our own tabu search, re-scored in the tests.
SIZES = {32: (1.66846329, 1.331884486), 64: (1.87013663, 1.391210738), 101: (2.01284927, 1.435300447)}
GRID = 64  # points of the circle for each coefficient

STATEMENT = """Find {n} signs s_0, ..., s_{top}, each +1 or -1, such that the polynomial P(z) = s_0 + s_1 z + \
... + s_{top} z^{top} is as flat as possible on the unit circle: its largest absolute value there, divided by \
sqrt({n}), should be small. (It cannot be below 1.)

Write `construct(n, previous=None)` with n = {n}. Return a list or array of n numbers, each exactly 1 or -1. \
`previous` is the array of signs that the parent program reached, or None.

Invalid: another length, any entry that is not 1 or -1.

Score: max |P(z)| / sqrt({n}) over |z| = 1, lower is better. It is computed on {points} equidistant points and \
rounded up by a factor below 1.002, which bounds the maximum between the points. Best of our own search: \
{best:.6f}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} signs, each 1 or -1, the coefficients of P. Minimise max |P(z)| / sqrt({n}) over the unit circle."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  signs = checks.array(result, (n,), dtype=int, low=-1, high=1, name="signs")
  if not signs.all():
    raise core.Invalid(f"signs[{int((signs == 0).argmax())}] is 0, expected 1 or -1")
  size = abs(np.fft.fft(signs, GRID * n))
  # A trigonometric polynomial of degree d on N points: its maximum is at most the largest of them over cos(pi d / N)
  # (Ehlich and Zeller 1964); |P|^2 has degree n - 1.
  bound = math.sqrt(1 / math.cos(math.pi * (n - 1) / (GRID * n)))
  value = float(size.max()) * bound / math.sqrt(n) * (1 + checks.MARGIN)
  angle = 2 * math.pi * int(size.argmax()) / len(size)
  metrics = {"angle_of_the_maximum": angle, "minimum": float(size.min()) / math.sqrt(n)}
  return core.Score(value, metrics, construction=signs)


TASKS = [
    core.Task(
        name=f"littlewood_flatness_{n}", family="littlewood_flatness", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=best, top=n - 1, points=GRID * n),
        brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, best_known=best, source="our own reference: tabu search over single and double sign changes",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in SIZES.items()
]
