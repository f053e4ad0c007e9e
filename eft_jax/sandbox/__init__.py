"""Runs untrusted programs: isolated processes, limits read from the kernel's clocks, plain data in and out."""

from eft_jax.sandbox.pool import Evaluation, Pool
from eft_jax.sandbox.protections import Strength, strength, verify
from eft_jax.sandbox.settings import SandboxSettings, secret_id

__all__ = ["Evaluation", "Pool", "SandboxSettings", "Strength", "secret_id", "strength", "verify"]
