"""Helpers of several test modules."""

REGENERATE = "run `python -m tests.regenerate`, and read the difference"
