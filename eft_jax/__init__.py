"""eft_jax: Evolution Fine-Tuning in JAX, from search trajectories to a better proposer."""

__version__ = "0.1.0"
