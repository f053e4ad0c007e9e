"""For all tests: examples of hypothesis may take as long as a busy machine makes them."""

import hypothesis

hypothesis.settings.register_profile("eft_jax", parent=hypothesis.settings.get_profile("default"), deadline=None)
hypothesis.settings.load_profile("eft_jax")
