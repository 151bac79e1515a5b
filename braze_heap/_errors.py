"""
How an exception is told where its text must not be.
"""

import traceback


def place_of(error: Exception) -> str:
    """
    Name an exception by its class and place; its text may quote personal data.
    """
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"
