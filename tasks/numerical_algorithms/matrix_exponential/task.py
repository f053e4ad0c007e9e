"""The exponential of a matrix with few matrix products: the candidate returns the scheme. Construction shape.

After AlgoTune's matrix_exponential, with counted products in the place of seconds. Schemes that reach a higher degree
than Paterson and Stockmeyer's are those of Bader, Blanes and Casas (2019) and Sastre (2018).
"""

import functools
import math
import pathlib

import numpy as np
from scipy import linalg

from eft_jax import core
from eft_jax.core import checks

# Products: (value of the seed program, best known, its source).
PRODUCTS = {
    2: (1.261583769, 2.733739957, "our own reference: descent from the scheme of Paterson and Stockmeyer"),
    3: (1.300542864, 6.628617877, "our own reference: descent from the scheme of Bader, Blanes and Casas 2019"),
    4: (1.341755761, 8.233584698, "the scheme of Bader, Blanes and Casas 2019 for A/2, squared"),
}
MATRICES = {"search": (24, 8), "full": (60, 40)}  # number, order
FLOOR = 1e-14

STATEMENT = """Compute the exponential of matrices with only {n} matrix products.

Write `construct(n, previous=None)` with n = {n}. Return a scheme, an array of shape ({rows}, {columns}). With Y[0] = \
I, Y[1] = A, product j = 0, 1, ... is Y[j+2] = L R, where L = sum_k S[2j, k] Y[k] and R = sum_k S[2j+1, k] Y[k] may \
only use what exists, k < j + 2. The last row gives the result, exp(A) = sum_k S[{last}, k] Y[k]. Sums and multiples \
are free. `previous` is the scheme that the parent program reached, or None.

Invalid: another shape, numbers that are not finite or beyond 1000, a product that uses itself or a later one.

Score: -log10 of the largest error, in the Frobenius norm relative to exp(A), over {search} fixed matrices A \
(symmetric, rotating, nilpotent and general ones) of spectral norm from 0.2 to 1; at most 14. Higher is better. The \
evaluation multiplies the matrices. {full} larger ones at full fidelity.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return a scheme that computes exp(A) with {n} matrix products. Maximise its accuracy for norms up to 1."


@functools.lru_cache(maxsize=2)
def problems(count: int, order: int) -> tuple[np.ndarray, np.ndarray]:
  """Matrices [count, order, order] of four kinds, and their exponentials."""
  rng = np.random.default_rng(7)
  made = []
  for k in range(count):
    general = rng.normal(size=(order, order))
    a = (general, general + general.T, general - general.T, np.triu(general, 1))[k % 4]
    norms = 1.0 if k < 8 else rng.uniform(0.2, 1.0)
    made.append(a * norms / np.linalg.norm(a, 2))
  return np.array(made), np.array([linalg.expm(a) for a in made])


def computed(scheme: np.ndarray, matrices: np.ndarray) -> np.ndarray:
  """The scheme's results for matrices [B, N, N]."""
  powers = [np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape), matrices]
  combine = lambda row: sum((c * y for c, y in zip(row, powers, strict=False) if c), np.zeros_like(matrices))
  for left, right in scheme[:-1].reshape(-1, 2, scheme.shape[1]):
    powers.append(combine(left) @ combine(right))
  return combine(scheme[-1])


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  scheme = checks.array(result, (2 * n + 1, n + 2), low=-1000, high=1000, name="scheme")
  for row, k in np.argwhere(scheme[:-1] != 0):
    if k >= row // 2 + 2:
      raise core.Invalid(f"S[{row}, {k}] = {scheme[row, k]:.6g}: product {row // 2} may use Y[0] to Y[{row // 2 + 1}]")
  matrices, right = problems(*MATRICES[session.fidelity])
  with np.errstate(all="ignore"):
    off = np.linalg.norm(computed(scheme, matrices) - right, axis=(1, 2)) / np.linalg.norm(right, axis=(1, 2))
  worst = float(np.nan_to_num(off, nan=1e30, posinf=1e30).max())
  return core.Score(-math.log10(min(worst, 1e30) + FLOOR), {"mean_digits": float(-np.log10(
      np.clip(np.nan_to_num(off, nan=1e30), FLOOR, 1e30)).mean())}, construction=scheme)


TASKS = [
    core.Task(
        name=f"matrix_exponential_products_{n}_own", family="matrix_exponential", domain="numerical_algorithms",
        statement=STATEMENT.format(n=n, rows=2 * n + 1, columns=n + 2, last=2 * n, **{
            name: count for name, (count, _) in MATRICES.items()}),
        brief=BRIEF.format(n=n), seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct",
        direction="max", baseline=baseline, best_known=best,
        source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, best, source) in PRODUCTS.items()
]
