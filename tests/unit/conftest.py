"""What holds for all unit tests."""

from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy machine fails no test
settings.load_profile("any machine")
