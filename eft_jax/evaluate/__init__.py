"""Evaluation: which model is the better proposer under the same budget, with intervals and a picture."""

from eft_jax.evaluate.loop import run_evaluate
from eft_jax.evaluate.settings import EvaluateSettings

__all__ = ["EvaluateSettings", "run_evaluate"]
