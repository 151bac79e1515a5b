"""Tracking plans as an HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from braze_heap.plan._tables import (
    CODE,
    COMBO_EVENTS,
    TRAITS,
    absent,
    notes,
    privacy_counts,
    property_cells,
    traffic,
)
from braze_heap.policies.selection import PRESETS

if TYPE_CHECKING:
    from braze_heap.plan._model import PlannedEvent, PlannedProperty, TrackingPlan


def page(plan: TrackingPlan) -> str:
    """
    Return *plan* as one HTML page.

    The page contains its style and script, and its content policy allows no others, so
    that no text of the plan can run. ``#q=bounce`` after its address searches.
    """
    style, script = _part("page.css"), _part("page.js")
    combos = [(name, ", ".join(found)) for name, found in plan.combo_events.items()]
    users = _table(plan.user_properties) if plan.user_properties else ""
    return Template(_part("page.html")).substitute(
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        counts=_counts(plan),
        events="\n".join(map(_event, plan.events)),
        user_properties=_section("User properties", users),
        combo_events=_section(
            "Combo events to make in Heap", _terms(combos), COMBO_EVENTS
        ),
        absent=_section("Never an event in Heap", _terms(absent(plan))),
        policies=_section("Policies", _terms(plan.policies.items())),
    )


def _part(name: str) -> str:
    return resources.files("braze_heap.plan").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _counts(plan: TrackingPlan) -> str:
    names = {planned.name for event in plan.events for planned in event.properties}
    unsent = {field.name for event in plan.events for field in event.unsent}
    numbers = {
        "events": len(plan.events),
        "event properties": len(names),
        "user properties": len(plan.user_properties),
        **privacy_counts(plan),
        "fields not sent": len(unsent),
    }
    return "".join(f"<li><b>{n:,}</b>{noun}</li>" for noun, n in numbers.items())


def _section(title: str, content: str, text: str = "") -> str:
    intro = f'<p class="soft">{escape(text)}</p>' if text else ""
    section = f"<section data-list><h2>{title}</h2>{intro}{content}</section>"
    return section if content else ""


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    terms = "".join(
        f'<div data-name="{escape(name.lower())}"><dt><code>{escape(name)}</code></dt>'
        f"<dd>{escape(why)}</dd></div>"
        for name, why in pairs
    )
    return f"<dl>{terms}</dl>" if terms else ""


def _event(event: PlannedEvent) -> str:
    personal = sum(p.is_personal for p in event.properties)
    searched = ("event_type", "event_class", "meaning", "status", *TRAITS)
    words = " ".join(getattr(event, attribute) for attribute in searched)
    remarks = "".join(f'<p class="soft">{escape(note)}</p>' for note in notes(event))
    chosen = {kind: getattr(event, kind) for kind in TRAITS}
    presets = (name for name, types in PRESETS.items() if event.event_type in types)
    chosen["preset"] = " ".join(presets)
    data = _data(event, personal, type=event.event_type, words=words, **chosen)
    unsent = _terms((field.name, field.why) for field in event.unsent)
    if unsent:
        unsent = f'<div class="part"><p class="soft">Not sent:</p>{unsent}</div>'
    return (
        f"<details{data}><summary><h3>{escape(event.name)}</h3>"
        f"<code>{escape(event.event_type)}</code> {_event_marks(event, personal)}"
        f'</summary><div class="inside"><p>{escape(event.meaning)}</p>'
        f"{remarks}{_table(event.properties)}{unsent}"
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


def _table(found: Sequence[PlannedProperty]) -> str:
    if not found:
        return "<p>No properties.</p>"
    head = "".join(f"<th>{heading}</th>" for heading in property_cells(found[0]))
    rows = "".join(map(_row, found))
    return (
        f'<table class="part"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        "</table>"
    )


def _row(planned: PlannedProperty) -> str:
    usual = {  # small screens hide these cells
        "from": planned.field == planned.name,
        "since": planned.since <= 2,
        "wire form": planned.wire == "both",
    }
    cells = []
    for heading, text in property_cells(planned).items():
        style = ' class="usual"' if usual.get(heading) else ""
        content = escape(text)
        if text and heading in CODE:
            content = f"<code>{content}</code>"
        cells.append(f'<td data-label="{heading}"{style}>{content}</td>')
    types = " ".join(getattr(planned, "event_types", ()))
    data = _data(planned, int(planned.is_personal), types=types)
    style = ' class="personal"' if planned.is_personal else ""
    return f"<tr{style}{data}>{''.join(cells)}</tr>"
