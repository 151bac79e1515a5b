"""The standard mapper: the event under its own name, with every field."""

import copy
import functools
from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, TypeVar

from braze_heap._json import decode, is_json_text
from braze_heap._json_limits import UnreadableError
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._base import extra_key, split_pointer
from braze_heap.events._schema import ENVELOPE, cached_by_class, schema_of
from braze_heap.heap.calls import timestamp
from braze_heap.parsing import epoch_seconds
from braze_heap.payloads import StandardEvent
from braze_heap.policies.derived import DERIVED_PROPERTIES

_Event = TypeVar("_Event", bound=CurrentsEvent)


def standard(
    event: CurrentsEvent, name: str | None = None, /, **changes: Any
) -> StandardEvent:
    """
    Return *event* under its own name, with every field.

    User properties of the shipped mapper are not included; `default` returns them too.

    Args:
        event: Event to map.
        name: Event name; default: Braze's display name, or a custom event's own name.
        changes: Properties to add or to replace; ``None`` removes one.

    Returns:
        An event to which the transformer applies its naming policies. Objects are still
        nested, strings with JSON are decoded, and times are ISO 8601. Email opens have
        ``is_machine_open``.
    """
    cls = type(event)
    schema, names = schema_of(cls), property_names(cls)
    fields: dict[str, Any] = {}
    for field, value in event.__dict__.items():
        if field in ENVELOPE:
            continue
        if field in schema.json_texts:
            value = decoded(value)
        elif field in EPOCH_FIELDS:
            value = date_of(value)
        fields[names.get(field, field)] = value
    fields["event_type"] = event.event_type
    if MACHINE_OPEN in schema.places:
        fields["is_machine_open"] = is_machine_open(_mark_of(event, MACHINE_OPEN))
    renamed = 0
    for field, value in _extra_properties(event):
        own = names.get(field, field)
        if field in EPOCH_FIELDS and isinstance(value, int | float):
            value = date_of(value)
        unused = unused_name(own, fields)
        fields[unused] = value
        renamed += unused != own
    if changes:
        fields |= changes
    is_own = event.event_type == CUSTOM_EVENT and not name
    own_event_name = own_name(event.__dict__.get("name")) if is_own else None
    is_unknown = isinstance(event, UnknownEvent)
    shown_name = event.event_type if is_unknown else event.display_name
    return StandardEvent(
        name or own_event_name or shown_name,
        fields,
        has_own_name=own_event_name is not None,
        renamed=renamed,
    )


EPOCH_FIELDS: Final = frozenset(
    ("send_time", "push_token_created_at", "push_token_updated_at", "time_ms")
)
"""Fields with a time in UTC epoch seconds or milliseconds. Heap needs ISO 8601."""

TAKEN_NAMES: Final = frozenset(
    (
        *DERIVED_PROPERTIES,
        "braze_user_id",
        "event_type",
        "is_machine_open",
        "local_hour",
        "local_weekday",
        "sample_rate",
    )
)
"""
Properties that are not fields of an event. A field with such a name gets a number, as
in ``event_type_2``, so that it does not overwrite them.
"""

_NAMES: Final = {
    ("user_id", ""): "braze_user_id",
    ("canvas_step_message_variation_api_id", ""): "canvas_step_message_variation_id",
    ("duration", "agentconsole."): "duration_ms",
    ("channel", "users.behaviors.subscription"): "subscription_channel",
    ("channel", "users.canvas.costep."): "step_channel",
    ("action", "users.messages."): "subscription_action",
}
"""Field, and beginning of the event types, to the name of the property."""


@cached_by_class
def property_names(cls: type[CurrentsEvent]) -> Mapping[str, str]:
    """Return the fields of *cls* whose property has another name, with that name."""
    places, event_type = schema_of(cls).places, getattr(cls, "event_type", "")
    names = {field: f"{field}_2" for field in places if field in TAKEN_NAMES}
    return names | {
        field: name
        for (field, beginning), name in _NAMES.items()
        if field in places and str(event_type).startswith(beginning)
    }


def unused_name(name: str, used: Mapping[str, Any]) -> str:
    """Return *name*, with a number if *used* has it or it is one of `TAKEN_NAMES`."""
    unused, number = name, 1
    while unused in used or unused in TAKEN_NAMES:
        number += 1
        unused = f"{name}_{number}"
    return unused


@functools.lru_cache(8192, typed=True)
def date_of(value: float) -> str | float:
    """Return UTC epoch seconds, or smaller units, as ISO 8601; *value* if too large."""
    seconds = epoch_seconds(value)
    return value if seconds is None else timestamp(seconds)


MACHINE_OPEN: Final = "machine_open"
"""Field with which Braze marks opens by machines; a string, or missing."""


BOT_CLICK: Final = "is_suspected_bot_click"
"""Field with which Braze marks clicks by machines; a boolean, or missing."""


def _mark_of(event: CurrentsEvent, field: str) -> Any:
    """Return the value of *field*, of any type; ``None`` if it is missing."""
    invalid = event.extra.get(extra_key("properties", field))
    return event.__dict__.get(field, invalid)


def is_machine_open(mark: Any) -> bool:
    """
    Return whether an open with this *mark* comes from a machine.

    Braze announces more values than ``true``. All but spellings of false count.
    """
    return mark is not None and str(mark).strip().lower() not in _FALSE


_FALSE: Final = frozenset(
    ("", "none", "null", "false", "no", "n", "f", "off", "0", "0.0", "[]", "{}")
)


def is_machine(event: CurrentsEvent) -> bool:
    """Return whether a machine made an open, or is suspected to have made a click."""
    is_click = str(_mark_of(event, BOT_CLICK)).strip().lower() == "true"
    may_be_open = MACHINE_OPEN in schema_of(type(event)).places
    is_open = may_be_open and is_machine_open(_mark_of(event, MACHINE_OPEN))
    return is_click or is_open


CUSTOM_EVENT: Final = "users.behaviors.CustomEvent"
"""Event type whose events have names of their own."""


def own_name(name: Any) -> str | None:
    """Return the name of a custom event; ``None`` if *name* is not a usable string."""
    return name if isinstance(name, str) and name and not name.isspace() else None


def decoded(text: Any) -> Any:
    """Return the object or list in a JSON string, or the string itself."""
    if not is_json_text(text):
        return text
    try:
        value = decode(text)
    except UnreadableError:
        return text
    return value if isinstance(value, dict | list) else text


def _extra_properties(event: CurrentsEvent) -> list[tuple[str, Any]]:
    steps = ((split_pointer(key), value) for key, value in event.extra.items())
    return [
        (path[-1] if path[0] == "properties" else ".".join(path), value)
        for path, value in steps
        if path not in (["id"], ["time"])
    ]


def copy_of(event: _Event) -> _Event:
    """Return a copy of *event* that shares no mutable value, for mappers of a team."""
    copied = object.__new__(type(event))
    copied.__dict__ = {
        name: value if type(value) in _IMMUTABLE else deep_copy(value)
        for name, value in event.__dict__.items()
    }
    return copied


def deep_copy(value: Any) -> Any:
    """Return a deep copy of *value*. A mapping becomes a dict."""
    # Several times faster than `copy.deepcopy` for JSON.
    cls = type(value)
    if cls in _IMMUTABLE:
        return value
    if cls is list:
        return [deep_copy(item) for item in value]
    if cls is dict or (isinstance(value, Mapping) and not isinstance(value, dict)):
        return {key: deep_copy(item) for key, item in value.items()}
    return copy.deepcopy(value)


_IMMUTABLE: Final = frozenset((str, int, float, bool, NoneType))
