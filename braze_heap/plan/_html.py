"""Tracking plans as an HTML page."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from string import Template

from braze_heap.plan._content import (
    PlanContent,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    UnsentField,
)
from braze_heap.plan._tables import (
    COMBO_EVENTS,
    TRAITS,
    deletion,
    notes,
    origin,
    privacy,
    privacy_counts,
    traffic,
)
from braze_heap.policies.selection import PRESETS


def page(plan: PlanContent) -> str:
    """
    Return *plan* as one HTML page.

    The page contains its style and script, and its content policy allows no others, so
    that no text of the plan can run. ``#q=bounce`` after its address searches.
    """
    style, script = _part("page.css"), _part("page.js")
    combos = [(name, ", ".join(found)) for name, found in plan.combo_events.items()]
    absent = [(event.event_type, event.why) for event in plan.unsent]
    absent += [(event_type, deletion(event_type)) for event_type in plan.deletions]
    return Template(_part("page.html")).substitute(
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        counts=_counts(plan),
        events="\n".join(map(_event, plan.events)),
        user_properties=_user_properties(plan.user_properties),
        combo_events=_section("Combo events to make in Heap", combos, COMBO_EVENTS),
        absent=_section("Never an event in Heap", absent),
    )


def _part(name: str) -> str:
    return resources.files("braze_heap.plan").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _counts(plan: PlanContent) -> str:
    sent = [p for event in plan.events for p in event.properties]
    unsent = {field.name for event in plan.events for field in event.unsent}
    numbers = (
        (len(plan.events), "events"),
        (len({p.name for p in sent}), "event properties"),
        (len(plan.user_properties), "user properties"),
        *((number, kind) for kind, number in privacy_counts(plan).items()),
        (len(unsent), "fields not sent"),
    )
    return "".join(f"<li><b>{number:,}</b>{what}</li>" for number, what in numbers)


def _event(event: PlannedEvent) -> str:
    personal = sum(p.is_personal for p in event.properties)
    searched = ("event_type", "event_class", "meaning", "status", *TRAITS)
    words = " ".join(getattr(event, attribute) for attribute in searched)
    remarks = "".join(f'<p class="soft">{escape(note)}</p>' for note in notes(event))
    chosen = {kind: getattr(event, kind) for kind in TRAITS}
    presets = (name for name, types in PRESETS.items() if event.event_type in types)
    chosen["preset"] = " ".join(presets)
    data = _data(event, personal, type=event.event_type, words=words, **chosen)
    return (
        f"<details{data}><summary><h3>{escape(event.name)}</h3>"
        f"<code>{escape(event.event_type)}</code> {_event_marks(event, personal)}"
        f'</summary><div class="inside"><p>{escape(event.meaning)}</p>'
        f"{remarks}{_table(event.properties)}{_unsent(event.unsent)}"
        "</div></details>"
    )


def _data(
    planned: PlannedEvent | PlannedProperty, personal: int, **more: object
) -> str:
    values = {
        "name": planned.name.lower(),
        "since": planned.since,
        "personal": personal,
        "observed": planned.observed or 0,
        **more,
    }
    return "".join(
        f' data-{key}="{escape(str(value))}"'
        for key, value in values.items()
        if value != ""
    )


def _event_marks(event: PlannedEvent, personal: int) -> str:
    marks = [_mark(f"{len(event.properties)} properties")]
    if event.observed is not None:
        marks.insert(0, _mark(f"observed {traffic(event)}"))
    if personal:
        marks.append(_mark(f"{personal} personal", "mark personal"))
    if event.since > 2:
        marks.append(_mark(f"since release {event.since}"))
    if event.wire != "both":
        marks.append(_mark(f"{event.wire} only"))
    if event.status != "current":
        marks.append(_mark(event.status))
    return " ".join(marks)


def _mark(text: str, style: str = "mark") -> str:
    return f'<span class="{style}">{escape(text)}</span>'


_HEAD = (
    "<thead><tr><th>Property</th><th>Type</th><th>Example</th><th>From</th>"
    "<th>Since</th><th>Wire form</th><th>Meaning</th></tr></thead>"
)


def _table(found: Sequence[PlannedProperty]) -> str:
    if not found:
        return "<p>No properties.</p>"
    return (
        f'<table class="part">{_HEAD}<tbody>{"".join(map(_row, found))}</tbody></table>'
    )


def _row(planned: PlannedProperty) -> str:
    mark = privacy(planned)
    style = "mark personal" if planned.is_personal else "mark"
    shown = f" {_mark(_LABELS.get(mark, mark), style)}" if mark else ""
    types = " ".join(getattr(planned, "event_types", ()))
    data = _data(planned, int(planned.is_personal), types=types)
    seen = f" {_mark(f'observed {traffic(planned)}')}" * (planned.observed is not None)
    style = ' class="personal"' if planned.is_personal else ""
    return (
        f"<tr{style}{data}><td><code>{escape(planned.name)}</code>{shown}</td>"
        f'<td data-label="Type">{escape(planned.type)}</td>'
        f'<td data-label="Example" class="example">{_code(planned.example)}</td>'
        f'<td data-label="From"{_usual(planned.field == planned.name)}>'
        f"{escape(_from(planned))}</td>"
        f'<td data-label="Since release"{_usual(planned.since <= 2)}>'
        f"{_release(planned.since)}</td>"
        f'<td data-label="Wire form"{_usual(planned.wire == "both")}>'
        f"{planned.wire}</td>"
        f"<td>{escape(planned.doc)}{seen}</td></tr>"
    )


_LABELS = {"personal": "personal data", "sensitive": "personal data, unmarked"}


def _usual(holds: bool) -> str:
    """Return the class of a cell that small screens hide, if *holds*."""
    return ' class="usual"' if holds else ""


def _release(number: int) -> str:
    return "\u2264 2" if number <= 2 else str(number)


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text else ""


def _from(planned: PlannedProperty) -> str:
    if isinstance(planned, PlannedUserProperty):
        return f"{origin(planned)} ({', '.join(planned.event_types)})"
    return origin(planned)


def _unsent(fields: Sequence[UnsentField]) -> str:
    if not fields:
        return ""
    rows = _terms((field.name, field.why) for field in fields)
    return f'<div class="part"><p class="soft">Not sent:</p><dl>{rows}</dl></div>'


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f'<div data-name="{escape(name.lower())}"><dt><code>{escape(name)}</code></dt>'
        f"<dd>{escape(why)}</dd></div>"
        for name, why in pairs
    )


def _user_properties(user_properties: Sequence[PlannedUserProperty]) -> str:
    if not user_properties:
        return ""
    table = _table(user_properties)
    return f"<section data-list><h2>User properties</h2>{table}</section>"


def _section(title: str, pairs: Sequence[tuple[str, str]], text: str = "") -> str:
    if not pairs:
        return ""
    intro = f'<p class="soft">{escape(text)}</p>' if text else ""
    rows = f"<dl>{_terms(pairs)}</dl>"
    return f"<section data-list><h2>{title}</h2>{intro}{rows}</section>"
