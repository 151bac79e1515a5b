"""Sample events: the same on every run, plausible, and obviously nobody's."""

import functools
import json
import struct
import uuid
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventField, event_fields
from braze_heap.events._field_types import FIELD_TYPES, INVALID
from braze_heap.events._schema import schema_of

Form: TypeAlias = Literal["http", "storage", "union"]
"""
The three forms of an event on the wire: the nested one of HTTP requests, the flat
record of storage files, and the same record as ``avro-tools tojson`` writes it.
"""

TIME: Final = 1_767_225_600
"""When sample events happen: 2026-01-01 00:00 UTC, in epoch seconds."""

USER_ID: Final = "0123456789abcdef01234567"
"""Braze's id of the person in sample events."""

EXTERNAL_USER_ID: Final = "example-user-1"
"""Your id of the person in sample events."""

_USER: Final = frozenset(("user_id", "external_user_id"))
"""The user's ids: fields without which an event would be skipped."""

_Event = TypeVar("_Event", bound=CurrentsEvent)

_fields_of: Final[Callable[[Any], Mapping[str, EventField]]] = functools.cache(
    event_fields
)


def make_event(cls: type[_Event], /, **fields: Any) -> _Event:
    """
    Make an event with an id, a time, a user, and what you name. The rest is ``None``.

    Args:
        cls: An event class, shipped or your own.
        **fields: Fields of *cls*. ``None`` leaves a field out: an event with
            ``external_user_id=None`` is one of an anonymous user.

    Raises:
        TypeError: *cls* is a group and no event type, has no such field, or the field
            cannot hold the value.
    """
    if not isinstance(cls, type) or not issubclass(cls, CurrentsEvent):
        raise TypeError(f"make_event needs an event class, not {kind_of(cls)}")
    if not hasattr(cls, "event_type") and "event_type" not in attrs.fields_dict(cls):
        raise TypeError(
            f"{cls.__name__} is not an event type: name a class derived from it"
        )
    sample: dict[str, Any] = {
        "id": _uuid(getattr(cls, "event_type", cls.__name__)),
        "time": TIME,
        "user_id": USER_ID,
        "external_user_id": EXTERNAL_USER_ID,
    }
    fields_of_type = _fields_of(cls)
    known = {
        name: value
        for name, value in sample.items()
        if name in fields_of_type and fields_of_type[name].documented
    }
    return cls(**known | {name: _fitted(cls, name, v) for name, v in fields.items()})


def make_raw(
    event_type: str | type[CurrentsEvent],
    /,
    *,
    form: Form = "http",
    only: Collection[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """
    Make a decoded event as Braze sends it, with every field filled.

    Args:
        event_type: The type as Braze writes it, or its class.
        form: The wire form. ``"http"`` is nested and carries the type; ``"storage"`` is
            the flat record that an Avro reader gives, and ``"union"`` the one that
            ``avro-tools tojson`` writes: pass their type to `parse_event`.
        only: The fields to fill, besides ``id``, ``time`` and what you name; and the
            user's ids, unless one of them is among the fields. By default all that the
            form carries; where Braze does not document the type for the form, all that
            Braze documents for the type.
        **fields: Values by field name, as the event class spells it. They may be
            invalid: they are not checked. ``None`` leaves a field out.

    Raises:
        ValueError: There is no such event type.
        TypeError: The type has no such field.
    """
    cls = _class_of(event_type)
    known = _fields_of(cls)
    for name in (*fields, *(only or ())):
        if name not in known:
            raise TypeError(_unknown(f"{cls.__name__} has no field", name, known))
    if only is None:
        filled = _carried(known, form)
    else:
        ids = {name for name in _USER if name in known and known[name].documented}
        filled = {"id", "time", *(ids if _USER.isdisjoint(only) else ()), *only}
    values = {
        name: _sample(cls, field) for name, field in known.items() if name in filled
    }
    given = {name: v for name, v in (values | fields).items() if v is not None}
    if form == "http":
        return _http(cls, known, given)
    return {
        known[name].storage or name: _stored(cls, name, value, form)
        for name, value in given.items()
    }


def _fitted(cls: type[CurrentsEvent], name: str, value: Any) -> Any:
    kind = schema_of(cls).kinds.get(name)
    if kind is None or value is None:
        return value
    fitted = kind.validate(value)
    if fitted is INVALID:
        raise TypeError(
            f"{cls.__name__}.{name} holds {kind.name}, never {type(value).__name__}. "
            "Use make_raw for events that Braze got wrong."
        )
    return fitted


def _class_of(event_type: str | type[CurrentsEvent]) -> type[CurrentsEvent]:
    if not isinstance(event_type, str):
        if hasattr(event_type, "event_type"):
            return event_type
        raise TypeError(f"make_raw needs an event type, not {kind_of(event_type)}")
    if event_type not in EVENT_TYPES:
        raise ValueError(_unknown("No event type is called", event_type, EVENT_TYPES))
    return EVENT_TYPES[event_type]


def _unknown(flaw: str, name: str, known: Collection[str]) -> str:
    return f"{flaw} {name!r}.{did_you_mean(name, known)}"


def _carried(fields: Mapping[str, EventField], form: Form) -> Collection[str]:
    carried = {
        name
        for name, field in fields.items()
        if (field.http if form == "http" else field.storage)
    }
    return carried or {name for name, field in fields.items() if field.documented}


def _http(
    cls: type[CurrentsEvent], fields: Mapping[str, EventField], given: dict[str, Any]
) -> dict[str, Any]:
    raw: dict[str, Any] = {"event_type": cls.event_type}
    parts: dict[str, dict[str, Any]] = {"envelope": raw, "user": {}, "properties": {}}
    for name, value in given.items():
        parts[fields[name].place][name] = value
    return raw | {"user": parts["user"], "properties": parts["properties"]}


def _stored(cls: type[CurrentsEvent], name: str, value: Any, form: Form) -> Any:
    kind = schema_of(cls).kinds.get(name)
    if kind is None:
        return value
    if kind.name == "json object" and not isinstance(value, str):
        value = json.dumps(value)
    if kind.name in ("float", "double") and type(value) is int:
        value = float(value)
    if form == "union" and name not in _NEVER_NULL:
        nullable_items = kind is FIELD_TYPES[list[str | None]]
        return _in_union(value, kind.name == "float", nullable_items)
    if kind.name == "float" and type(value) is float:
        return struct.unpack("f", struct.pack("f", value))[0]
    return value


def _in_union(
    value: Any, is_float32: bool = False, nullable_items: bool = False
) -> Any:
    if isinstance(value, list):
        items = [_in_union(v) for v in value] if nullable_items else value
        return {"array": items}
    branches = {str: "string", bool: "boolean", float: "double", int: "int"}
    branch = branches.get(type(value))
    if is_float32 and branch == "double":
        branch = "float"
    if branch == "int" and not -(2**31) <= value < 2**31:
        branch = "long"
    return value if branch is None else {branch: value}


def _sample(cls: type[CurrentsEvent], field: EventField) -> Any:
    name = field.name
    if name == "id":
        return _uuid(cls.event_type)
    if name == "time":
        return TIME
    if field.kind == "boolean":
        return name not in _UNTRUE
    if field.kind == "json object":
        return json.loads(_OBJECT)
    if field.kind == "json text":
        return _JSON_TEXTS.get(name, '{"season": "spring"}')
    if field.kind == "array<string>":
        return [_TEXTS.get(name) or _text(name)]
    if field.kind == "int":
        return _INTEGERS.get(name, 3)
    if field.kind in ("float", "double"):
        return _NUMBERS.get(name, 4.5)
    return _TEXTS.get(name) or _text(name)


def _text(name: str) -> str:
    if name.endswith("_id"):
        return _uuid(name)
    return f"Example {name.removesuffix('_name').replace('_', ' ')}"


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


_OBJECT: Final = (
    '{"color": "green", "quantity": 2, "gift": false,'
    ' "cart": {"value": 49.95, "currency": "EUR"}, "tags": ["new", "sale"]}'
)

_NEVER_NULL: Final = frozenset(("user_id", "custom_properties", "purchase_properties"))
"""Required by the Avro schemas, like id and time: written bare, not as unions."""

_UNTRUE: Final = frozenset(
    (
        "archived",
        "in_control_group",
        "is_control",
        "is_drop",
        "is_error",
        "is_sms_fallback",
        "is_suspected_bot_click",
        "push_token_foreground_push_disabled",
    )
)

_JSON_TEXTS: Final = MappingProxyType(
    {
        "answer_multiple_strings": '["Blue", "Green"]',
        "conversion_behavior": '{"type": "Performs custom event", "name": "Order"}',
        "flow_response_json": '{"size": "M"}',
        "tool_arguments": '{"query": "opening hours"}',
    }
)

_INTEGERS: Final = MappingProxyType(
    {
        "cache_tokens": 256,
        "completion_tokens": 128,
        "content_length": 512,
        "conversion_behavior_index": 0,
        "duration": 1250,
        "http_status_code": 503,
        "ios_push_token_apns_gateway": 2,
        "prev_random_bucket_number": 815,
        "prompt_tokens": 1024,
        "push_token_created_at": TIME - 86_400,
        "push_token_updated_at": TIME,
        "random_bucket_number": 4711,
        "reasoning_tokens": 64,
        "send_time": TIME - 3_600,
        "time_ms": TIME * 1_000 + 123,
        "total_tokens": 1152,
        "webhook_duration": 250,
    }
)

_NUMBERS: Final = MappingProxyType(
    {
        "alt_accuracy": 3.2,
        "altitude": 35.5,
        "duration": 84.25,
        "latitude": 48.8584,
        "ll_accuracy": 12.5,
        "longitude": 2.2945,
        "price": 19.99,
    }
)

_TEXTS: Final = MappingProxyType(
    {
        "abort_log": "Example: the Liquid of the message asked to abort it",
        "abort_type": "liquid_abort_message",
        "action": "Subscribed",
        "ad_id_type": "ios_idfa",
        "answer_type": "single_choice",
        "banner_placement_id": "home-top",
        "bounce_reason": "550 5.1.1 <jane.doe@example.com>: no such mailbox",
        "browser": "Safari",
        "bsuid": "US.0123456789",
        "button_action_type": "deep_link",
        "button_id": "0",
        "carrier": "Example Mobile",
        "category": "opt-in",
        "channel": "email",
        "channel_identifier": "jane.doe@example.com",
        "click_url": "https://example.com/push",
        "conversion_type": "click",
        "country": "FR",
        "currency": "EUR",
        "deferral_reason": "451 4.7.1 <jane.doe@example.com>: try again later",
        "destination_variant_type": "variation",
        "device_class": "mobile",
        "device_model": "iPhone17,1",
        "device_os": "iOS",
        "dob": "1990-01-01T00:00:00Z",
        "element_type": "Button",
        "email_address": "jane.doe@example.com",
        "endpoint_url": "https://example.com/hook",
        "esp": "SendGrid",
        "external_user_id": EXTERNAL_USER_ID,
        "feature_flag_id_name": "new-checkout",
        "first_name": "Jane",
        "from_domain": "mail.example.com",
        "from_phone_number": "+15555550102",
        "gender": "N",
        "home_city": "Exampletown",
        "host": "example.com",
        "inbound_phone_number": "+15555550103",
        "interaction_type": "Reply",
        "invocation_source": "canvas",
        "ip_pool": "example-pool",
        "language": "en",
        "last_name": "Doe",
        "line_channel_id": "1234567890",
        "link_alias": "hero",
        "live_activity_event_outcome": "success",
        "live_activity_event_type": "update",
        "locale_key": "en",
        "machine_open": "true",
        "mailbox_provider": "Example Mail",
        "media_urls": "https://example.com/media/1.jpg",
        "message_id": "wamid.EXAMPLE1",
        "in_reply_to": "wamid.EXAMPLE0",
        "model_name": "example-model-1",
        "native_line_id": "U0123456789abcdef0123456789abcdef",
        "os_version": "18.1",
        "phone_number": "+15555550100",
        "platform": "ios",
        "product_id": "sku-1",
        "provider_error_code": "30003",
        "push_token_state_change_type": "add",
        "raw_response": '{"error": "busy"}',
        "recipient_domain": "example.com",
        "resolution": "1179x2556",
        "sdk_version": "11.0.0",
        "sending_ip": "192.0.2.1",
        "short_url": "https://example.com/s/1",
        "state_change_source": "Preference Center",
        "subscription_status": "Subscribed",
        "survey_completion_status": "completed",
        "suspected_bot_click_reason": "user_agent",
        "thinking_level": "low",
        "timezone": "Europe/Paris",
        "to_phone_number": "+15555550100",
        "url": "https://example.com/offer?utm_source=braze",
        "url_path": "/hook",
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)",
        "user_id": USER_ID,
        "user_phone_number": "+15555550100",
        "version": "triggered",
        "webhook_failure_source": "External Endpoint",
    }
)
"""
Texts that are more telling than their field name. Persons, hosts, addresses and numbers
are of the ranges reserved for examples (RFC 2606, RFC 5737, 555-0100 to -0199).
"""
