"""Oscillator regression: find the form of a hidden law of motion; the trusted side fits its constants. Solver shape.

States are independent draws and no trajectories, from which a program could read accelerations as differences of v.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

INSIDE = (-1.5, 1.5), (-1.5, 1.5), (0, 20)
OUTSIDE = (-2.25, 2.25), (-2.25, 2.25), (20, 30)

# The laws are accelerations a(x, v, t; c).
LAWS = {
    "driven": regression.Law(
        lambda x, v, t, c: c[0] * np.sin(c[1] * t) - c[2] * v - c[3] * x**3 - c[4] * x * v,
        (0.9, 1.3, 0.3, 0.8, 0.5), INSIDE, OUTSIDE, 0.33),
    "exponential": regression.Law(
        lambda x, v, t, c: c[0] * (1 - x * x) * v - c[1] * (np.exp(c[2] * x) - 1),
        (0.8, 1.2, 0.7), INSIDE, OUTSIDE, 0.39),
    "duffing": regression.Law(
        lambda x, v, t, c: c[0] * np.cos(c[1] * t) - c[2] * x - c[3] * x**3 - c[4] * v**3,
        (1.5, 1.2, 0.3, 1.0, 0.3), INSIDE, OUTSIDE, 0.39),
}

STATEMENT = """A point moves on a line under an unknown law: its acceleration is a function of position x, velocity v \
and time t. Find the form of that function.

Write `model(x, v, t, params)` and return the acceleration. x, v and t are arrays of shape (N,), independent random \
states; """ + regression.rules("x")

BRIEF = ("Find a formula for the acceleration of an oscillator from x, v, t and up to 8 fitted constants params[i]. "
         "Maximise -log10 of the prediction error.")

TASKS = [
    core.Task(
        name=f"oscillator_regression_{name}", family="oscillator_regression", domain="symbolic_regression",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model",
        direction="max", baseline=law.baseline, spread=0.4, best_known=regression.BEST,
        source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(regression.evaluate, law=law, label=name, names=("x", "v", "t")))
    for name, law in LAWS.items()
]
