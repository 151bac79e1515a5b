"""``braze-heap events``: the event types of Braze with their fields."""

import inspect
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import attrs
import click
from rich.text import Text

from braze_heap import EVENT_TYPES, CurrentsEvent
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._report import Section, print_result, to_json
from braze_heap.events import EventField, catalog, catalog_entry, event_fields

TRAITS: Final = ("category", "channel", "action")


def _trait_option(name: str) -> opts.Decorator:
    """Return the option to show only types with certain words as *name*."""
    known = {getattr(entry, name) for entry in catalog().values()} - {None}

    def check(ctx: Any, param: Any, values: tuple[str, ...]) -> tuple[str, ...]:
        words = opts.split_choices(ctx, param, values)
        if wrong := [word for word in words if word not in known]:
            hint = did_you_mean(wrong[0], known) or f" Use {', '.join(sorted(known))}."
            raise click.BadParameter(f"{ui.safe(wrong[0])!r} is not a known one.{hint}")
        return words

    text = f"Show only types of this {name}. May be repeated."
    settings = {"multiple": True, "callback": check, "show_default": False}
    return opts.option(f"--{name} {name.upper()}", text, **settings)


def trait_options(command: Any) -> Any:
    """Add an option for each of the `TRAITS`, to show only some event types."""
    for name in reversed(TRAITS):
        command = _trait_option(name)(command)
    return command


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
@trait_options
@opts.json_option
def events(event_type: str, as_json: bool, **wanted: Collection[str]) -> None:
    """
    Show the catalog of Currents events, or one of them with its fields.

    TYPE is a type as Braze writes it, the name of its class, or a part of either: then
    all that contain it are shown.
    """
    found = find(event_type, **wanted)
    with ui.exit_on_broken_pipe():
        if as_json:
            click.echo(to_json([describe(cls) for cls in found]), nl=False)
        elif len(found) == 1:
            print_result(_detail(found[0]))
        else:
            print_result([_catalog(found, ui.console("stdout").width)])


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
    names = {c: f"{c.event_type} {c.__name__} {c.display_name}" for c in classes}
    words = query.lower().split()
    found = exact or [
        c for c in classes if all(word in names[c].lower() for word in words)
    ]
    if not found:
        options = [f"--{name} {w}" for name, words in wanted.items() for w in words]
        raise ui.UnusableError(_no_match(query, options))
    return found


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


def _catalog(classes: Sequence[type[CurrentsEvent]], width: int) -> Section:
    shown = next(columns for least, columns in _COLUMNS if width >= least)
    rows = [
        (
            *(_cell(cls, column) for column in shown),
            sum(field.documented for field in event_fields(cls).values()),
            cls.release or "-",
            cls.status,
        )
        for cls in classes
    ]
    return Section(rows=rows, columns=(*shown, "fields", "release", "status"))


def _cell(cls: type[CurrentsEvent], column: str) -> str:
    names = {"type": "event_type", "class": "class_name", "name": "display_name"}
    return getattr(catalog_entry(cls), names.get(column, column)) or "-"


def _detail(cls: type[CurrentsEvent]) -> Iterator[Section]:
    """Yield all that people see of one type."""
    summary = [cls.display_name, cls.status]
    if cls.release:
        summary.append(f"since release {cls.release}")
    if not (cls.http and cls.storage):
        summary.append("HTTP only" if cls.http else "storage only")
    words = [f"{name} {_cell(cls, name)}" for name in TRAITS]
    yield Section(note=Text(cls.event_type, "bold"))
    lines = (
        f"{cls.__name__} ({', '.join(summary)})",
        ", ".join(word for word in words if not word.endswith(" -")),
        f"\n{_prose(inspect.getdoc(cls) or '')}",
    )
    yield Section(note="\n".join(lines))
    documented: list[Any] = []
    others: list[Any] = []
    for field in event_fields(cls).values():
        marks = ", ".join((field.kind, *_marks(field)))
        row = (Text(field.name, "bold"), Text(f"{marks}\n{_prose(field.doc)}"))
        (documented if field.documented else others).append(row)
    names = ", ".join(str(name) for name, _ in others)
    note = f"Can also come over HTTP, undocumented: {names}."
    title = ui.plural(len(documented), "field")
    yield Section(title=title, rows=documented, note=note * bool(others))


def _marks(field: EventField) -> Iterator[str]:
    yield field.place
    if field.personal:
        yield "personal data"
    if field.sensitive:
        yield "personal data (not marked by Braze)"
    if field.since:
        yield f"since release {field.since}"
    if field.deprecated:
        yield "deprecated"
    if not (field.http and field.storage):
        yield "HTTP only" if field.http else "storage only"
    if field.storage not in (None, field.name):
        yield f"{field.storage} in storage"


def _prose(text: str) -> str:
    """Return running text without the marks of its markup, unwrapped."""
    paragraphs = text.replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)
