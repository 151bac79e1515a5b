"""``braze-heap events``: the event types of Braze with their fields."""

import inspect
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import attrs
import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from braze_heap import EVENT_TYPES, CurrentsEvent
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli._options import Decorator, json_option, option
from braze_heap.events import EventField, catalog, catalog_entry, event_fields

_TEXT_WIDTH: Final = 96
"""Maximum columns of running text."""

_PIPED_WIDTH: Final = 240
"""Columns of the piped catalog: each type on one line, for grep."""

_FILTERS: Final = ("category", "channel", "action")


def _filter(name: str) -> Decorator:
    """Return the option to show only types with certain words as *name*."""
    known = {getattr(entry, name) for entry in catalog().values()} - {None}

    def check(_: Any, __: Any, words: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [word for word in words if word not in known]:
            hint = did_you_mean(wrong[0], known) or f" Use {', '.join(sorted(known))}."
            raise click.BadParameter(f"{ui.safe(wrong[0])!r} is not a known one.{hint}")
        return words

    text = f"Show only types of this {name}. May be repeated."
    metavar = name.upper()
    return option(
        f"--{name} {metavar}", text, multiple=True, callback=check, show_default=False
    )


@click.command(
    short_help="Look up event types and their fields.",
    epilog=ui.epilog(
        """
        braze-heap events
        braze-heap events email
        braze-heap events users.messages.email.Click
        braze-heap events --channel email --channel push --action click
        braze-heap events --json | jq '.[] | select(.release == 13)'
        """
    ),
)
@click.argument("event_type", metavar="[TYPE]", required=False, default="")
@_filter("category")
@_filter("channel")
@_filter("action")
@json_option
def events(event_type: str, as_json: bool, **wanted: Collection[str]) -> None:
    """
    Show the catalog of Currents events, or one of them with its fields.

    TYPE is a type as Braze writes it, the name of its class, or a part of either: then
    all that contain it are shown.
    """
    found = find(event_type, **wanted)
    out = ui.console("stdout", _PIPED_WIDTH)
    if len(found) == 1:
        out = ui.console("stdout", max_width=_TEXT_WIDTH)
    ui.print_result(
        lambda: _detail(found[0]) if len(found) == 1 else _catalog(found, out.width),
        lambda: [describe(cls) for cls in found],
        out,
        as_json=as_json,
    )


def find(query: str, **wanted: Collection[str]) -> list[type[CurrentsEvent]]:
    """
    Return the classes that *query* names exactly; else those that contain its words.

    Args:
        query: A type, a class, or words.
        wanted: Name of a detail in the catalog to the words that it may have. Empty for
            any.

    Raises:
        UnusableError: No class matches.
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
        raise ui.UnusableError(_no_match(query, options))
    return found


def _contains(cls: type[CurrentsEvent], words: Sequence[str]) -> bool:
    names = f"{cls.event_type} {cls.__name__} {cls.display_name}".lower()
    return all(word in names for word in words)


def _no_match(query: str, options: Sequence[str]) -> str:
    if options:
        sought = " ".join([ui.safe(repr(query))] * bool(query) + [*options])
        return f"no event type matches {sought}. Leave one of them out."
    parts = (part for event_type in EVENT_TYPES for part in event_type.split("."))
    classes = (cls.__name__ for cls in EVENT_TYPES.values())
    hint = did_you_mean(query, (*parts, *classes, *EVENT_TYPES))
    return (
        f"no event type matches {ui.safe(query)!r}.{hint} "
        "`braze-heap events` lists them all."
    )


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
    data = attrs.asdict(field, filter=lambda a, _: a.name != "declared_by")
    more = {"documented": field.documented, "doc": field.doc}
    return {"type": data.pop("kind"), "release": data.pop("since"), **data, **more}


_COLUMNS: Final = (
    (220, ("type", "class", "name", "category", "channel", "action")),
    (180, ("type", "class", "category", "channel", "action")),
    (120, ("type", "channel", "action")),
    (0, ("type",)),
)
"""Minimum width of the console for each choice of columns."""


def _catalog(classes: Sequence[type[CurrentsEvent]], width: int) -> Table:
    shown = next(columns for least, columns in _COLUMNS if width >= least)
    rows = [
        (
            *(_cell(cls, column) for column in shown),
            len(_documented(cls)),
            cls.release or "-",
            cls.status,
        )
        for cls in classes
    ]
    return ui.rows_view(rows, (*shown, "fields", "release", "status"))


def _cell(cls: type[CurrentsEvent], column: str) -> str:
    names = {"type": "event_type", "class": "class_name", "name": "display_name"}
    return getattr(catalog_entry(cls), names.get(column, column)) or "-"


def _detail(cls: type[CurrentsEvent]) -> Group:
    summary = (
        cls.display_name,
        cls.status,
        _release(cls.release),
        _wires(cls.http, cls.storage),
    )
    fields = _documented(cls)
    return Group(
        Text(cls.event_type, "bold"),
        Text(f"{cls.__name__} ({', '.join(filter(None, summary))})"),
        Text(
            ", ".join(f"{n} {_cell(cls, n)}" for n in _FILTERS if _cell(cls, n) != "-")
        ),
        Text(f"\n{_prose(inspect.getdoc(cls) or '')}\n"),
        Text(f"{ui.plural(len(fields), 'field')}:"),
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
    yield ui.indented(Text.assemble((field.name, "bold"), f"  {field.kind}, {marks}"))
    yield ui.indented(Text(_prose(field.doc)), 6)


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
