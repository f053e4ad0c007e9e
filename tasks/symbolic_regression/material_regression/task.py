"""Material regression: find the form of a hidden stress law from strain, strain rate and temperature. Solver shape.

The laws are ours, put together from textbook terms: hardening, rate sensitivity, softening, rubber elasticity.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

INSIDE = (0.02, 1.0), (0.1, 3.0), (0.1, 1.0)
OUTSIDE = (0.01, 1.6), (0.05, 5.0), (0.05, 1.4)

# The laws are stresses sigma(e, r, h; c).
LAWS = {
    "softening": regression.Law(
        lambda e, r, h, c: (c[0] + c[1] * e ** c[2]) * (1 + c[3] * np.log(r)) * (1.6 - h ** c[4]),
        (0.4, 1.6, 0.5, 0.2, 1.3), INSIDE, OUTSIDE, 0.11),
    "voce": regression.Law(
        lambda e, r, h, c: (c[0] - c[1] * np.exp(-c[2] * e)) * np.exp(-c[3] * h) + c[4] * np.sqrt(r),
        (1.9, 1.4, 3.5, 0.8, 0.2), INSIDE, OUTSIDE, 0.15),
    "rubber": regression.Law(
        lambda e, r, h, c: (c[0] * h + c[1] / (1 + e)) * (1 + e - (1 + e) ** -2) + c[2] * e * r ** c[3],
        (1.2, 0.7, 0.5, 0.4), INSIDE, OUTSIDE, 0.21),
}

STATEMENT = """The stress in a material under load is an unknown function of its strain e, of the rate r at which it \
is strained and of its temperature h, from near 0 to about the melting point at 1.5. Find the form of that function.

Write `model(e, r, h, params)` and return the stress. e, r and h are positive arrays of shape (N,), independent random \
draws; """ + regression.rules("e")

BRIEF = ("Find a formula for the stress in a material from e, r, h and up to 8 fitted constants params[i]. Maximise "
         "-log10 of the prediction error.")

TASKS = [
    core.Task(
        name=f"material_regression_{name}", family="material_regression", domain="symbolic_regression",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model",
        direction="max", baseline=law.baseline, spread=0.4, best_known=regression.BEST,
        source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(regression.evaluate, law=law, label=name, names=("e", "r", "h")))
    for name, law in LAWS.items()
]
