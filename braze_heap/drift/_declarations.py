"""Python declarations of new types and fields, from observed traffic."""

from __future__ import annotations

import functools
import importlib
import itertools
import keyword
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventField, event_fields

if TYPE_CHECKING:
    from braze_heap.drift._model import Drift, NewType, SeenField

NOTE: Final = "Observed in traffic; not documented yet."
"""Docstring of new classes and fields."""


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


def lines_for(drift: Drift, release: int | None) -> Iterator[Lines]:
    """Return the lines for each new type, then for each type with new fields."""
    number = "..." if release is None else str(release)
    for new in drift.new_types:
        if new.class_name:
            yield _class_lines(new, number)
    by_type = itertools.groupby(drift.new_fields, attrgetter("event_type"))
    for event_type, fields in by_type:
        cls = EVENT_TYPES.get(event_type, CurrentsEvent)
        name, module = class_for(event_type)
        if cls is not CurrentsEvent:
            name, module = cls.__name__, cls.__module__
        writer = _Writer(number, _taken(cls))
        text = writer.fields(fields)
        yield Lines(event_type, module, name, writer.imports, text)


def _class_lines(new: NewType, release: str) -> Lines:
    bases = [*_bases(new)] or [CurrentsEvent]
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
    writer = _Writer("", set().union(*map(_taken, bases)))
    writer.needs |= {b.__name__ for b in bases if b.__module__ != new.module}
    inherited = {
        spot for base in bases for f in _documented(base).values() for spot in _spots(f)
    }
    rest = [field for field in new.fields if (field.place, field.name) not in inherited]
    if rest:
        text += f"\n{writer.fields(rest)}"
    return Lines(
        new.event_type, new.module, new.class_name, writer.imports, text, is_class=True
    )


@attrs.define
class _Writer:
    """
    Writes declarations, and collects the names that they import.

    Attributes:
        release: Currents release that added the fields; empty for that of their type.
        taken: Names that the class already uses.
        needs: Names to import.
    """

    release: str
    taken: Collection[str]
    needs: set[str] = attrs.field(factory=set)

    def fields(self, fields: Iterable[SeenField]) -> str:
        """Return the declarations of *fields*, by name."""
        name = attrgetter("name")
        by_name = itertools.groupby(sorted(fields, key=name), name)
        return "\n\n".join(self._field(n, [*seen]) for n, seen in by_name) + "\n"

    def _field(self, name: str, seen: Sequence[SeenField]) -> str:
        """Return the declaration of a field, or a comment with the reason for none."""
        flaw = self._flaw(name, seen)
        annotation = _annotation(name, seen)
        if flaw or annotation is None:
            types = " and ".join(dict.fromkeys(t for s in seen for t in s.types))
            shown = ascii(name if len(name) <= 40 else f"{name[:37]}...")
            return f"    # {shown}: {flaw or f'no field type fits {types}'}"
        if annotation in ("Float32", "JsonObject", "JsonText"):
            self.needs.add(annotation)
        default = self._default(name, any(s.place == "user" for s in seen))
        return f'    {name}: {annotation} | None = {default}\n    """{NOTE}"""'

    def _flaw(self, name: str, seen: Sequence[SeenField]) -> str:
        places = {field.place for field in seen} - {"storage"}
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
            return "not a valid name of a Python field"
        if name in self.taken:
            return "the class has another use for this name"
        if "envelope" in places:
            return "the envelope of an event cannot gain fields"
        return "occurs in two places" if len(places) > 1 else ""

    def _default(self, name: str, is_of_user: bool) -> str:
        others = _fields_by_name().get(name, ())
        options = {"place": '"user"'} if is_of_user else {}
        if any(field.personal for field in others):
            options["privacy"] = "Privacy.MARKED"
        elif any(field.sensitive for field in others):
            options["privacy"] = "Privacy.SENSITIVE"
        if self.release:
            options["since"] = self.release
        if not options:
            return "None"
        self.needs |= {"field", "Privacy"} if "privacy" in options else {"field"}
        return f"field({', '.join(f'{k}={v}' for k, v in options.items())})"

    @property
    def imports(self) -> str:
        """Statement that imports what the declarations need."""
        names = ", ".join(sorted(self.needs))
        return f"from braze_heap.events import {names}" if names else ""


def _bases(new: NewType) -> Iterator[type[CurrentsEvent]]:
    """Yield the groups whose fields were all observed, the largest first."""
    seen: dict[tuple[str, str], SeenField]
    seen = {(field.place, field.name): field for field in new.fields}
    modules = filter(None, (new.module, "braze_heap.events.groups"))
    groups = {cls: _documented(cls) for m in modules for cls in _groups_in(m)}
    covered: set[str] = set()
    for cls in sorted(groups, key=lambda c: (-len(groups[c]), c.__name__)):
        own = {n: f for n, f in groups[cls].items() if f.place != "envelope"}
        if own.keys() - covered and all(_was_seen(f, seen) for f in own.values()):
            covered |= own.keys()
            yield cls


def _groups_in(module: str) -> Iterator[type[CurrentsEvent]]:
    for value in vars(importlib.import_module(module)).values():
        is_class = isinstance(value, type) and issubclass(value, CurrentsEvent)
        if is_class and value.__module__ == module and not hasattr(value, "event_type"):
            yield value


def _documented(cls: type[CurrentsEvent]) -> Mapping[str, EventField]:
    return {name: f for name, f in event_fields(cls).items() if f.documented}


def _was_seen(field: EventField, seen: Mapping[tuple[str, str], SeenField]) -> bool:
    found = [seen[spot] for spot in _spots(field) if spot in seen]
    return bool(found) and all(_holds(field.kind, f.types) for f in found)


def _spots(field: EventField) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the places and names of *field* in both forms."""
    return (field.place, field.name), ("storage", field.storage or "")


def _taken(cls: type[CurrentsEvent]) -> set[str]:
    """Return the names that *cls* already uses."""
    annotated = (vars(base).get("__annotations__", {}) for base in cls.__mro__)
    names = {*dir(cls), *itertools.chain.from_iterable(annotated)}
    return names - (event_fields(cls).keys() - _documented(cls).keys())


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


_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+", re.ASCII)

_GENERAL: Final = ("users", "messages", "behaviors")
"""Parts of an event type that are not in class names."""


def class_for(event_type: str) -> tuple[str, str]:
    """
    Return the class name for *event_type* and the module of its family.

    Both follow the known types of the same channel, as in ``EmailClick``. The module is
    empty for a new family, and the name if the type is not written like one of Braze.
    """
    if len(event_type) > 200 or not _TYPE.fullmatch(event_type):
        return "", ""
    *parents, own = event_type.split(".")
    for depth in range(len(parents), 0, -1):
        stem, module = _stems().get(".".join(parents[:depth]), ("", ""))
        is_general = depth < len(parents) and parents[depth - 1] in _GENERAL
        if stem or (module and not is_general):
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
