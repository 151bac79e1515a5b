"""Python declarations of new types and fields, from observed traffic."""

import functools
import importlib
import itertools
import keyword
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import attrs

from braze_heap.drift._findings import DriftContent, NewType, SeenField
from braze_heap.drift._naming import class_for
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventField, event_fields

NOTE: Final = "Observed in traffic; not documented yet."
"""Docstring of new classes and fields."""

_GROUPS: Final = "braze_heap.events.groups"


@attrs.frozen
class Lines:
    """
    Python to paste into an event class or its module.

    A field has the type that other classes give its name, if observed values fit it.
    Otherwise the type is guessed from them. A field is marked as personal data only if
    another class marks its name so: decide it for each field.

    Attributes:
        event_type: Type as Braze writes it.
        module: Module to paste into; empty if the family is new.
        class_name: The changed or new class.
        imports: Imports that *text* needs in addition to those of *module*.
        text: The lines. A comment explains each field that cannot be declared.
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
    """Writes declarations, and collects the names that they import."""

    release: str
    needs: set[str] = attrs.field(factory=set)

    def field(
        self, name: str, seen: Sequence[SeenField], taken: Mapping[str, object]
    ) -> str:
        """Return the declaration of the field *name*, or a comment with the reason."""
        flaw = _flaw(name, seen, taken)
        annotation = _annotation(name, seen)
        if flaw or annotation is None:
            types = " and ".join(dict.fromkeys(t for s in seen for t in s.types))
            return f"    # {_shown(name)}: {flaw or f'no field type fits {types}'}"
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
        others = _fields_by_name().get(name, ())
        is_sensitive = any(field.sensitive for field in others)
        function = "field"
        if any(field.personal for field in others):
            function = "personal"
        elif is_sensitive and "place" not in options:
            function = "sensitive"
        elif is_sensitive:
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
    display_name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", new.class_name)
    heading = [
        *(base.__name__ for base in bases),
        f'event_type="{new.event_type}"',
        f'display_name="{display_name}"',
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
    """Yield the groups whose fields were all observed, the largest first."""
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
        return "not a valid name of a Python field"
    if name in taken:
        return "the class has another use for this name"
    if "envelope" in places:
        return "the envelope of an event cannot gain fields"
    return "occurs in two places" if len(places) > 1 else ""


def _taken(cls: type[CurrentsEvent]) -> Mapping[str, object]:
    """Return the names that *cls* already uses."""
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
"""Annotation, kinds of fields, and the JSON types that fit them."""


def _annotation(name: str, seen: Sequence[SeenField]) -> str | None:
    """Return the narrowest annotation that fits, preferably that of other classes."""
    types = {kind for field in seen for kind in field.types} - {"null"}
    fits = {a: kinds for a, kinds, held in _HOLDS if types <= held}
    known = {field.kind for field in _fields_by_name().get(name, ())}
    usual = (a for a, kinds in fits.items() if known and known <= {*kinds})
    return next(usual, next(iter(fits), None))


def _holds(kind: str, types: Sequence[str]) -> bool:
    return any(
        kind in kinds and {*types} <= {*held, "null"} for _, kinds, held in _HOLDS
    )


@functools.cache
def _fields_by_name() -> Mapping[str, Sequence[EventField]]:
    """Return the fields of all classes that have a name."""
    found: defaultdict[str, list[EventField]] = defaultdict(list)
    for cls in EVENT_TYPES.values():
        for name, field in event_fields(cls).items():
            found[name].append(field)
    return MappingProxyType(dict(found))


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 40 else f"{name[:37]}...")


def _imports(names: set[str]) -> str:
    if not names:
        return ""
    line = f"from braze_heap.events import {', '.join(sorted(names))}"
    if len(line) <= 88:
        return line
    inner = "".join(f"    {name},\n" for name in sorted(names))
    return f"from braze_heap.events import (\n{inner})"
