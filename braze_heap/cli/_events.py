"""``braze-heap events``: the event types of Braze with their fields."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from braze_heap import EVENT_TYPES, CurrentsEvent
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli._options import json_option
from braze_heap.events import EventField, event_fields

_TEXT_WIDTH: Final = 96
"""Maximum columns of running text."""


@click.command(
    short_help="Look up event types and their fields.",
    epilog=ui.epilog(
        """
        braze-heap events
        braze-heap events email
        braze-heap events users.messages.email.Click
        braze-heap events --json | jq '.[] | select(.release == 13)'
        """
    ),
)
@click.argument("event_type", metavar="[TYPE]", required=False, default="")
@json_option
def events(event_type: str, as_json: bool) -> None:
    """
    Show the catalog of Currents events, or one of them with its fields.

    TYPE is a type as Braze writes it, the name of its class, or a part of either: then
    all that contain it are shown.
    """
    found = find(event_type)
    out = ui.console("stdout", ui.PIPED_WIDTH)
    if len(found) == 1:
        out = ui.console("stdout", max_width=_TEXT_WIDTH)
    ui.print_result(
        lambda: _detail(found[0]) if len(found) == 1 else _catalog(found, out.width),
        lambda: [describe(cls) for cls in found],
        out,
        as_json=as_json,
    )


def find(query: str) -> list[type[CurrentsEvent]]:
    """
    Return the classes that *query* names exactly; else those that contain its words.

    Raises:
        UnusableError: There are none.
    """
    exact = [c for t, c in EVENT_TYPES.items() if query in (t, c.__name__)]
    words = query.lower().split()
    found = exact or [c for c in EVENT_TYPES.values() if _contains(c, words)]
    if not found:
        raise ui.UnusableError(_no_match(query))
    return found


def _contains(cls: type[CurrentsEvent], words: Sequence[str]) -> bool:
    names = f"{cls.event_type} {cls.__name__} {cls.display_name}".lower()
    return all(word in names for word in words)


def _no_match(query: str) -> str:
    parts = (part for event_type in EVENT_TYPES for part in event_type.split("."))
    classes = (cls.__name__ for cls in EVENT_TYPES.values())
    hint = did_you_mean(query, (*parts, *classes, *EVENT_TYPES))
    return (
        f"no event type matches {ui.safe(query)!r}.{hint} "
        "`braze-heap events` lists them all."
    )


def describe(cls: type[CurrentsEvent]) -> dict[str, Any]:
    """Return all that the class says about its event type, ready for JSON."""
    return {
        "event_type": cls.event_type,
        "class": cls.__name__,
        "display_name": cls.display_name,
        "release": cls.release,
        "status": cls.status,
        "http": cls.http,
        "storage": cls.storage,
        "doc": inspect.getdoc(cls),
        "fields": [_describe_field(field) for field in event_fields(cls).values()],
    }


def _describe_field(field: EventField) -> dict[str, Any]:
    data = attrs.asdict(field, filter=lambda a, _: a.name != "declared_by")
    more = {"documented": field.documented, "doc": field.doc}
    return {"type": data.pop("kind"), "release": data.pop("since"), **data, **more}


_NAME_COLUMNS: Final = ((150, 3), (110, 2), (0, 1))
"""Minimum width of the console for a number of names of a type."""


def _catalog(classes: Sequence[type[CurrentsEvent]], width: int) -> Table:
    shown = next(count for least, count in _NAME_COLUMNS if width >= least)
    return ui.rows_view(
        [
            (
                *(cls.event_type, cls.__name__, cls.display_name)[:shown],
                len(_documented(cls)),
                cls.release or "-",
                cls.status,
            )
            for cls in classes
        ],
        (*("type", "class", "name")[:shown], "fields", "release", "status"),
    )


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
