"""Hash function: a short program of machine operations on 32 bits with good avalanche. Construction shape.

The candidate returns the program as numbers, so that its operations are counted, and the evaluation runs it. Each
flipped input bit should flip each output bit in half of all cases; the finalisers of known hash functions are programs
of this kind.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

FLOOR = 1e-4  # about what the number of words resolves
SAMPLES = {"search": 2048, "full": 16384}
# operations: (value of the seed program, bound of its distance from that, best known value, source)
BUDGETS = {
    3: (-0.443, 0.01, -1.587, "our own reference: a local search over shifts and factors"),
    5: (-0.917, 0.01, -3.9, "the finaliser of MurmurHash3, scored here"),
}

STATEMENT = """Build a hash of 32-bit words from {n} operations so that flipping an input bit flips each output bit \
half of the time.

Write `construct(n, previous=None)` with n = {n}. Return integers ({n}, 2), operation and constant c of each step, \
applied in order to x modulo 2^32:
0: xor with x >> c, c from 1 to 31
1: times c, odd, up to 4294967295
2: plus c, up to 4294967295
3: rotate left by c, from 1 to 31
4: xor with x << c, c from 1 to 31
`previous` is the array of the parent program, or None.

Invalid: another shape, an operation or constant out of range (factors are odd).

Score: log10(0.0001 + the mean over all 32 x 32 pairs of input and output bit of (2 p - 1)^2 - 1/N), where p is the \
share of N = {search} hidden words ({full} at full fidelity; half of them random, half small numbers) in which the \
output bit flips. Lower is better: -4 is ideal, 0 no avalanche at all.

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = ("Return {n} steps [operation, constant] of a 32-bit hash (0: xor with right shift, 1: multiply by odd). "
         "Minimise its avalanche bias.")


@functools.lru_cache(maxsize=4)
def words(seed: int, count: int) -> np.ndarray:
  """Words [33, count]: hidden ones, and the same with each bit flipped."""
  rng = np.random.default_rng(seed)
  small = rng.choice(1 << 16, count // 2, replace=False) << rng.integers(0, 3)
  x = np.concatenate([rng.integers(0, 1 << 32, count - count // 2), small]).astype(np.uint32)
  x = np.concatenate([x[None], x ^ (np.uint32(1) << np.arange(32, dtype=np.uint32))[:, None]])
  x.setflags(write=False)
  return x


def apply(steps: np.ndarray, x: np.ndarray) -> np.ndarray:
  """The program [n, 2] on words of any shape; uint32 arithmetic wraps."""
  for operation, constant in steps.tolist():
    c = np.uint32(constant)
    if operation == 0:
      x = x ^ (x >> c)
    elif operation == 1:
      x = x * c
    elif operation == 2:
      x = x + c
    elif operation == 3:
      x = (x << c) | (x >> np.uint32(32 - constant))
    else:
      x = x ^ (x << c)
  return x


def check(steps: np.ndarray) -> None:
  """Raises Invalid."""
  for i, (operation, constant) in enumerate(steps.tolist()):
    if operation in (0, 3, 4) and not 1 <= constant <= 31:
      raise core.Invalid(f"step {i}: operation {operation} by {constant} bits, expected 1 to 31")
    if operation == 1 and constant % 2 == 0:
      raise core.Invalid(f"step {i}: factor {constant} is even, so that different words would collide")


def bias(hashed: np.ndarray) -> np.ndarray:
  """Estimate of (2 p - 1)^2 [32 input bits, 32 output bits] from hashed words [33, N], less what chance adds."""
  flips = (hashed[1:] ^ hashed[0]).astype("<u4")
  count = flips.shape[1]
  bits = np.unpackbits(flips.view(np.uint8).reshape(32, count, 4), axis=2, bitorder="little")
  return ((2 * bits.sum(axis=1, dtype=np.int64) - count) ** 2 / count - 1) / count


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  steps = checks.array(result, (n, 2), dtype=int, low=0, high=2**32 - 1, name="steps")
  if (steps[:, 0] > 4).any():
    raise core.Invalid(f"operation {steps[:, 0].max()} does not exist, expected 0 to 4")
  check(steps)
  pairs = bias(apply(steps, words(session.seeds("words", 1)[0], SAMPLES[session.fidelity])))
  row, column = np.unravel_index(pairs.argmax(), pairs.shape)
  note = (f"mean over output bits, by input bit 0 to 31: {' '.join(f'{x:.3g}' for x in pairs.mean(axis=1))}; the worst "
          f"pair is input bit {row}, output bit {column}")
  return core.Score(float(np.log10(max(pairs.mean(), 0.0) + FLOOR)), {"worst_pair": float(pairs.max())}, {"bias": note},
                    construction=steps)


TASKS = [
    core.Task(
        name=f"hash_function_{n}_own", family="hash_function", domain="systems",
        statement=STATEMENT.format(n=n, **SAMPLES), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="min",
        baseline=baseline, spread=spread, best_known=best, source=source,
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (baseline, spread, best, source) in BUDGETS.items()
]
