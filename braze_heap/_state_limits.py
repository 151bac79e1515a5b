"""Limits of a state file, apart from the code that opens one, which loads SQLite."""

from typing import Final

MAX_BYTES: Final = 1 << 30
"""Default cap of the dead letters, in bytes. Delivery stops if they reach it."""

MIN_BYTES: Final = 1 << 16
"""Smallest cap of the dead letters, in bytes."""
