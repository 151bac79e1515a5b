"""
The Python that would teach the event classes what is new, as far as traffic tells.
"""

import functools
import importlib
import itertools
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import attrs

from braze_heap.drift._findings import DriftContent, NewType, SeenField
from braze_heap.drift._naming import class_for
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    EventField,
    Privacy,
    event_fields,
)

NOTE: Final = "Observed in traffic; not documented yet."
"""Docstring of whatever is new."""

_GROUPS: Final = "braze_heap.events.groups"


@attrs.frozen
class Lines:
    """
    Python to paste.

    Types of fields are those that other classes give the name, if they hold what was
    observed, and guessed from it otherwise. A field is marked as personal
    data only where another class marks its name so: decide it for each one.

    Attributes:
        event_type: As Braze writes it.
        module: Where to paste it; empty if its family is new.
        class_name: The class that gains the fields, or is new.
        imports: What *text* needs, besides what *module* defines.
        text: The lines. What cannot be declared is a comment that says why.
        is_class: Whether *text* is a whole class, or lines for the body of one.
    """

    event_type: str
    module: str
    class_name: str
    imports: str
    text: str
    is_class: bool = False


@attrs.define
class _Writer:
    """Writes declarations, and remembers what they need."""

    release: str
    needs: set[str] = attrs.field(factory=set)

    def field(
        self, name: str, seen: Sequence[SeenField], taken: Mapping[str, object]
    ) -> str:
        """Return the declaration of the field *name*, or why there is none."""
        flaw = _flaw(name, seen, taken)
        annotation = _annotation(name, seen)
        if flaw or annotation is None:
            types = " and ".join(dict.fromkeys(t for s in seen for t in s.types))
            return f"    # {_shown(name)}: {flaw or f'no field holds {types}'}"
        if annotation in ("Float32", "JsonObject", "JsonText"):
            self.needs.add(annotation)
        specifier = self._specifier(name, seen)
        return f'    {name}: {annotation} | None = {specifier}\n    """{NOTE}"""'

    def _specifier(self, name: str, seen: Sequence[SeenField]) -> str:
        options = {}
        if any(s.place == "user" for s in seen):
            options["place"] = '"user"'
        if self.release:
            options["since"] = self.release
        privacy = _privacy_by_name().get(name)
        function = "field"
        if privacy is Privacy.MARKED:
            function = "personal"
        elif privacy is Privacy.SENSITIVE and "place" not in options:
            function = "sensitive"
        elif privacy is Privacy.SENSITIVE:
            options["privacy"] = "Privacy.SENSITIVE"
            self.needs.add("Privacy")
        elif options.keys() == {"since"}:
            self.needs.add("since")
            return f"since({self.release})"
        elif not options:
            return "None"
        self.needs.add(function)
        return f"{function}({', '.join(f'{k}={v}' for k, v in options.items())})"


def lines_for(drift: DriftContent, release: int | None) -> Iterator[Lines]:
    """Return the lines for each new type, then for each type with new fields."""
    number = "..." if release is None else str(release)
    for new in drift.new_types:
        if new.class_name:
            yield _class_lines(new, number)
    for event_type, fields in itertools.groupby(
        drift.new_fields, attrgetter("event_type")
    ):
        yield _field_lines(event_type, [*fields], number)


def _field_lines(event_type: str, fields: list[SeenField], release: str) -> Lines:
    cls = EVENT_TYPES.get(event_type, CurrentsEvent)
    name, module = class_for(event_type)
    if cls is not CurrentsEvent:
        name, module = cls.__name__, cls.__module__
    writer = _Writer(release)
    text = _declarations(fields, _taken(cls), writer)
    return Lines(event_type, module, name, _imports(writer.needs), text)


def _class_lines(new: NewType, release: str) -> Lines:
    bases = [*_bases(new)] or [CurrentsEvent]
    has = {name: f for base in bases for name, f in _documented(base).items()}
    rest = [field for field in new.fields if not _is_one_of(field, has)]
    writer = _Writer("", {b.__name__ for b in bases if b.__module__ != new.module})
    names = {name: 0 for base in bases for name in _taken(base)}
    heading = [
        *(base.__name__ for base in bases),
        f'event_type="{new.event_type}"',
        f'display_name="{_spaced(new.class_name)}"',
        f"release={release}",
    ]
    text = (
        f"class {new.class_name}(\n"
        + "".join(f"    {line},\n" for line in heading)
        + f'):\n    """\n    {NOTE}\n    """\n'
    )
    if rest:
        text += f"\n{_declarations(rest, names, writer)}"
    imports = _imports(writer.needs)
    return Lines(
        new.event_type, new.module, new.class_name, imports, text, is_class=True
    )


def _declarations(
    fields: list[SeenField], taken: Mapping[str, object], writer: _Writer
) -> str:
    fields = sorted(fields, key=attrgetter("name"))
    return (
        "\n\n".join(
            writer.field(name, [*seen], taken)
            for name, seen in itertools.groupby(fields, attrgetter("name"))
        )
        + "\n"
    )


def _bases(new: NewType) -> Iterator[type[CurrentsEvent]]:
    """Choose the shared classes whose fields were all observed, the largest first."""
    spots: dict[tuple[str, str], SeenField]
    spots = {(field.place, field.name): field for field in new.fields}
    modules = [new.module, _GROUPS] if new.module else [_GROUPS]
    groups = {cls: _documented(cls) for m in modules for cls in _groups_in(m)}
    covered: set[str] = set()
    for cls in sorted(groups, key=lambda c: (-len(groups[c]), c.__name__)):
        own = {n: f for n, f in groups[cls].items() if f.place != "envelope"}
        if own.keys() - covered and all(_was_seen(f, spots) for f in own.values()):
            covered |= own.keys()
            yield cls


def _documented(cls: type[CurrentsEvent]) -> Mapping[str, EventField]:
    return {name: f for name, f in event_fields(cls).items() if f.documented}


def _groups_in(module: str) -> Iterator[type[CurrentsEvent]]:
    for value in vars(importlib.import_module(module)).values():
        is_class = isinstance(value, type) and issubclass(value, CurrentsEvent)
        if is_class and value.__module__ == module and not hasattr(value, "event_type"):
            yield value


def _was_seen(field: EventField, spots: Mapping[tuple[str, str], SeenField]) -> bool:
    spellings = ((field.place, field.name), ("storage", field.storage or ""))
    found = [spots[s] for s in spellings if s in spots]
    return bool(found) and all(_holds(field.kind, f.types) for f in found)


def _is_one_of(seen: SeenField, fields: Mapping[str, EventField]) -> bool:
    return any(
        (seen.place, seen.name) in ((f.place, f.name), ("storage", f.storage))
        for f in fields.values()
    )


def _flaw(name: str, seen: Sequence[SeenField], taken: Mapping[str, object]) -> str:
    places = {field.place for field in seen} - {"storage"}
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        return "no name of a field in Python"
    if name in taken:
        return "the class has another use for this name"
    if "envelope" in places:
        return "the envelope of an event cannot gain fields"
    return "stands in two places" if len(places) > 1 else ""


def _taken(cls: type[CurrentsEvent]) -> Mapping[str, object]:
    """Return the names that mean something on *cls* already."""
    annotated = (vars(base).get("__annotations__", {}) for base in cls.__mro__)
    names = {*dir(cls), *itertools.chain.from_iterable(annotated)}
    return dict.fromkeys(names - (event_fields(cls).keys() - _documented(cls).keys()))


_HOLDS: Final = (
    ("str", ("string",), {"text"}),
    ("JsonText", ("json text",), {"text"}),
    ("int", ("int",), {"int"}),
    ("bool", ("boolean",), {"boolean"}),
    ("float", ("double",), {"int", "float"}),
    ("Float32", ("float",), {"int", "float"}),
    ("list[str]", ("array<string>",), {"list", "list of text"}),
    ("list[str | None]", (), {"list of text", "list of null", "list of null and text"}),
    ("JsonObject", ("json object",), {"object", "text"}),
)
"""Annotation, kinds of fields, and the JSON types that they hold."""


def _annotation(name: str, seen: Sequence[SeenField]) -> str | None:
    """
    Choose what other classes say of the name if that holds all, else what holds least.
    """
    types = {kind for field in seen for kind in field.types} - {"null"}
    fits = {a: kinds for a, kinds, held in _HOLDS if types <= held}
    known = _kinds_by_name().get(name, frozenset())
    usual = (a for a, kinds in fits.items() if known and known <= {*kinds})
    return next(usual, next(iter(fits), None))


def _holds(kind: str, types: Sequence[str]) -> bool:
    return any(
        kind in kinds and {*types} <= {*held, "null"} for _, kinds, held in _HOLDS
    )


@functools.cache
def _kinds_by_name() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for cls in EVENT_TYPES.values():
        for name, field in event_fields(cls).items():
            found[name] = found.get(name, frozenset()) | {field.kind}
    return MappingProxyType(found)


@functools.cache
def _privacy_by_name() -> Mapping[str, Privacy]:
    found: dict[str, Privacy] = {}
    for cls in EVENT_TYPES.values():
        for name, field in event_fields(cls).items():
            if field.personal:
                found[name] = Privacy.MARKED
            elif field.sensitive:
                found.setdefault(name, Privacy.SENSITIVE)
    return MappingProxyType(found)


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 40 else f"{name[:37]}...")


def _spaced(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", class_name)


def _imports(names: set[str]) -> str:
    if not names:
        return ""
    line = f"from braze_heap.events import {', '.join(sorted(names))}"
    if len(line) <= 88:
        return line
    inner = "".join(f"    {name},\n" for name in sorted(names))
    return f"from braze_heap.events import (\n{inner})"
