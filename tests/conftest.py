"""For all tests: JAX looks for no TPU that is not there, and examples of hypothesis take as long as they take."""

import hypothesis

from eft_jax.core import platforms

platforms.settle()  # before a test imports jax

hypothesis.settings.register_profile("eft_jax", hypothesis.settings(deadline=None))  # the rest as is: CI derandomizes
hypothesis.settings.load_profile("eft_jax")


def pytest_collection_modifyitems(config, items):
  """What compiles for whole pods runs only where `-m` asks for it by name."""
  if "ondemand" not in config.option.markexpr:
    left_out = [item for item in items if item.get_closest_marker("ondemand")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
