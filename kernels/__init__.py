"""Accelerator kernels, each beside the plain reference that it must equal; imported by `eft_jax.models` alone."""
