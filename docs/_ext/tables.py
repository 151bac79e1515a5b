"""
Tables that are read off the classes: event types with their fields, and options.
"""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from braze_heap import events
from braze_heap._options import doc_of, shown_default
from braze_heap.config._keys import TABLES, declared_in, variable_of
from braze_heap.events import (
    CurrentsEvent,
    EventField,
    catalog_entry,
    event_fields,
)
from braze_heap.heap import HeapOptions

_HEAD = ["| field | type | meaning |", "| --- | --- | --- |"]


class _Classes(SphinxDirective):
    """
    Puts a section for each of some event classes on the page, and notes its place.
    """

    def sections(
        self, head: str, texts: Mapping[type[CurrentsEvent], str]
    ) -> list[nodes.Node]:
        """
        Return *head*, and a section with its text for each class.
        """
        sections = [self._section(cls, text) for cls, text in texts.items()]
        return [*self.parse_text_to_nodes(head), *sections]

    def _section(self, cls: type[CurrentsEvent], text: str) -> nodes.section:
        section = nodes.section(names=[cls.__name__])
        section += nodes.title("", cls.__name__)
        section += self.parse_text_to_nodes(text)
        self.state.document.note_implicit_target(section)
        self._note(cls, section["ids"][0])
        return section

    def _note(self, cls: type[CurrentsEvent], anchor: str) -> None:
        full = f"{events.__name__}.{cls.__name__}"
        self.env.domains.python_domain.note_object(full, "class", anchor)
        if event_type := cls.__dict__.get("event_type"):
            places = self.env.__dict__.setdefault("event_places", {})
            places[event_type] = (self.env.docname, anchor)


class EventFamily(_Classes):
    """
    Documents the event types of a family.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module = importlib.import_module(f"braze_heap.events.{self.arguments[0]}")
        own = [
            c for c in _classes_of(module.__name__) if c.__module__ == module.__name__
        ]
        types = [c for c in own if "event_type" in c.__dict__]
        bases = [c for c in own if "event_type" not in c.__dict__]
        return self.sections(
            _text(inspect.getdoc(module)),
            {c: _type_text(c) for c in types} | {c: _group_text(c) for c in bases},
        )


class EventGroups(_Classes):
    """
    Documents the groups of fields that event types share.
    """

    def run(self) -> list[nodes.Node]:
        groups = _classes_of("braze_heap.events.groups")
        return self.sections("", {c: _group_text(c) for c in groups})


def _classes_of(module: str) -> list[type[CurrentsEvent]]:
    named = ((name, getattr(events, name)) for name in events.__all__)
    return [
        value
        for name, value in named
        if inspect.isclass(value) and value.__module__ == module
    ]


def _type_text(cls: type[CurrentsEvent]) -> str:
    bases = ", ".join(
        f"`{b.__name__}`" for b in cls.__bases__ if b is not CurrentsEvent
    )
    told = [
        f"`{cls.event_type}`",
        f"Braze calls it *{cls.display_name}*",
        *_details(cls),
    ]
    fields = event_fields(cls).values()
    rows = [_row(field) for field in fields if field.documented]
    others = ", ".join(f"`{field.name}`" for field in fields if not field.documented)
    return "\n".join(
        [
            f"{' · '.join(told)}\n",
            f"{_text(_without_type(cls))}\n",
            f"Groups: {bases}.\n" if bases else "",
            *_HEAD,
            *rows,
            "",
            f"Can also come over HTTP, undocumented: {others}." if others else "",
        ]
    )


def _details(cls: type[CurrentsEvent]) -> Iterator[str]:
    entry = catalog_entry(cls)
    for name in ("category", "channel", "action"):
        if word := getattr(entry, name):
            yield f"{name} `{word}`"
    if cls.release > 2:
        yield f"since release {cls.release}"
    if cls.status != "current":
        yield f"**{cls.status}**"
    if not cls.http:
        yield "in storage alone"
    if not cls.storage:
        yield "over HTTP alone"


def _group_text(cls: type[CurrentsEvent]) -> str:
    fields = [f for f in event_fields(cls).values() if f.declared_by is cls]
    rows = [*_HEAD, *map(_row, fields)] if fields else []
    return "\n".join([f"{_text(inspect.getdoc(cls))}\n", *rows, ""])


def _row(field: EventField) -> str:
    marks = ", ".join(_marks(field))
    marked = f" *({marks})*" if marks else ""
    meaning = " ".join(_text(field.doc).split()).replace("|", "\\|")
    return f"| `{field.name}` | {field.kind} | {meaning}{marked} |"


def _marks(field: EventField) -> Iterator[str]:
    if field.personal:
        yield "personal"
    if field.sensitive:
        yield "sensitive"
    if field.since is not None:
        yield f"since release {field.since}"
    if field.deprecated:
        yield "deprecated"
    if not field.http and getattr(field.declared_by, "http", True):
        yield "in storage alone"
    if field.storage is None and getattr(field.declared_by, "storage", True):
        yield "over HTTP alone"
    if field.storage not in (None, field.name):
        yield f"in storage `{field.storage}`"


def _without_type(cls: type[CurrentsEvent]) -> str:
    """
    Return the docstring without a paragraph that only repeats the type.
    """
    told = (inspect.getdoc(cls) or "").split("\n\n")
    return "\n\n".join(p for p in told if p.strip("`") != cls.event_type)


def _text(docstring: str | None) -> str:
    """
    Return a docstring as Markdown.
    """
    return re.sub(r"``([^`]+)``", r"`\1`", docstring or "")


class Options(SphinxDirective):
    """
    Lists the options of a class that have a text form: name, default, meaning.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        cls = {c.__name__: c for c in _TABLE_OF}[self.arguments[0]]
        head = ["| option | default | meaning |", "| --- | --- | --- |"]
        return self.parse_text_to_nodes("\n".join([*head, *option_rows(cls)]))


def option_rows(cls: type) -> Iterator[str]:
    """
    Yield a row for each option of *cls* that has a text form, inherited ones last.
    """
    for key, declared in declared_in(cls).items():
        if field := declared.field:
            keys = [f"{key}_env", f"{key}_file"] if declared.is_secret else [key]
            names = [*keys, variable_of(_TABLE_OF[cls], key)]
            name = "<br>".join(f"`{name}`" for name in names)
            default, meaning = _default(shown_default(field)), _text(doc_of(field))
            yield f"| {name} | {default} | {meaning} |"


_TABLE_OF = {**{cls: table for table, cls in TABLES.items()}, HeapOptions: "sink"}
"""Table of the configuration that holds the options of a class."""


def _default(value: object) -> str:
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    if value in ("", None, {}):
        return "none"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown!r}`" if shown != shown.strip() else f"`{shown}`"


def _forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    places = env.__dict__.setdefault("event_places", {})
    for event_type in [t for t, place in places.items() if place[0] == docname]:
        del places[event_type]


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Register with Sphinx.
    """
    app.add_directive("event-family", EventFamily)
    app.add_directive("event-groups", EventGroups)
    app.add_directive("options", Options)
    app.connect("env-purge-doc", _forget)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
