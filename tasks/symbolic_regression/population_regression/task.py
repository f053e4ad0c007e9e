"""Population regression: find the form of a hidden growth law from density, partner and temperature. Solver shape.

The laws are ours, put together from textbook terms: Allee effect, Monod uptake, Holling responses, saturated incidence.
"""

import functools
import pathlib

import numpy as np

from eft_jax import core
from eft_jax.core import regression

INSIDE = (0.1, 2.0), (0.1, 2.0), (0.0, 2.0)
OUTSIDE = (0.05, 3.0), (0.05, 3.0), (0.0, 2.6)

# The laws are rates dn/dt(n, s, w; c).
LAWS = {
    "allee": regression.Law(
        lambda n, s, w, c: c[0] * n * (1 - n / c[1]) * (n / c[2] - 1) * np.exp(-((w - c[3]) ** 2)),
        (0.6, 1.8, 0.5, 1.1), INSIDE, OUTSIDE, 0.11),
    "monod": regression.Law(
        lambda n, s, w, c: n * (c[0] * s / (c[1] + s) * np.exp(-c[2] * (w - c[3]) ** 2) - c[4]),
        (1.6, 0.7, 1.2, 0.9, 0.3), INSIDE, OUTSIDE, 0.13),
    "harvest": regression.Law(
        lambda n, s, w, c: c[0] * n * np.log(c[1] / n) - c[2] * s * n**2 / (c[3] ** 2 + n**2),
        (0.7, 1.7, 1.1, 0.6), INSIDE, OUTSIDE, 0.33),
    "predation": regression.Law(
        lambda n, s, w, c: c[0] * n * (1 - n / c[1]) - c[2] * w * n * s / (1 + c[3] * n),
        (1.1, 1.5, 0.9, 1.3), INSIDE, OUTSIDE, 0.64),
    "epidemic": regression.Law(
        lambda n, s, w, c: c[0] * (1 + c[1] * np.cos(c[2] * w)) * n * s / (1 + c[3] * n * n) - c[4] * n,
        (1.3, 0.5, 1.9, 0.6, 0.4), INSIDE, OUTSIDE, 0.25),
}

STATEMENT = """The growth rate of a population is an unknown function of its density n, of the density s of another \
population or nutrient, and of the warmth w of its surroundings (any of them may play no part). Find the form of that \
function.

Write `model(n, s, w, params)` and return the rate. n, s and w are arrays of shape (N,), independent random draws; \
""" + regression.rules("n")

BRIEF = ("Find a formula for a population's growth rate from n, s, w and up to 8 fitted constants params[i]. Maximise "
         "-log10 of the prediction error.")

TASKS = [
    core.Task(
        name=f"population_regression_{name}", family="population_regression", domain="symbolic_regression",
        statement=STATEMENT, brief=BRIEF, seed=pathlib.Path(__file__).with_name("seed.py").read_text(), entry="model",
        direction="max", baseline=law.baseline, spread=0.4, best_known=regression.BEST,
        source="the hidden law itself",
        limits=core.Limits(cpu_seconds=0.5, wall_seconds=10.0),
        evaluate=functools.partial(regression.evaluate, law=law, label=name, names=("n", "s", "w")))
    for name, law in LAWS.items()
]
