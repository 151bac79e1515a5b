"""
Text as Heap measures it.
"""

from collections.abc import Iterator


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
    return "".join(_fitting(text, limit))


def _fitting(text: str, limit: int) -> Iterator[str]:
    for character in text[:limit]:
        limit -= 2 if character > "\uffff" else 1
        if limit < 0:
            return
        yield character
