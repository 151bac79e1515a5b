"""The walk over a JSON value, and into JSON text, of all policies that redact."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from braze_heap._json import decode, encode_changed, is_json_text
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
        truncated: Called in place of a walk into JSON text that cannot be decoded.
    """
    visited = visit(path, value)
    if visited is not WITHIN:
        return visited
    if isinstance(value, dict):
        inner = {n: walk((*path, n), v, visit, truncated) for n, v in value.items()}
        return {name: each for name, each in inner.items() if each is not REDACTED}
    if isinstance(value, list):
        items = [walk(path, item, visit, truncated) for item in value]
        return [item for item in items if item is not REDACTED]
    if not is_json_text(value):
        return value
    try:
        given = decode(value)
    except UnreadableError:
        return truncated(path, value)
    changed = walk(path, given, visit, truncated)
    return changed if changed is REDACTED else encode_changed(value, given, changed)
