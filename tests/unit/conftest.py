"""Hypothesis profiles: the same examples on every run; ``HYPOTHESIS_PROFILE=thorough`` for more."""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("thorough", settings.get_profile("steady"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
