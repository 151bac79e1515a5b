"""The standard mapper: the event under its own name, with every field."""

from collections.abc import Mapping
from typing import Any, Final

from braze_heap._json import decode, is_json_text
from braze_heap._json_limits import UnreadableError
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._base import split_pointer
from braze_heap.events._schema import schema_of
from braze_heap.payloads import StandardEvent


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
        nested, and strings with JSON are decoded. Email opens have ``is_machine_open``.
    """
    fields = event.__dict__.copy()
    del fields["id"], fields["time"]
    fields["event_type"] = event.event_type
    if "user_id" in fields:
        fields["braze_user_id"] = fields.pop("user_id")
    schema = schema_of(type(event))
    for text in schema.json_texts:
        if text in fields:
            fields[text] = decoded(fields[text])
    if MACHINE_OPEN in schema.places:
        fields["is_machine_open"] = is_machine_open(fields)
    if "extra" in fields:
        del fields["extra"]
        unknown = _extra_properties(event)
        # Without this, a property named `timezone` hides the time zone of the user.
        for field in unknown.keys() & fields.keys():
            if schema.places.get(field) == "user":
                fields[f"user.{field}"] = fields[field]
        fields |= unknown
    if changes:
        fields |= changes
    return StandardEvent(name or _name_of(event), fields)


MACHINE_OPEN: Final = "machine_open"
"""Field with which Braze marks opens by machines; a string, or missing."""


def is_machine_open(fields: Mapping[str, Any]) -> bool:
    """Return whether an open with these *fields* comes from a machine."""
    return fields.get(MACHINE_OPEN) == "true"


def is_machine(fields: Mapping[str, Any]) -> bool:
    """Return whether a machine made an open, or is suspected to have made a click."""
    return is_machine_open(fields) or fields.get("is_suspected_bot_click") is True


CUSTOM_EVENT: Final = "users.behaviors.CustomEvent"
"""Event type whose events have names of their own."""


def _name_of(event: CurrentsEvent) -> str:
    if isinstance(event, UnknownEvent):
        return event.event_type
    if event.event_type == CUSTOM_EVENT:
        return own_name(event.__dict__.get("name")) or event.display_name
    return event.display_name


def own_name(name: Any) -> str | None:
    """Return the name of a custom event; ``None`` if *name* is not a usable string."""
    return name if isinstance(name, str) and name and not name.isspace() else None


def decoded(text: Any) -> Any:
    """Return the object or list in a JSON string, or the string itself."""
    if not is_json_text(text):
        return text
    try:
        return decode(text)
    except UnreadableError:
        return text


def _extra_properties(event: CurrentsEvent) -> dict[str, Any]:
    steps = ((split_pointer(key), value) for key, value in event.extra.items())
    return {
        path[-1] if path[0] == "properties" else ".".join(path): value
        for path, value in steps
        if path not in (["id"], ["time"])
    }
