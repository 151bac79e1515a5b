"""
The page ``docs/reference/wire-forms.md``: differences between the wire forms.

``python -m tests.regenerate`` writes it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

import braze_heap as bh
from braze_heap.events import event_fields
from braze_heap.heap.calls import Value
from braze_heap.testing import make_raw

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "wire-forms.md"

Form: TypeAlias = Literal["http", "storage", "union"]

HEAD = """# Wire forms

Generated from the event classes and the shipped mappers: `python -m tests.regenerate`.

Braze sends an event over HTTP as nested JSON, and to storage as a flat record in an
Avro file. `avro-tools tojson` writes such a record with its unions spelled out
(`{"string": "x"}`). All three become the same event in Heap, with the same property
names and the same values. They differ only where Braze documents a field for one form
and not for the other. So a chart that has to include a backfill from files should not
filter or group by the properties below.

Over HTTP, `device_id` and `timezone` can be part of `user` in any event. A field that
arrives without being documented is sent under the same property name.
"""

SAME = """## Other field names, same property

| type | field over HTTP | field in storage | property |
| --- | --- | --- | --- |"""

DIFFERENT = """## Properties of one form only

`redacted` is the default treatment of [personal data](../how-to/personal-data.md).

| type | property | HTTP | storage |
| --- | --- | --- | --- |"""


@attrs.frozen
class Outcome:
    """Heap calls that a complete event becomes."""

    event: str
    properties: dict[str, Value]
    user_properties: dict[str, Value]
    redacted: frozenset[str]

    def treatments(self) -> dict[str, str]:
        """Return each property, sent or redacted, by name."""
        names = dict.fromkeys(self.properties, "sent")
        return dict.fromkeys(self.redacted, "redacted") | names


def outcome_of(event_type: str, form: Form) -> Outcome:
    """Return what a complete event in *form* becomes by default."""
    raw = make_raw(event_type, form=form)
    user = raw["user"] if form == "http" else raw
    user.setdefault("external_user_id", "golden")
    result = bh.Transformer().transform(bh.parse_event(raw, event_type=event_type))
    (track,) = (call for call in result.calls if isinstance(call, bh.Track))
    stated = [c.properties for c in result.calls if isinstance(c, bh.AddUserProperties)]
    user_properties = {n: value for each in stated for n, value in each.items()}
    return Outcome(
        track.event, track.properties, user_properties, frozenset(result.redacted)
    )


def documented_forms(event_type: str) -> tuple[bool, bool]:
    """Return whether Braze documents a type for HTTP, and for storage."""
    fields = event_fields(bh.EVENT_TYPES[event_type]).values()
    return any(f.http for f in fields), any(f.storage for f in fields)


def page() -> str:
    """Return the page as it should be."""
    lines = [HEAD, *_one_form(), SAME, *_renamed(), "", DIFFERENT, *_differences()]
    return "\n".join(lines) + "\n"


def _one_form() -> Iterator[str]:
    for name, forms in (("storage", (False, True)), ("HTTP", (True, False))):
        types = [t for t in bh.EVENT_TYPES if documented_forms(t) == forms]
        yield f"Documented for {name} only: {', '.join(f'`{t}`' for t in types)}.\n"


def _renamed() -> Iterator[str]:
    for event_type, cls in bh.EVENT_TYPES.items():
        for name, field in event_fields(cls).items():
            if field.http and field.storage not in (None, name):
                sent = outcome_of(event_type, "http").properties
                found = name if _has(sent, name) else field.storage
                row = (event_type, name, field.storage, found)
                yield f"| {' | '.join(f'`{cell}`' for cell in row)} |"


def _has(properties: dict[str, Value], name: str) -> bool:
    return any(each.partition(".")[0] == name for each in properties)


def _differences() -> Iterator[str]:
    for event_type in bh.EVENT_TYPES:
        if documented_forms(event_type) == (True, True):
            http = outcome_of(event_type, "http").treatments()
            storage = outcome_of(event_type, "storage").treatments()
            for name in sorted(http.keys() | storage.keys()):
                cells = http.get(name, "no"), storage.get(name, "no")
                if cells[0] != cells[1]:
                    yield f"| `{event_type}` | `{name}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
