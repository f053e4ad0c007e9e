"""Low autocorrelation binary sequences: n signs with the largest merit factor. Construction shape, exact integers."""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import checks

# n: (energy of the seed program's sequence, least energy). Proved least by branch and bound (Packebusch and Mertens
# 2016; OEIS A102780).
SIZES = {30: (203, 59), 60: (890, 218)}

STATEMENT = """Find a sequence s of {n} signs, each +1 or -1, whose aperiodic autocorrelations are small. With \
C_k = sum of s[i] * s[i + k] over i, the energy is E = C_1^2 + ... + C_(n-1)^2 and the merit factor is n^2 / (2 E).

Write `construct(n, previous=None)` with n = {n}. Return a list or array of n numbers, each exactly 1 or -1. \
`previous` is the array of signs that the parent program reached, or None.

Invalid: another length, any entry that is not 1 or -1.

Score: the merit factor, higher is better. The best possible is {best:.4f} (E = {energy}).

Rules: Python with numpy and scipy; no files, network or input; same result on every run; half a second of CPU."""

BRIEF = "Return {n} signs, each 1 or -1. Maximise n^2 / (2 E), E the sum of squared aperiodic autocorrelations."


def evaluate(session: core.Session, n: int) -> core.Score:
  result = session.call("construct", n, session.previous)
  signs = checks.array(result, (n,), dtype=int, low=-1, high=1, name="signs")
  if not signs.all():
    raise core.Invalid(f"signs[{int((signs == 0).argmax())}] is 0, expected 1 or -1")
  sidelobes = np.correlate(signs, signs, "full")[n:]
  energy = int((sidelobes**2).sum())
  return core.Score(n * n / (2 * energy), {"energy": energy, "peak": int(abs(sidelobes).max())}, construction=signs)


TASKS = [
    core.Task(
        name=f"labs_merit_factor_{n}", family="labs_merit_factor", domain="mathematical_discovery",
        statement=STATEMENT.format(n=n, best=n * n / (2 * energy), energy=energy), brief=BRIEF.format(n=n),
        seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="construct", direction="max",
        baseline=n * n / (2 * start), best_known=n * n / (2 * energy),
        source=f"E = {energy}, optimal by branch and bound (Packebusch and Mertens 2016)",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0), evaluate=functools.partial(evaluate, n=n))
    for n, (start, energy) in SIZES.items()
]
