"""
Text in UTF-16 code units, as Heap measures it, and suggestions for misspelled names.
"""

import bisect
from collections.abc import Iterable


def utf16_length(text: str) -> int:
    """Return the length of *text* in UTF-16 code units, as JavaScript counts it."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_utf16(text: str, limit: int) -> str:
    """
    Return the longest start of *text* of at most *limit* UTF-16 units.

    A character of two units is kept or omitted as a whole.
    """
    start = text[:limit]
    if utf16_length(start) <= limit:
        return start
    lengths = range(len(start))
    over = bisect.bisect_right(lengths, limit, key=lambda n: utf16_length(start[:n]))
    return start[: over - 1]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """
    Return the end of an error message: a blank and a question with the known name that
    is most similar to *name*; empty if none is similar.
    """
    import difflib  # takes milliseconds, and is needed only for errors

    close = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {close[0]!r}?" if close else ""
