"""``braze-heap events``: what Braze can send, as the event classes know it."""

import difflib
import inspect
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from braze_heap import EVENT_TYPES, CurrentsEvent
from braze_heap._text import did_you_mean
from braze_heap.cli._console import (
    UnusableError,
    console,
    exit_on_broken_pipe,
    grid,
    indented,
    plural,
    safe,
    show,
)
from braze_heap.events import EventField, catalog, catalog_entry, event_fields

_EPILOG = """\b
Examples:
  braze-heap events
  braze-heap events email
  braze-heap events users.messages.email.Click
  braze-heap events --channel email --channel push --action click
  braze-heap events --json | jq '.[] | select(.release == 13)'
"""

_PIPED_WIDTH: Final = 240
"""Columns of a table that is piped: each row on one line, for grep."""

_TEXT_WIDTH: Final = 96
"""Columns of running text, where the terminal has as many."""


_FILTERS: Final = ("category", "channel", "action")


def _filter(name: str) -> Callable[[Any], Any]:
    """Return the option to show only types with certain words as *name*."""
    known = {getattr(entry, name) for entry in catalog().values()} - {None}

    def check(_: Any, __: Any, words: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [word for word in words if word not in known]:
            hint = did_you_mean(wrong[0], known) or f" Use {', '.join(sorted(known))}."
            raise click.BadParameter(f"{safe(wrong[0])!r} is not a known one.{hint}")
        return words

    return click.option(
        f"--{name}",
        metavar=name.upper(),
        multiple=True,
        callback=check,
        help=f"Show only types of this {name}. May be repeated.",
    )


@click.command(epilog=_EPILOG, short_help="Look up event types and their fields.")
@click.argument("event_type", metavar="[TYPE]", required=False, default="")
@_filter("category")
@_filter("channel")
@_filter("action")
@click.option("--json", "as_json", is_flag=True, help="Everything known, as JSON.")
def events(event_type: str, as_json: bool, **wanted: Collection[str]) -> None:
    """
    Show the catalogue of Currents events, or one of them with its fields.

    TYPE is a type as Braze writes it, the name of its class, or a part of either: then
    all that contain it are shown.
    """
    found = find(event_type, **wanted)
    with exit_on_broken_pipe("stdout"):
        if as_json:
            described = [describe(cls) for cls in found]
            click.echo(json.dumps(described, ensure_ascii=False, indent=2))
        elif len(found) == 1:
            show(_detail(found[0]), _at_most(_TEXT_WIDTH))
        else:
            out = console("stdout", _PIPED_WIDTH)
            show(_catalogue(found, out.width), out)


def _at_most(width: int) -> Console:
    out = console("stdout")
    out.width = min(out.width, width)
    return out


def find(query: str, **wanted: Collection[str]) -> list[type[CurrentsEvent]]:
    """
    Return the classes that *query* names exactly; else those that contain its words.

    Args:
        query: A type, a class, or words.
        wanted: Name of a detail in the catalog to the words that it may have. Empty for
            any.

    Raises:
        UnusableError: There are none.
    """
    filters = {name: words for name, words in wanted.items() if words}
    classes = [
        cls
        for cls in EVENT_TYPES.values()
        if all(getattr(catalog_entry(cls), n) in words for n, words in filters.items())
    ]
    exact = [c for c in classes if query in (c.event_type, c.__name__)]
    words = query.lower().split()
    found = exact or [c for c in classes if _contains(c, words)]
    if not found:
        options = [f"--{name} {w}" for name, words in wanted.items() for w in words]
        raise UnusableError(_no_match(query, options))
    return found


def _contains(cls: type[CurrentsEvent], words: Sequence[str]) -> bool:
    names = f"{cls.event_type} {cls.__name__} {cls.display_name}".lower()
    return all(word in names for word in words)


def _no_match(query: str, options: Sequence[str]) -> str:
    if options:
        sought = " ".join([safe(repr(query))] * bool(query) + [*options])
        return f"no event type matches {sought}. Leave one of them out."
    close = difflib.get_close_matches(query.lower(), _names(), 1)
    hint = f" Did you mean {_names()[close[0]]}?" if close else ""
    return (
        f"no event type matches {safe(query)!r}.{hint} "
        "`braze-heap events` lists them all."
    )


def _names() -> Mapping[str, str]:
    """
    Return what types, and parts of types, are called, by how that reads in lower case.
    """
    parts = (part for event_type in EVENT_TYPES for part in event_type.split("."))
    classes = (cls.__name__ for cls in EVENT_TYPES.values())
    return {name.lower(): name for name in (*parts, *classes, *EVENT_TYPES)}


def describe(cls: type[CurrentsEvent]) -> dict[str, Any]:
    """Return all that the class says about its event type, ready for JSON."""
    entry = attrs.asdict(catalog_entry(cls))
    return {
        "class": entry.pop("class_name"),
        **entry,
        "doc": inspect.getdoc(cls),
        "fields": [_describe_field(field) for field in event_fields(cls).values()],
    }


def _describe_field(field: EventField) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": field.kind,
        "place": field.place,
        "documented": field.documented,
        "http": field.http,
        "storage": field.storage,
        "personal": field.personal,
        "sensitive": field.sensitive,
        "release": field.since,
        "deprecated": field.deprecated,
        "doc": field.doc,
    }


_COLUMNS: Final = (
    (220, ("type", "class", "name", "category", "channel", "action")),
    (180, ("type", "class", "category", "channel", "action")),
    (120, ("type", "channel", "action")),
    (0, ("type",)),
)
"""From which width on there is room for which columns."""


def _catalogue(classes: Sequence[type[CurrentsEvent]], width: int) -> Table:
    shown = next(columns for least, columns in _COLUMNS if width >= least)
    table = grid(*shown, "fields", "release", "status", right=("fields", "release"))
    for cls in classes:
        table.add_row(
            *(_cell(cls, column) for column in shown),
            str(len(_documented(cls))),
            str(cls.release or "-"),
            cls.status,
        )
    return table


def _cell(cls: type[CurrentsEvent], column: str) -> str:
    names = {"type": "event_type", "class": "class_name", "name": "display_name"}
    return getattr(catalog_entry(cls), names.get(column, column)) or "-"


def _detail(cls: type[CurrentsEvent]) -> Group:
    facts = (
        cls.display_name,
        cls.status,
        _release(cls.release),
        _wires(cls.http, cls.storage),
    )
    fields = _documented(cls)
    return Group(
        Text(cls.event_type, "bold"),
        Text(f"{cls.__name__} ({', '.join(filter(None, facts))})"),
        Text(
            ", ".join(f"{n} {_cell(cls, n)}" for n in _FILTERS if _cell(cls, n) != "-")
        ),
        Text(f"\n{_prose(inspect.getdoc(cls) or '')}\n"),
        Text(f"{plural(len(fields), 'field')}:"),
        *(part for field in fields for part in _field_view(field)),
        *_undocumented_view(cls),
    )


def _documented(cls: type[CurrentsEvent]) -> list[EventField]:
    return [field for field in event_fields(cls).values() if field.documented]


def _undocumented_view(cls: type[CurrentsEvent]) -> Iterator[RenderableType]:
    names = [f.name for f in event_fields(cls).values() if not f.documented]
    if names:
        yield Text(f"Can also come over HTTP, undocumented: {', '.join(names)}.")


def _field_view(field: EventField) -> Iterator[RenderableType]:
    marks = ", ".join(_marks(field))
    yield indented(Text.assemble((field.name, "bold"), f"  {field.kind}, {marks}"))
    yield indented(Text(_prose(field.doc)), 6)


def _marks(field: EventField) -> Iterator[str]:
    yield field.place
    if field.personal:
        yield "personal data"
    if field.sensitive:
        yield "personal data (not marked by Braze)"
    if field.since:
        yield _release(field.since)
    if field.deprecated:
        yield "deprecated"
    yield from filter(None, [_wires(field.http, field.storage is not None)])
    if field.storage not in (None, field.name):
        yield f"{field.storage} in storage"


def _release(release: int | None) -> str:
    return f"since release {release}" if release else ""


def _wires(http: bool, storage: bool) -> str:
    if http and storage:
        return ""
    return "HTTP only" if http else "storage only"


def _prose(text: str) -> str:
    """Return running text without the marks of its markup, unwrapped."""
    paragraphs = text.replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)
