"""
What is known of every Currents event type, kept apart from the classes it judges.

``facts.json`` holds one line per field. Absent there means ordinary: sent over HTTP,
stored under the same name, no personal data, as old as its type, not deprecated.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs


@attrs.frozen
class FieldFacts:
    """
    Facts about one field of one event type.

    Attributes:
        kind: Its type, in the words of `braze_heap.events.EventField.kind`.
        at: Its place over HTTP; ``None`` where nobody documents one.
        http: Whether the HTTP form documents it.
        storage: Its name in storage records; ``None`` where they do not carry it.
        personal: Whether Braze marks it as personal data.
        since: The release that added it to its type.
        deprecated: Whether Braze asks not to rely on it.
        items_nullable: Whether its items, if it is an array, may be null.
    """

    kind: str
    at: str | None
    http: bool
    storage: str | None
    personal: bool
    since: int | None
    deprecated: bool
    items_nullable: bool = attrs.field(default=False, eq=False)


@attrs.frozen
class TypeFacts:
    """
    Facts about one event type.

    Attributes:
        display_name: What Braze's documentation calls it.
        category: Braze's group of it.
        channel: Its messaging channel; ``None`` if it has none, or if it varies.
        action: What happened, in one word.
        status: What Braze says about its life.
        release: The release that added it; 2 for it and all before.
        http: Whether it is documented for HTTP.
        storage: Whether it is documented for storage.
        fields: Facts about its fields by name.
    """

    display_name: str
    category: str | None
    channel: str | None
    action: str | None
    status: str
    release: int
    http: bool
    storage: bool
    fields: Mapping[str, FieldFacts] = attrs.field(repr=False, eq=False)


def _kind(facts: Mapping[str, Any]) -> str:
    if facts["type"] == "json":
        return "json text" if facts["http_type"] == "string" else "json object"
    return "int" if facts["type"] == "long" else str(facts["type"])


def _field(name: str, facts: Mapping[str, Any]) -> FieldFacts:
    return FieldFacts(
        kind=_kind(facts),
        at=facts.get("at"),
        http=facts.get("http", True),
        storage=facts.get("storage", name),
        personal=facts.get("pii", False),
        since=facts.get("since"),
        deprecated=facts.get("deprecated", False),
        items_nullable=facts.get("items_nullable", False),
    )


def _type(facts: Mapping[str, Any]) -> TypeFacts:
    fields = {name: _field(name, field) for name, field in facts["fields"].items()}
    return TypeFacts(
        display_name=facts["display_name"],
        category=facts["category"],
        channel=facts.get("channel"),
        action=facts["action"],
        status=facts["status"],
        release=facts.get("since", 2),
        http=facts["http"],
        storage=facts["storage"],
        fields=MappingProxyType(fields),
    )


_FILE = json.loads(Path(__file__).with_name("facts.json").read_text(encoding="utf-8"))

FACTS: Final = MappingProxyType(
    {name: _type(facts) for name, facts in _FILE["event_types"].items()}
)
"""Event type to what is known of it."""
