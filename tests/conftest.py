"""For all tests: examples of hypothesis may take as long as a busy machine makes them."""

import hypothesis

hypothesis.settings.register_profile("eft_jax", hypothesis.settings(deadline=None))  # the rest as is: CI derandomizes
hypothesis.settings.load_profile("eft_jax")
