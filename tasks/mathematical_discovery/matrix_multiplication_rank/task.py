"""Matrix multiplication with few products: error of an approximation. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# (m, n, p, rank): (value of the seed program, least error). Strassen 1969 and sums of his algorithm; Laderman 1976.
SIZES = {(2, 2, 2, 7): (8, 0), (2, 2, 3, 11): (13, 0), (3, 3, 3, 23): (39, 0)}
LARGEST = 8  # of a coefficient

STATEMENT = """Multiply an {m} by {n} matrix A with an {n} by {p} matrix B by {rank} products of numbers, \
instead of {plain}. Product r is (sum of u_r[i, j] A[i, j]) times (sum of v_r[j, k] B[j, k]); it enters C[i, k] \
with coefficient w_r[i, k]. For the true C the tensor sum of u_r x v_r x w_r has an entry 1 at each triple A[i, \
j], B[j, k], C[i, k] and 0 elsewhere.

Write `construct(m, n, p, r, previous=None)` with these sizes and r = {rank}. Return an array of shape ({rank}, \
{width}): row r holds u_r ({m} x {n}), v_r ({n} x {p}) and w_r ({m} x {p}), each flattened by rows. The \
evaluation rounds every coefficient to the nearest multiple of 1/2. `previous` is the rounded array that the \
parent program reached, or None.

Invalid: another shape, a number that is not finite and real, a coefficient beyond -{largest} to {largest}.

Score: the sum of the squared differences between the two tensors; lower is better. The optimum is 0, an exact \
algorithm.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return {rank} rank-one terms (u, v, w) for the {m}x{n} by {n}x{p} matrix product. Minimise the "
         "squared tensor error.")


@functools.lru_cache(maxsize=8)
def tensor(m: int, n: int, p: int) -> np.ndarray:
  """The matrix multiplication tensor [m n, n p, m p]."""
  entries = np.zeros((m * n, n * p, m * p), dtype=np.int64)
  for i, j, k in np.ndindex(m, n, p):
    entries[i * n + j, j * p + k, i * p + k] = 1
  entries.flags.writeable = False
  return entries


def evaluate(session: core.Session, m: int, n: int, p: int, rank: int) -> core.Score:
  result = session.call("construct", m, n, p, rank, session.previous)
  width = m * n + n * p + m * p
  terms = checks.array(result, (rank, width), low=-LARGEST, high=LARGEST, name="terms")
  doubled = np.rint(2 * terms).astype(np.int64)
  u, v, w = np.split(doubled, [m * n, m * n + n * p], axis=1)
  error = 8 * tensor(m, n, p) - np.einsum("ri,rj,rk->ijk", u, v, w)  # of the tensor times 8, in integers
  value = int((error**2).sum()) / 64
  metrics = {"wrong_entries": int((error != 0).sum()), "largest_error": float(abs(error).max()) / 8,
             "terms_in_use": int((u.any(1) & v.any(1) & w.any(1)).sum())}
  return core.Score(value, metrics, construction=doubled / 2 + 0.0)


TASKS = [
    core.Task(
        name=f"matrix_multiplication_rank_{m}_{n}_{p}", family="matrix_multiplication_rank",
        domain="mathematical_discovery",
        statement=STATEMENT.format(m=m, n=n, p=p, rank=rank, plain=m * n * p, width=m * n + n * p + m * p,
                                   largest=LARGEST),
        brief=BRIEF.format(m=m, n=n, p=p, rank=rank),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=float(baseline), best_known=float(best),
        source=f"exact algorithms of {rank} products: Strassen 1969, Laderman 1976",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(evaluate, m=m, n=n, p=p, rank=rank))
    for (m, n, p, rank), (baseline, best) in SIZES.items()
]
