"""The walk over a JSON value, and into JSON text, of all policies that redact."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from braze_heap._json import decode_all, encode_all, is_json_text, object_of
from braze_heap._json_limits import UnreadableError

Path: TypeAlias = tuple[str, ...]
"""
Names of the objects around a value, and its own. An element has that of its list.
"""

REDACTED: Final = object()
"""Result for a value that is redacted as a whole."""

WITHIN: Final = object()
"""Result of a visit if the values within an object, list or JSON text decide."""


def walk(
    path: Path,
    value: Any,
    visit: Callable[[Path, Any], Any],
    truncated: Callable[[Path, str], Any],
) -> Any:
    """
    Return *value* with each value in it as *visit* returns it, or `REDACTED`.

    Args:
        path: The path to the value.
        value: A value of JSON. It is not changed.
        visit: Called for each value, outermost first. Returns what to send in its
            place, `REDACTED` or `WITHIN`.
        truncated: Called for text that may have JSON in it but cannot be decoded. It is
            truncated, or something else precedes the JSON.
    """
    visited = visit(path, value)
    if visited is not WITHIN:
        return visited
    if isinstance(value, dict):
        inner = [(n, walk((*path, n), v, visit, truncated)) for n, v in value.items()]
        return object_of([each for each in inner if each[1] is not REDACTED])
    if isinstance(value, list):
        items = [walk(path, item, visit, truncated) for item in value]
        return [item for item in items if item is not REDACTED]
    if not may_contain_json(value):
        return value
    try:
        given = decode_all(value) if is_json_text(value) else value
    except UnreadableError:
        given = value
    if given is value:
        return truncated(path, value)
    changed = walk(path, given, visit, truncated)
    if changed is REDACTED:
        return REDACTED
    return value if changed == given else encode_all(changed)


def may_contain_json(value: Any) -> bool:
    """Return whether *value* is text that may contain a JSON object or array."""
    return isinstance(value, str) and ("{" in value or "[" in value)


def names_within(text: str) -> list[str]:
    """Return the names in *text*, which is truncated JSON, or similar to JSON."""
    return _QUOTED.findall(unescaped(text))


def unescaped(text: str) -> str:
    """Return *text*, which is similar to JSON, without escapes, however deep."""
    return _ESCAPE.sub(
        lambda m: bytes.fromhex("".join(m.groups(""))).decode("utf-16-be"), text
    )


_QUOTED: Final = re.compile(r"""["']([^"']++)["']\s*+[:=]""")
_ESCAPE: Final = re.compile(
    r"""(?<!\\)\\++(?:
        u((?!d[89a-f])[\da-f]{4})
      | u(d[89ab][\da-f]{2})\\++u(d[c-f][\da-f]{2})
      | (?=["'/])
    )""",
    re.IGNORECASE | re.VERBOSE,
)
