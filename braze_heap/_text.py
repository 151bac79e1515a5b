"""Text in UTF-16 code units, as Heap measures it; names; and kinds of values."""

import bisect
from collections.abc import Iterable, Mapping
from typing import Final


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
    """Return a blank and a question with the most similar name, or an empty text."""
    close = similar(name, known)
    return f" Did you mean {close[0]!r}?" if close else ""


def similar(
    name: str, known: Iterable[str], number: int = 1, likeness: float = 0.6
) -> list[str]:
    """
    Return at most *number* of the *known* names that are similar to *name*, the most
    similar one first. A *likeness* of 1 accepts only equal names.
    """
    import difflib  # takes milliseconds, and is needed only for errors

    return difflib.get_close_matches(name, known, number, likeness)


def is_glob(text: str) -> bool:
    """Return whether *text* is a pattern of names, such as ``Email*``."""
    return any(character in text for character in "*?[")


def json_kind(value: object) -> str:
    """
    Return the kind of a JSON value, such as ``a list``, for error messages.

    The value is never shown because it may be secret.
    """
    if value is None:
        return "null"
    cls = type(value)
    return _JSON_KINDS.get(cls, f"a {cls.__name__}")


_JSON_KINDS: Final[Mapping[type, str]] = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "text",
    tuple: "a list",
}
