"""Reaction regression: find the form of a hidden rate law from two concentrations and temperature. Solver shape.

The laws are ours, put together from textbook terms: Michaelis-Menten with inhibition, Arrhenius factors, saturation.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

INSIDE = (0.1, 2.0), (0.1, 2.0), (0.6, 1.6)
OUTSIDE = (0.05, 3.0), (0.05, 3.0), (0.5, 2.0)

# The laws are rates r(a, b, h; c).
LAWS = {
    "inhibition": regression.Law(
        lambda a, b, h, c: c[0] * a * np.exp(-c[1] / h) / (c[2] * (1 + b / c[3]) + a),
        (1.8, 0.8, 0.6, 0.5), INSIDE, OUTSIDE, 0.36),
    "substrate": regression.Law(
        lambda a, b, h, c: c[0] * a / (c[1] + a + a**2 / c[2]) - c[3] * b * h,
        (1.9, 0.5, 0.9, 0.3), INSIDE, OUTSIDE, 0.28),
    "saturation": regression.Law(
        lambda a, b, h, c: c[0] * a**2 * np.exp(-c[1] / h) / (1 + c[2] * a * b),
        (1.5, 1.2, 0.9), INSIDE, OUTSIDE, 0.15),
    "surface": regression.Law(
        lambda a, b, h, c: c[0] * h * a * b / (1 + c[1] * a + c[2] * b) ** 2,
        (1.9, 1.3, 0.7), INSIDE, OUTSIDE, 0.36),
    "reversible": regression.Law(
        lambda a, b, h, c: c[0] * np.exp(-c[1] / h) * a**2 - c[2] * np.exp(-c[3] / h) * b,
        (1.4, 0.6, 1.9, 1.4), INSIDE, OUTSIDE, 0.03),
}

STATEMENT = """The rate of a chemical reaction is an unknown function of two concentrations a and b and of the \
absolute temperature h, in units in which it is about 1 (any of them may play no part). Find the form of that function.

Write `model(a, b, h, params)` and return the rate. a, b and h are positive arrays of shape (N,), independent random \
draws; """ + regression.rules("a")

BRIEF = ("Find a formula for a reaction rate from a, b, h and up to 8 fitted constants params[i]. Maximise -log10 of "
         "the prediction error.")

TASKS = [
    core.Task(
        name=f"reaction_regression_{name}", family="reaction_regression", domain="symbolic_regression",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model",
        direction="max", baseline=law.baseline, spread=0.4, best_known=regression.BEST,
        source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(regression.evaluate, law=law, label=name, names=("a", "b", "h")))
    for name, law in LAWS.items()
]
