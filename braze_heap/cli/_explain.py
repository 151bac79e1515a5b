"""``braze-heap explain``: how one event becomes calls, step by step."""

import contextlib
import inspect
import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.text import Text

from braze_heap import (
    Call,
    CurrentsEvent,
    DeleteUser,
    EventError,
    Transformer,
    TransformResult,
    UnknownEvent,
    parse_event,
)
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._inputs import Source
from braze_heap.cli._report import (
    CALLS,
    Section,
    json_text,
    meaning,
    print_result,
)
from braze_heap.config import Config
from braze_heap.events import event_fields
from braze_heap.events._schema import schema_of
from braze_heap.plan import PlannedProperty, TrackingPlan, tracking_plan
from braze_heap.policies.privacy import PERSONAL_NAMES
from braze_heap.policies.selection import ResolvedChoice
from braze_heap.wire import Read, Unreadable

_ENVELOPE: Final = {"id": "idempotency_key", "time": "timestamp"}
"""Fields of every event with their place in a call."""

HIDDEN: Final = "..."
"""Text in place of a personal value."""


@click.command(
    short_help="Show how one event becomes calls, and why.",
    epilog=ui.epilog(
        """
        braze-heap explain event.json
        braze-heap explain batch.json --number 3
        head -1 events.jsonl | braze-heap explain -
        braze-heap explain record.json --event-type users.behaviors.Purchase
        """,
        zero="done, also if the event has no call",
    ),
)
@opts.storage_option
@click.argument("file", metavar="EVENT.json", type=opts.InputPath(dir_okay=False))
@opts.event_type_option
@opts.option(
    "-n --number",
    "Number of the event in the file.",
    type=click.IntRange(min=1),
    default=1,
)
@opts.option("--show-values", "Show personal values, too.")
@opts.setup_options("transform")
@opts.json_option
def explain(
    file: Path | opts.StoreUrl,
    event_type: str | None,
    number: int,
    show_values: bool,
    as_json: bool,
    setup: opts.Setup,
) -> None:
    """
    Show step by step how one event becomes calls.

    The steps are reading, the fields before and after, the choice of the mapper, the
    policies, and the calls. Reads any form, also from a URL; "-" is stdin.
    """
    read = _read(file, event_type, number)
    config = setup.config
    explanation = EventExplanation(
        read, opts.build_transformer(config), config, show_values
    )
    print_result(explanation.sections(), as_json=as_json)


def _read(path: Path | opts.StoreUrl, event_type: str | None, number: int) -> Read:
    inputs = Source((path,), event_type).find()
    if any(each.is_found for each in inputs.each):
        raise ui.UnusableError(f"{path} is a folder. Name one of its files.")
    reads = inputs.read(lambda _: None)
    read = next(itertools.islice(reads, number - 1, None), None)
    if read is None:
        name = "stdin" if path == opts.STDIN else ui.safe(str(path), 200)
        raise ui.UnusableError(f"{name} has no event number {number}.")
    return read


@attrs.define(slots=False)
class EventExplanation:
    """Explanation of one event, as it was read: each step to its calls."""

    read: Read
    transformer: Transformer
    config: Config
    shows_values: bool

    @cached_property
    def event(self) -> CurrentsEvent | None:
        """The parsed event; ``None`` if it is not one."""
        with contextlib.suppress(EventError):
            return self._parse(strict=False)
        return None

    @cached_property
    def problems(self) -> list[str]:
        """Values that do not have the documented type."""
        try:
            self._parse(strict=True)
        except EventError as error:
            return [ui.safe(str(problem), 300) for problem in error.problems]
        return []

    def _parse(self, strict: bool) -> CurrentsEvent | None:
        if isinstance(self.read, Unreadable):
            return None
        return parse_event(
            self.read.value, event_type=self.read.event_type, strict=strict
        )

    @cached_property
    def result(self) -> TransformResult:
        """Result of the transformer."""
        return self.transformer.transform([self.read])

    @cached_property
    def plan(self) -> TrackingPlan:
        """Tracking plan of the type of the event."""
        types = {}
        if self.event is not None and not isinstance(self.event, UnknownEvent):
            types = {self.event.event_type: type(self.event)}
        return tracking_plan(self.transformer, types)

    @cached_property
    def _planned(self) -> list[PlannedProperty]:
        return [p for event in self.plan.events for p in event.properties]

    @cached_property
    def _personal(self) -> dict[str, Any]:
        """Personal fields of the event with their values."""
        if self.event is None:
            return {}
        names = schema_of(type(self.event)).personal
        return {n: value for n, value in vars(self.event).items() if n in names}

    def sections(self) -> Iterator[Section]:
        """Yield the steps."""
        yield from self._reading()
        yield from self._fields()
        lines = [*self._mapper()]
        yield Section("mapper", lines, "3. Mapper", note="\n".join(lines))
        yield from self._policies()
        yield from self._calls()

    def _reading(self) -> Iterator[Section]:
        yield Section(note=Text("1. Reading", "bold"))
        event, value = self.event, getattr(self.read, "value", None)
        if event is None:
            yield Section("reading", {}, note="It cannot be read as an event.")
            return
        cls, parts = type(event), ("user", "properties")
        is_http = isinstance(value, dict) and any(
            isinstance(value.get(part), dict) for part in parts
        )
        doc = (inspect.getdoc(cls) or "").partition("\n")[0].replace("``", "")
        rows = {
            "form": "HTTP form" if is_http else "record from storage",
            "type": ui.safe(event.event_type, 200),
            "class": f"{cls.__name__}: {doc}",
        }
        text = "This version does not know the type; see its fields."
        note = text * isinstance(event, UnknownEvent)
        yield Section("reading", rows, rows=rows.items(), note=note)

    def _fields(self) -> Iterator[Section]:
        """Yield each field that the event has, and its place in the calls."""
        event = self.event
        known = event_fields(type(event)) if event else {}
        fields: list[dict[str, Any]] = [
            {
                "name": name,
                "type": known[name].kind,
                "value": self._shown(value, is_personal=name in self._personal),
                "personal": name in self._personal,
                "in_heap": self._place(name),
            }
            for name, value in (vars(event) if event else {}).items()
            if name in known
        ]
        mark = ", personal data"
        rows = [
            (f["name"], f["type"], f["value"], f["in_heap"] + mark * f["personal"])
            for f in fields
        ]
        title = f"2. Fields: {len(fields)} of {len(known)} that the class has"
        columns = ("name", "type", "before", "after")
        yield Section("fields", fields, title, rows, columns=columns)
        problems = self.problems
        yield Section("invalid", problems, "Invalid values", [(p,) for p in problems])
        unknown = {
            ui.safe(name): self._shown(value, is_personal=True)
            for name, value in (event.extra if event else {}).items()
        }
        title = f"Unknown or invalid fields ({len(unknown)})"
        yield Section("unknown", unknown, title, unknown.items())

    def _place(self, field: str) -> str:
        """Return the names under which Heap gets *field*, or that it does not."""
        if not self.result.calls:
            return "-"
        places = [_ENVELOPE[field]] if field in _ENVELOPE else []
        places += ["identity"] * (field == self.transformer._identity.field)
        planned = {p.name for p in self._planned if p.field == field} or {field}
        planned = {name.removesuffix(".*") for name in planned}
        sent = {n for c in self.result.calls for n in getattr(c, "properties", ())}
        places += sorted(
            n for n in sent if not planned.isdisjoint((n, n.split(".")[0]))
        )
        if not places:
            return "redacted" if field in self.result.redacted else "not sent"
        more = [f"and {len(places) - 3} more"] * (len(places) > 3)
        return ", ".join(places[:3] + more)

    def _shown(self, value: Any, *, is_personal: bool) -> str:
        hides = is_personal and not self.shows_values
        return HIDDEN if hides else ui.safe(str(value), 40)

    def _mapper(self) -> Iterator[str]:
        if self.event is None:
            return
        custom = self.transformer._policies.custom_of(self.event)
        if custom and not self.result.invalid:
            name = getattr(custom.entry.key, "__name__", "")
            yield f"{name}: {custom.entry.origin}, the mapper for {name}"
            yield "It wins: it is for exactly this name, and the properties fit."
            return
        explanation = self.transformer.mappers.explain(self.event)
        yield from str(explanation).splitlines()
        if not explanation.winner:
            return
        key = explanation.winner.key
        if key == self.event.event_type:
            yield "It wins: it is for exactly this type."
        elif key is type(self.event):
            yield "It wins: it is for exactly this class."
        else:
            name = getattr(key, "__name__", str(key))
            nearest = "the nearest of the classes and groups with a mapper"
            yield f"It wins: {name} is {nearest}."

    def _selection(self) -> str:
        """Return which choice of events decides about the event."""
        selection = self.transformer._policies.selection
        if selection is None or self.event is None:
            return "all events"
        event_type, known = self.event.event_type, selection.known

        def names(choices: Iterable[ResolvedChoice]) -> str:
            return ", ".join(c.name for c in choices if c.covers(event_type, known))

        if excluded := names(selection.excluded):
            return f"excluded by {excluded}"
        if included := names(selection.included):
            return f"included by {included}"
        if not selection.included:
            return "not excluded"
        kept = self.transformer._policies.keeps_user_properties(event_type)
        return "not included" + "; user properties that it states are sent" * kept

    def _policies(self) -> Iterator[Section]:
        result, selection = self.result, self._selection()
        options = dict(opts.described(self.config, self.transformer))
        redacted = sorted(result.redacted)
        adjustments = result.adjustments.items()
        rows = [
            *((name.replace("_", " "), value) for name, value in options.items()),
            ("selection", selection),
            ("redacted", ", ".join(redacted) or "nothing"),
            *(("changed", f"{n} {kind}: {meaning(kind)}") for kind, n in adjustments),
            *(("invalid", str(invalid)) for invalid in result.invalid),
        ]
        yield Section("policies", options, "4. Policies", rows)
        yield Section("selection", selection)
        yield Section("redacted", redacted)
        yield Section("adjustments", {str(kind): n for kind, n in adjustments})

    def _calls(self) -> Iterator[Section]:
        result = self.result
        skipped = [str(each.reason) for each in result.skipped]
        rows = [(reason, meaning(reason)) for reason in skipped]
        yield Section("skipped", skipped, "5. No call: the event is skipped", rows)
        rejected = [
            {"reason": str(each.reason), "detail": ui.safe(each.detail, 500)}
            for each in result.rejected
        ]
        details = [
            (each["reason"], f"{each['detail']}. {meaning(each['reason'])}")
            for each in rejected
        ]
        yield Section("rejected", rejected, "5. No call: it is rejected", details)
        title = "Not sent of it, although something else is"
        yield Section.of_counts("not_sent", title, result.not_sent, meaning)
        calls = [self.masked(call) for call in result.calls]
        texts = [
            f"{CALLS[type(call)]}\n{json_text(values)}"
            for call, values in zip(result.calls, calls, strict=True)
        ]
        title = f"5. {ui.plural(len(calls), 'call')} to Heap"
        yield Section("calls", calls, title, note="\n".join(texts))

    def masked(self, call: Call) -> dict[str, Any]:
        """Return *call* as JSON values; personal values are hidden unless shown."""
        data = call.to_dict()
        if self.shows_values:
            return data
        data["identity"] = HIDDEN
        if not isinstance(call, DeleteUser):
            data["properties"] = {
                name: HIDDEN if self._hides(name, value) else value
                for name, value in call.properties.items()
            }
        return data

    def _hides(self, name: str, value: object) -> bool:
        """Return whether the name is that of personal data, or a value contains it."""
        planned = (*self._planned, *self.plan.user_properties)
        personal = PERSONAL_NAMES | {each.name for each in planned if each.is_personal}
        parts = {name, name.rpartition(".")[2], f"{name.partition('.')[0]}.*"}
        found = (str(each) for each in self._personal.values())
        long_enough = (each for each in found if len(each) > 3)
        return not parts.isdisjoint(personal) or any(
            each in str(value) for each in long_enough
        )
