"""
The standard way to tell an event: its own name, and every field that it has.
"""

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
    Return *event* under its own name, with every field that it has.

    The user properties that the shipped mapper of the event derives are not among it:
    `default` returns them too.

    Args:
        event: What happened.
        name: Another name than Braze's display name, or a custom event's own.
        changes: Properties to add or to replace; ``None`` leaves one out.

    Returns:
        An event whose names follow the naming policies of the transformer. Objects are
        still nested and JSON text is decoded, where it is JSON. Opens of emails say
        whether a machine made them, as ``is_machine_open``.
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
"""The field by which Braze marks opens that no human made; text, or absent."""


def is_machine_open(fields: Mapping[str, Any]) -> bool:
    """
    Tell whether an open with these *fields* was made by a machine.
    """
    return fields.get(MACHINE_OPEN) == "true"


CUSTOM_EVENT: Final = "users.behaviors.CustomEvent"
"""The type whose events have names of their own."""


def _name_of(event: CurrentsEvent) -> str:
    if isinstance(event, UnknownEvent):
        return event.event_type
    if event.event_type == CUSTOM_EVENT:
        return own_name(event.__dict__.get("name")) or event.display_name
    return event.display_name


def own_name(name: Any) -> str | None:
    """
    Return the name that a team gave a custom event; ``None`` if it is none.
    """
    return name if isinstance(name, str) and name and not name.isspace() else None


def decoded(text: Any) -> Any:
    """
    Return the object or list in a JSON text; the text itself if there is none.
    """
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
