"""Suggested name and module for the class of a new event type."""

import functools
import re
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from braze_heap.events import EVENT_TYPES

_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+", re.ASCII)
_MAX_TYPE: Final = 200

_GENERAL: Final = ("users", "messages", "behaviors")
"""Parts of an event type that are not in class names."""


def class_for(event_type: str) -> tuple[str, str]:
    """
    Return the class name for *event_type* and the module of its family.

    Both follow the known types of the same channel, as in ``EmailClick``. The module is
    empty for a new family, and the name if the type is not written like one of Braze.
    """
    if len(event_type) > _MAX_TYPE or not _TYPE.fullmatch(event_type):
        return "", ""
    *parents, own = event_type.split(".")
    stems = _stems()
    paths = [*accumulate(parents, "{}.{}".format)]
    for depth, path in reversed([*enumerate(paths, start=1)]):
        stem, module = stems.get(path, ("", ""))
        is_general = path.rpartition(".")[2] in _GENERAL
        if stem or (module and (path == paths[-1] or not is_general)):
            return stem + _camel([*parents[depth:], own]), module
    return _camel([p for p in parents if p not in _GENERAL] + [own]), ""


def _camel(parts: list[str]) -> str:
    return "".join(part[0].upper() + part[1:] for part in parts)


@functools.cache
def _stems() -> Mapping[str, tuple[str, str]]:
    """Return the prefix and module of known classes, by the prefix of their types."""
    found = {}
    for event_type, cls in EVENT_TYPES.items():
        parent, _, own = event_type.rpartition(".")
        found[parent] = (cls.__name__.removesuffix(own), cls.__module__)
    return MappingProxyType(found)
