"""Formula regression: find a formula of physics from three quantities and its values alone. Solver shape.

Known exactly: textbook relations in units of our own, with one to three constants drawn near those units.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

POSITIVE = (0.2, 2.0), (0.2, 2.0), (0.2, 2.0)
WIDER = (0.15, 3.0), (0.15, 3.0), (0.15, 3.0)
SLOW = (0.2, 2.0), (0.0, 0.8), (0.2, 2.0)
FASTER = (0.2, 3.0), (0.0, 0.9), (0.2, 3.0)

LAWS = {
    "momentum": regression.Law(  # relativistic, with a potential
        lambda x, y, z, c: x * y / np.sqrt(1 - c[0] * y**2) - c[1] * x / z, (1.0, 0.4), SLOW, FASTER, -0.06),
    "radiance": regression.Law(  # black body
        lambda x, y, z, c: c[0] * x**3 / (np.exp(c[1] * x / z) - 1), (1.0, 1.0), POSITIVE, WIDER, -0.01),
    "lens": regression.Law(  # thick lens of two surfaces
        lambda x, y, z, c: 1 / (c[0] / x + 1 / y - c[1] * z / (x * y + 1)), (1.0, 0.3), POSITIVE, WIDER, 0.12),
    "interference": regression.Law(
        lambda x, y, z, c: x + y + 2 * np.sqrt(x * y) * np.cos(c[0] * z), (1.8,), POSITIVE, WIDER, 0.11),
    "dipole": regression.Law(
        lambda x, y, z, c: c[0] * z * np.sqrt(x**2 + y**2) / (x**2 + y**2 + z**2) ** c[1], (1.2, 1.5), POSITIVE, WIDER,
        -0.23),
    "magnet": regression.Law(  # Langevin's function
        lambda x, y, z, c: c[0] * x * (1 / np.tanh(c[1] * y / z) - z / (c[1] * y)), (1.3, 1.6), POSITIVE, WIDER, 0.14),
}

STATEMENT = """A quantity of physics is an unknown function of three others, x, y and z. Its formula is short: sums, \
products, quotients, powers, roots and the usual functions, with a few constants. Find it.

Write `model(x, y, z, params)` and return the quantity. x, y and z are positive arrays of shape (N,), independent \
random draws; """ + regression.rules("x")

BRIEF = ("Find the formula of a quantity of physics from x, y, z and up to 8 fitted constants params[i]. Maximise "
         "-log10 of the prediction error.")

TASKS = [
    core.Task(
        name=f"formula_regression_{name}", family="formula_regression", domain="symbolic_regression",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model",
        direction="max", baseline=law.baseline, spread=0.4, best_known=regression.BEST,
        source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(regression.evaluate, law=law, label=name, names=("x", "y", "z")))
    for name, law in LAWS.items()
]
