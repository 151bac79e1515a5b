"""``braze-heap explain``: how one event becomes calls, step by step."""

import functools
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.text import Text

from braze_heap import (
    AddUserProperties,
    Call,
    CurrentsEvent,
    DeleteUser,
    EventError,
    Track,
    Transformer,
    UnknownEvent,
    parse_event,
)
from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._inputs import Source
from braze_heap.cli._report import (
    AS_IDENTITY,
    CALLS,
    Section,
    json_text,
    meaning,
    print_result,
)
from braze_heap.config import Config
from braze_heap.events import event_fields
from braze_heap.events._schema import schema_of
from braze_heap.exceptions import DeliveryError
from braze_heap.mappers._standard import copy_of
from braze_heap.parsing import is_nested
from braze_heap.plan import TrackingPlan, tracking_plan
from braze_heap.policies.privacy import PERSONAL_NAMES, PersonalData
from braze_heap.policies.redaction import Redaction
from braze_heap.wire import RawEvent, Read

_ENVELOPE: Final = {"id": "idempotency_key", "time": "timestamp"}  # field to its place

HIDDEN: Final = "..."  # in place of a personal value

_PRECEDENCE: Final = (
    "The most specific mapper wins: for the name of a custom event or the product, for "
    "the type, the class, its channel and groups, then for all events."
)


@ui.command(zero="done, also if the event has no call", without=())
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

    Examples::

        braze-heap explain event.json
        braze-heap explain batch.json --number 3
        head -1 events.jsonl | braze-heap explain -
        braze-heap explain record.json --event-type users.behaviors.Purchase
    """
    read = _read(file, event_type, number)
    config = setup.config
    transformer = opts.build_transformer(config)
    explanation = EventExplanation(read, transformer, config, show_values)
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


def _parsed(
    read: Read, event_types: Mapping[str, type[CurrentsEvent]]
) -> tuple[CurrentsEvent | None, list[str]]:
    """Return the event, if it is one, and values without the documented type."""
    event = None
    parse = functools.partial(parse_event, event_types=event_types)
    try:
        if isinstance(read, RawEvent):
            event = parse(read.value, event_type=read.event_type)
            parse(read.value, event_type=read.event_type, strict=True)
    except EventError as error:
        return event, [ui.safe(str(problem), 300) for problem in error.problems]
    return event, []


def _calls_with(
    redaction: Redaction, transformer: Transformer, read: Read
) -> Sequence[Call] | None:
    """Return the calls of *read*; ``None`` if the mappers need what is redacted."""
    try:
        result = transformer._with_policies(redaction=redaction).transform([read])
    except DeliveryError:
        return None
    return None if result.rejected else result.calls


class EventExplanation:
    """Explanation of one event, as it was read: each step to its calls."""

    def __init__(
        self, read: Read, transformer: Transformer, config: Config, shows_values: bool
    ) -> None:
        self._read = read
        self._transformer = transformer
        self._config = config
        self._shows_values = shows_values
        options = transformer._policies.options
        self._event, self._problems = _parsed(read, options.event_types)
        self._result = transformer.transform([read])
        redaction = Redaction(PersonalData())  # the default policies
        self._redacted_calls = _calls_with(redaction, transformer, read)
        self._redacted_event = copy_of(self._event) if self._event else None
        if self._redacted_event:
            redaction.apply(self._redacted_event)
            redaction.guard(self._redacted_event)
        event, types = self._event, dict[str, type[CurrentsEvent]]()
        if event and self._result.calls and not isinstance(event, UnknownEvent):
            types = {event.event_type: type(event)}
        try:
            plan = tracking_plan(transformer, types)
        except DeliveryError:  # a lookup of a mapper that fails for invented events
            plan = TrackingPlan(())
        self._planned = [p for each in plan.events for p in each.properties]
        planned = (*self._planned, *plan.user_properties)
        self._personal_names = PERSONAL_NAMES | {
            p.name for p in planned if p.is_personal
        }
        names = schema_of(type(event)).personal if event else ()
        values = vars(event) if event else {}
        self._personal = {n: value for n, value in values.items() if n in names}

    def sections(self) -> Iterator[Section]:
        """Yield the steps."""
        yield from self._reading()
        yield from self._fields()
        lines = self._mapper()
        yield Section("mapper", lines, "3. Mapper", note="\n".join(lines))
        yield from self._policies()
        yield from self._calls()

    def _reading(self) -> Iterator[Section]:
        yield Section(note=Text("1. Reading", "bold"))
        if self._event is None:
            yield Section("reading", {}, note="It cannot be read as an event.")
            return
        value, cls = getattr(self._read, "value", {}), type(self._event)
        is_http = is_nested(value, schema_of(cls))
        doc = (inspect.getdoc(cls) or "").partition("\n")[0].replace("``", "")
        rows = {
            "form": "HTTP form" if is_http else "record from storage",
            "type": ui.safe(self._event.event_type, 200),
            "class": f"{cls.__name__}: {doc}",
        }
        text = "This version does not know the type; see its fields."
        note = text * isinstance(self._event, UnknownEvent)
        yield Section.of("reading", "", rows, note=note)

    def _fields(self) -> Iterator[Section]:
        """Yield each field that the event has, and its place in the calls."""
        event = self._event
        known = event_fields(type(event)) if event else {}
        fields: list[dict[str, Any]] = [
            {
                "name": name,
                "type": known[name].kind,
                "value": self._before(name, value),
                "personal": name in self._personal,
                "in_heap": self._place(name),
            }
            for name, value in (vars(event) if event else {}).items()
            if name in known
        ]
        title = f"2. Fields: {len(fields)} of {len(known)} that the class has"
        columns = ("name", "type", "value", "personal", "in_heap")
        yield Section.of("fields", title, fields, *columns)
        yield Section.of("invalid", "Invalid values", self._problems)
        unknown = {
            ui.safe(name): ui.safe(str(value), 40) if self._shows_values else HIDDEN
            for name, value in (event.extra if event else {}).items()
        }
        title = f"Unknown or invalid fields ({len(unknown)})"
        yield Section.of("unknown", title, unknown)

    def _place(self, field: str) -> str:
        """Return the names under which Heap gets *field*, or that it does not."""
        if not self._result.calls:
            return "-"
        places = [_ENVELOPE[field]] if field in _ENVELOPE else []
        places += ["identity"] * (field == self._transformer._identity.field)
        planned = {p.name for p in self._planned if p.field == field} or {field}
        planned = {name.removesuffix(".*") for name in planned}
        sent = {n for c in self._result.calls for n in getattr(c, "properties", ())}
        places += sorted(
            n for n in sent if not planned.isdisjoint((n, n.split(".")[0]))
        )
        absent = "redacted" if field in self._result.redacted else "not sent"
        return ", ".join(places) or absent

    def _before(self, name: str, value: Any) -> str:
        """Return *value*, the field *name*, without what is redacted by default."""
        if not self._shows_values:
            value = vars(self._redacted_event).get(name, HIDDEN)
            value = HIDDEN if self._contains_personal(value) else value
        return ui.safe(str(value), 40)

    def _mapper(self) -> list[str]:
        if self._event is None:
            return []
        custom = self._transformer._policies.custom_of(self._event)
        if custom and not self._result.invalid:
            name = getattr(custom.entry.key, "__name__", "")
            text = f"{name}: {custom.entry.origin}, the mapper for {name}"
        else:
            text = str(self._transformer.mappers.explain(self._event))
        return [*text.splitlines(), _PRECEDENCE]

    def _selection(self) -> str:
        """Return which choice of events decides about the event."""
        policies = self._transformer._policies
        selection = policies.selection
        if selection is None or self._event is None:
            return "all events"
        event_type, known = self._event.event_type, selection.known
        decisions = {"excluded": selection.excluded, "included": selection.included}
        for decision, choices in decisions.items():
            if names := [c.name for c in choices if c.covers(event_type, known)]:
                return f"{decision} by {', '.join(names)}"
        if not selection.included:
            return "not excluded"
        kept = policies.keeps_user_properties(event_type)
        return "not included" + "; user properties that it states are sent" * kept

    def _policies(self) -> Iterator[Section]:
        result, selection = self._result, self._selection()
        options = dict(opts.described(self._config, self._transformer))
        rows = [*options.items(), ("selection", selection)]
        yield Section("policies", options, "4. Policies", rows)
        yield Section("selection", selection)
        names, identity = sorted(result.redacted), self._transformer._identity.field
        notes = {identity: AS_IDENTITY}
        rows = [(name, notes.get(name, "")) for name in names]
        yield Section("redacted", names, "Redacted", rows)
        title = "Changed to be legal for Heap"
        yield Section.of_counts("adjustments", title, result.adjustments, meaning)
        yield Section.of("", "Do not fit their class", [*map(str, result.invalid)])

    def _calls(self) -> Iterator[Section]:
        result = self._result
        skipped = [str(each.reason) for each in result.skipped]
        rows = [(reason, meaning(reason)) for reason in skipped]
        yield Section("skipped", skipped, "5. No call: the event is skipped", rows)
        rejected = [
            {"reason": str(r.reason), "detail": r.detail, "meaning": meaning(r.reason)}
            for r in result.rejected
        ]
        title = "5. No call: it is rejected"
        yield Section.of("rejected", title, rejected, "reason", "detail", "meaning")
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
        if self._shows_values:
            return data
        data["identity"] = HIDDEN
        if not isinstance(call, DeleteUser):
            redacted = self._redacted_of(call)
            data["properties"] = {
                name: HIDDEN
                if redacted.get(name) != value or self._hides(name, value)
                else value
                for name, value in call.properties.items()
            }
        return data

    def _redacted_of(self, call: Track | AddUserProperties) -> Mapping[str, Any]:
        """Return the properties of *call* under the default policies."""
        if self._redacted_calls is None:  # masked by names and values only
            return call.properties
        key = getattr(call, "idempotency_key", None)
        for each in self._redacted_calls:
            if type(each) is type(call) and key == getattr(
                each, "idempotency_key", None
            ):
                return each.properties
        return {}

    def _hides(self, name: str, value: object) -> bool:
        """Return whether the name is that of personal data, or a value contains it."""
        parts = {name, name.rpartition(".")[2], f"{name.partition('.')[0]}.*"}
        is_named = not parts.isdisjoint(self._personal_names)
        return is_named or self._contains_personal(value)

    def _contains_personal(self, value: object) -> bool:
        values = (str(each) for each in self._personal.values())
        return any(len(each) > 3 and each in str(value) for each in values)
