"""
JSON that comes from outside: bounded before it is parsed, forgiving in its text.
"""

import itertools
import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 64
"""
Objects and arrays inside of one another. ``json`` recurses in C, where a deep document
ends the process on a thread with a small stack; so depth is counted first.
"""

MAX_STRUCTURE: Final = 1_000_000
"""
Brackets and commas of one document: 9 MB of ``{},`` would become 225 MB of objects.
"""


class UnreadableError(ValueError):
    """
    The bytes hold no JSON, or JSON beyond the limits. The text says where.
    """


def decode(body: bytes | str) -> Any:
    """
    Return the JSON value that *body* holds; ``None`` if it is blank.

    A byte order mark is skipped and invalid UTF-8 becomes U+FFFD. NaN, infinities and
    integers of any length are read; an integer of over 4,300 digits comes as text.

    Raises:
        UnreadableError: No JSON, text behind it, two ``events`` keys in the outermost
            object, or over `MAX_DEPTH` or `MAX_STRUCTURE`.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    check_limits(data)
    text = body if isinstance(body, str) else _text(data)
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        return None
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"not JSON: {error.msg} at character {error.pos}"
        ) from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _loads(text: str) -> Any:
    is_suspect = text.count('"events"') > 1 or _ESCAPED_LETTER.search(text)
    if is_suspect and _has_two_event_lists(text):
        raise UnreadableError("two events keys in one object")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_int=_int_or_text)


_ESCAPED_LETTER: Final = re.compile(r"\\u00[67]")
"""A plain letter written as an escape, as nobody does who does not hide one."""


def _int_or_text(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def _has_two_event_lists(text: str) -> bool:
    outermost: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = [key for key, _ in pairs]
        return {}

    json.loads(text, object_pairs_hook=keep, parse_int=str)
    return text.lstrip().startswith("{") and outermost.count("events") > 1


def check_limits(data: bytes) -> None:
    """
    Raise if *data* is JSON beyond the limits. Linear in its length; never recurses.

    Raises:
        UnreadableError: Over `MAX_DEPTH` or `MAX_STRUCTURE`.
    """
    if len(data) <= MAX_DEPTH:
        return
    structure = _without_escapes(data).translate(None, _NOT_STRUCTURE)
    if (
        len(structure) > MAX_STRUCTURE
        and len(_without_texts(structure)) > MAX_STRUCTURE
    ):
        raise UnreadableError(f"over {MAX_STRUCTURE:,} brackets and commas")
    if _depth(structure) > MAX_DEPTH:
        raise UnreadableError(f"over {MAX_DEPTH} levels deep")


_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'{}[],"'))
_MANY_ESCAPES: Final = 1 << 14
_TEXT: Final = re.compile(rb'"[^"]*"?')
_STEP: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def _without_escapes(data: bytes) -> bytes:
    """
    Return *data* without the quotes that end no text.

    Splitting is the faster way for a few escapes, replacing the lighter one for many.
    """
    count = data.count(b"\\")
    if count > _MANY_ESCAPES:
        return data.replace(rb"\\", b"").replace(rb"\"", b"")
    first, *escaped = data.split(b"\\")
    if b"" in escaped:
        first, *escaped = data.replace(rb"\\", b"").split(b"\\")
    return first + b"".join([piece[1:] for piece in escaped]) if escaped else first


def _without_texts(structure: bytes) -> bytes:
    return _TEXT.sub(b"", structure.replace(b'""', b""))


def _depth(structure: bytes) -> int:
    """
    Return the depth of what remains of a document without its texts and numbers.
    """
    brackets = _without_texts(structure.replace(b",", b""))
    return max(itertools.accumulate(map(_STEP.__getitem__, brackets)), default=0)
