"""``braze-heap events``: the event types of Braze with their fields."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import click
from rich.text import Text

from braze_heap import EVENT_TYPES, CurrentsEvent
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._output import write_text
from braze_heap.cli._report import Section, print_result, to_json
from braze_heap.events import EventField, catalog_entry, event_fields
from braze_heap.plan._tables import TRAITS
from braze_heap.policies.selection import types_in_each


def _choices(**words: tuple[str, ...]) -> list[list[str]]:
    """Return a choice of events for each trait with *words*; an event is in each."""
    choices = [[f"{name}:{word}" for word in words[name]] for name in TRAITS]
    choices = [choice for choice in choices if choice]
    try:
        types_in_each("event types", choices)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return choices


trait_options: Final = opts.group(
    "choices",
    _choices,
    *(
        opts.choices_option(
            f"--{name} {name.upper()}",
            f"Show only types of this {name}. May be repeated.",
        )
        for name in TRAITS
    ),
)
"""Options to show only some event types."""


@ui.command(without=(ui.UNAVAILABLE, *ui.SIGNALS))
@click.argument("event_type", metavar="[TYPE]", required=False, default="")
@trait_options
@opts.json_option
def events(event_type: str, as_json: bool, choices: list[list[str]]) -> None:
    """
    Show all types of Currents events, or one with its fields.

    TYPE is a type as Braze writes it, the name of its class, or a part of either: then
    all that contain it are shown.

    Examples::

        braze-heap events
        braze-heap events email
        braze-heap events users.messages.email.Click
        braze-heap events --channel email --channel push --action click
        braze-heap events --json | jq '.[] | select(.release == 13)'
    """
    found = find(event_type, *choices)
    if as_json:
        write_text(to_json([describe(cls) for cls in found]), opts.STDIN)
    elif len(found) == 1:
        print_result(_detail(found[0]))
    else:
        print_result([_catalog(found, ui.console("stdout").width)])


def find(query: str, *choices: Sequence[str]) -> list[type[CurrentsEvent]]:
    """
    Return the classes that *query* names exactly; else those that contain its words.

    The types are in each of *choices*. Raise an `UnusableError` if none matches.
    """
    types = types_in_each("event types", choices)
    classes = {name: cls for name, cls in EVENT_TYPES.items() if name in types}
    names = {cls: f"{name} {cls.__name__}" for name, cls in classes.items()}
    exact = [cls for cls, name in names.items() if query in name.split()]
    words = query.lower().split()
    found = exact or [
        cls
        for cls, name in names.items()
        if all(word in f"{name} {cls.display_name}".lower() for word in words)
    ]
    if not found:
        sought = [repr(query), *(word for choice in choices for word in choice)]
        hint = did_you_mean(
            query, (*re.split("[. ]", " ".join(names.values())), *classes)
        )
        raise ui.UnusableError(
            f"no event type matches {ui.safe(' '.join(sought), 200)}.{hint} "
            "`braze-heap events` lists them all."
        )
    return found


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


_COLUMNS: Final = {
    "event_type": 0,
    "class_name": 180,
    "display_name": 220,
    "category": 180,
    "channel": 120,
    "action": 120,
    "fields": 0,
    "release": 0,
    "status": 0,
}
"""Minimum width of the console for each column."""


def _catalog(classes: Sequence[type[CurrentsEvent]], width: int) -> Section:
    columns = [column for column, least in _COLUMNS.items() if width >= least]
    rows = [attrs.asdict(catalog_entry(cls)) for cls in classes]
    for cls, row in zip(classes, rows, strict=True):
        row["fields"] = sum(field.documented for field in event_fields(cls).values())
    return Section.of("", "", rows, *columns)


def _detail(cls: type[CurrentsEvent]) -> Iterator[Section]:
    """Yield all that people see of one type."""
    summary = {
        cls.display_name: True,
        cls.status: True,
        f"since release {cls.release}": cls.release,
        "HTTP only": not cls.storage,
        "storage only": not cls.http,
    }
    entry = catalog_entry(cls)
    words = ((name, getattr(entry, name)) for name in TRAITS)
    lines = (
        f"\n{cls.__name__} ({_true(summary)})",
        ", ".join(f"{name} {word}" for name, word in words if word),
        f"\n{_prose(inspect.getdoc(cls) or '')}",
    )
    yield Section(note=Text.assemble((cls.event_type, "bold"), "\n".join(lines)))
    fields = event_fields(cls).values()
    rows = [
        (Text(field.name, "bold"), Text(f"{_marks(field)}\n{_prose(field.doc)}"))
        for field in fields
        if field.documented
    ]
    others = ", ".join(field.name for field in fields if not field.documented)
    note = f"Can also come over HTTP, undocumented: {others}." * bool(others)
    yield Section(title=ui.plural(len(rows), "field"), rows=rows, note=note)


def _marks(field: EventField) -> str:
    return _true(
        {
            field.kind: True,
            field.place: True,
            "personal data": field.personal,
            "personal data (not marked by Braze)": field.sensitive,
            f"since release {field.since}": field.since,
            "deprecated": field.deprecated,
            "HTTP only": not field.storage,
            "storage only": not field.http,
            f"{field.storage} in storage": field.storage not in (None, field.name),
        }
    )


def _true(remarks: Mapping[str, object]) -> str:
    """Return the *remarks* that apply, those with a true value."""
    return ", ".join(remark for remark, applies in remarks.items() if applies)


def _prose(text: str) -> str:
    """Return running text without the marks of its markup, unwrapped."""
    paragraphs = text.replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)
