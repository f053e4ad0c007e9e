"""Rational approximation of |x| on [-1, 1] in the maximum norm. Construction shape.

Best errors of type (n, n) are those of Varga, Ruttan and Carpenter (1993), whose first digits are given here.
"""

import functools
import pathlib

import numpy as np
from numpy.polynomial import polynomial

from eft_jax import core
from eft_jax.core import checks

# Type: (value of the seed program, least error).
TYPES = {
    2: (0.1060640698, 4.36890126922e-2),
    4: (0.08557819975, 8.50148470419e-3),
    6: (0.06796116259, 2.28210600971e-3),
}
GRID = np.linspace(0, 1, 513)
SMALLEST = 1e-9  # of the denominator, relative to its largest value

STATEMENT = """Approximate |x| on [-1, 1] by a rational function r = p/q of type ({n}, {n}) with the least maximum \
error. Because |x| is even, p and q are polynomials in x^2 of degree {half}.

Write `construct(n, previous=None)` with n = {n}. Return an array of shape (2, {terms}): the coefficients of p, then \
those of q, by increasing powers of x^2. `previous` is the array that the parent program reached, or None.

Invalid: another shape, numbers that are not finite, entries beyond 1e12, a denominator that is not positive on [-1, \
1] or falls below 1e-9 of its largest value.

Score: the largest |r(x) - |x|| on [-1, 1]; lower is better. It is found from the zeros of the derivative, not on a \
grid alone. The least possible is {best:.7g}.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return p and q (2, {terms}), polynomials in x^2, with p/q near |x| on [-1, 1]. Minimise the largest error."


def spread_out(even: np.ndarray) -> np.ndarray:
  """Coefficients in x of a polynomial given in x^2."""
  full = np.zeros(2 * len(even) - 1)
  full[::2] = even
  return full


def stationary(coefficients: np.ndarray) -> np.ndarray:
  """Points of [0, 1] near real zeros of a polynomial, with a grid and the ends; more than needed does no harm."""
  scaled = coefficients / max(np.abs(coefficients).max(), 1e-300)
  scaled = polynomial.polytrim(scaled, 1e-15)
  zeros = polynomial.polyroots(scaled) if len(scaled) > 1 else np.empty(0)
  near = zeros[np.abs(zeros.imag) < 1e-3].real
  return np.concatenate([GRID, near[(near > 0) & (near < 1)]])


def largest_error(p: np.ndarray, q: np.ndarray) -> float:
  """Of p/q, both in x^2, from x on [0, 1]. Raises Invalid where q is not positive."""
  p, q = spread_out(p), spread_out(q)
  below = polynomial.polyval(stationary(polynomial.polyder(q)), q)
  if not below.min() > SMALLEST * np.abs(below).max():
    raise core.Invalid(f"the denominator falls to {below.min():.3g} where its largest value is {below.max():.3g}")
  # (p/q - x)' = 0 where p'q - pq' - q^2 = 0.
  slope = polynomial.polysub(polynomial.polysub(polynomial.polymul(polynomial.polyder(p), q),
                                                polynomial.polymul(p, polynomial.polyder(q))),
                             polynomial.polymul(q, q))
  x = stationary(slope)
  return float(np.abs(polynomial.polyval(x, p) / polynomial.polyval(x, q) - x).max())


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  pair = checks.array(result, (2, n // 2 + 1), low=-1e12, high=1e12, name="coefficients")
  scale = float(np.abs(pair[1]).max())
  if not scale > 0:
    raise core.Invalid("the denominator is 0")
  value = largest_error(*(pair / scale)) * (1 + checks.MARGIN)
  return core.Score(value, construction=pair)


TASKS = [
    core.Task(
        name=f"minimax_rational_abs_{n}", family="minimax_rational", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, half=n // 2, terms=n // 2 + 1, best=best),
        brief=BRIEF.format(terms=n // 2 + 1), seed=pathlib.Path(__file__).with_name("seed.py").read_text(),
        entry="construct", direction="min", baseline=baseline, best_known=best,
        source="Varga, Ruttan and Carpenter 1993, re-computed in the tests",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best) in TYPES.items()
]
