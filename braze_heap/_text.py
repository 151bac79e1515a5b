"""
Text as Heap measures it.
"""

import bisect


def utf16_length(text: str) -> int:
    """
    Return the length of *text* in UTF-16 code units, as JavaScript counts it.
    """
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_utf16(text: str, limit: int) -> str:
    """
    Return the longest start of *text* of at most *limit* UTF-16 units.

    A character of two units is kept whole or left out.
    """
    start = text[:limit]
    if utf16_length(start) <= limit:
        return start
    lengths = range(len(start))
    over = bisect.bisect_right(lengths, limit, key=lambda n: utf16_length(start[:n]))
    return start[: over - 1]
