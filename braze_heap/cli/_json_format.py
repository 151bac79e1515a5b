"""JSON as a person reads it."""

import json
from collections.abc import Sequence
from typing import Any


def format_json(value: Any, width: int, margin: int = 0, name: str = "") -> list[str]:
    """
    Return *value* as lines of JSON: on one line where it fits into *width*.

    Args:
        value: Anything that JSON can say.
        width: Columns of a line.
        margin: Columns that are taken already.
        name: What stands before the value, if it is a member of an object.
    """
    label = f"{json.dumps(name)}: " if name else ""
    line = label + json.dumps(value, ensure_ascii=False)
    if margin + len(line) <= width:
        return [line]
    if isinstance(value, dict):
        inner = [format_json(v, width, margin + 2, k) for k, v in value.items()]
        return [f"{label}{{", *_joined(inner), "}"]
    if isinstance(value, list):
        inner = [format_json(v, width, margin + 2) for v in value]
        return [f"{label}[", *_joined(inner), "]"]
    if len(label) < width / 2:
        return [line]
    return [label.rstrip(), f"  {line.removeprefix(label)}"]


def _joined(parts: Sequence[list[str]]) -> list[str]:
    """Return the lines of *parts*, indented, a comma behind each part but the last."""
    ended = [[*part[:-1], f"{part[-1]},"] for part in parts[:-1]] + [*parts[-1:]]
    return [f"  {line}" for part in ended for line in part]
