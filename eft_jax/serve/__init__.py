"""Serving: SGLang's wire protocol, an in-process JAX engine behind it, and one client for both.

Names are resolved on first use, so that a search that only talks to a server never imports jax.
"""

import importlib

_HOME = {
    "Engine": "engine", "GenerateRequest": "requests", "GenerateResult": "requests", "SamplingParams": "requests",
    "Client": "client", "Embedded": "client", "ServerError": "client",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
  if name not in _HOME:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
