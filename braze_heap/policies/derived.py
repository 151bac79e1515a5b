"""Properties derived from an event, with the same names for all channels."""

import functools
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from braze_heap._text import did_you_mean
from braze_heap.events import CurrentsEvent
from braze_heap.events._catalog import catalog
from braze_heap.events._schema import schema_of
from braze_heap.heap.calls import MAX_TEXT, Value
from braze_heap.parsing import YEAR_2100, epoch_seconds

__all__ = ["DERIVED_PROPERTIES", "DerivedProperty"]

DerivedProperty: TypeAlias = Literal[
    "channel",
    "action",
    "message_key",
    "message_name",
    "link_domain",
    "seconds_since_send",
]
"""Name of a derived property."""

DERIVED_PROPERTIES: Final[tuple[DerivedProperty, ...]] = get_args(DerivedProperty)
"""All derived properties."""

MEANINGS: Final = MappingProxyType(
    {
        "channel": "Messaging channel, spelled the same way for all event types.",
        "action": "What happened, one word for the same act on every channel.",
        "message_key": "Id of the campaign, else of the Canvas step, else of the "
        "Canvas. Stays the same when the message is renamed.",
        "message_name": "Name of the campaign, else of the Canvas step, else of the "
        "Canvas. Missing or old for an hour after an edit.",
        "link_domain": "Host of the link that was clicked.",
        "seconds_since_send": "Seconds from the sending of the email to the event.",
    }
)
"""Derived property to its meaning."""

FIRST_OF: Final = MappingProxyType(
    {
        "channel": ("subscription_channel", "step_channel"),  # if the type names none
        "message_key": ("campaign_id", "canvas_step_id", "canvas_id"),
        "message_name": ("campaign_name", "canvas_step_name", "canvas_name"),
    }
)
"""Derived property to the properties of which it has the first that is not empty."""


def checked_derived(names: Any) -> frozenset[str]:
    """Return the names of derived properties as a set, or raise what is wrong."""
    if isinstance(names, str | Mapping) or not isinstance(names, Collection):
        raise TypeError(
            "derived_properties must be a list of names, such as ['channel', "
            f"'action'], not {names!r}; [] for none"
        )
    for name in names:
        if name not in DERIVED_PROPERTIES:
            hint = did_you_mean(str(name), DERIVED_PROPERTIES)
            raise ValueError(f"unknown derived property {name!r}.{hint}")
    return frozenset(names)


def constants_of(cls: type[CurrentsEvent], names: Collection[str]) -> dict[str, Value]:
    """Return the derived properties that all events of *cls* share."""
    entry: Any = getattr(cls, "_entry", None)
    found = {name: getattr(entry, name, None) for name in ("channel", "action")}
    return {name: value for name, value in found.items() if value and name in names}


def varying_of(cls: type[CurrentsEvent], names: Collection[str]) -> list[str]:
    """Return the names of the derived properties that events of *cls* may have."""
    places, constants = schema_of(cls).places, constants_of(cls, DERIVED_PROPERTIES)
    has = {
        "channel": "channel" in places and "channel" not in constants,
        "message_key": not places.keys().isdisjoint(FIRST_OF["message_key"]),
        "message_name": not places.keys().isdisjoint(FIRST_OF["message_name"]),
        "link_domain": "url" in places and constants.get("action") == "click",
        "seconds_since_send": "send_time" in places,
    }
    return [name for name, is_there in has.items() if is_there and name in names]


def derive(
    cls: type[CurrentsEvent],
    names: frozenset[str],
    properties: Mapping[str, Any],
    sent: int | None,
    time: int,
) -> dict[str, Value]:
    """
    Return the derived properties *names* of an event with the legal *properties*.

    *sent* is its ``send_time``, in seconds or smaller units; *time* is in seconds.
    """
    constants, varying = _split(cast("Any", cls), names)
    derived = dict(constants)
    for name in varying:
        value: Value | None
        if name in FIRST_OF:
            found = (properties.get(each) for each in FIRST_OF[name])
            value = next(filter(None, found), None)
            value = channel_of(value) if name == "channel" else value
        elif name == "link_domain":
            value = domain_of(properties.get("url"))
        else:
            value = None if sent is None else seconds_since(sent, time)
        if value is not None and value != "":
            derived[name] = value
    return derived


@functools.lru_cache(1024)
def _split(cls: Any, names: frozenset[str]) -> tuple[Mapping[str, Value], list[str]]:
    """Return the constants, and the names of the others, of all events of *cls*."""
    return constants_of(cls, names), varying_of(cls, names)


def seconds_since(sent: int, time: int) -> int | None:
    """Return the seconds from *sent*, in any unit; ``None`` if it is not a time."""
    if 0 < sent < YEAR_2100:  # the usual unit
        return time - sent
    seconds = epoch_seconds(sent)
    return None if seconds is None else time - int(seconds)


def domain_of(url: Any) -> str | None:
    """Return the host of *url* in lower case; ``None`` if it has none."""
    return _domain_of(url) if isinstance(url, str) else None


@functools.lru_cache(1024)
def _domain_of(url: str) -> str | None:
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError:  # an invalid IPv6 address
        return None
    return host[:MAX_TEXT] if host and host.isprintable() else None


def channel_of(text: Any) -> str | None:
    """Return the channel that a field of an event names, spelled as in the catalog."""
    return _channel_of(text) if isinstance(text, str) else None


@functools.lru_cache(1024)
def _channel_of(text: str) -> str | None:
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    channels = {entry.channel for entry in catalog().values()}
    singular = word.removesuffix("s")
    if word not in channels and singular in channels:
        return singular
    return _CHANNELS.get(word, word) or None


_CHANNELS: Final = {
    **dict.fromkeys(("push_notification", "push_notifications"), "push"),
    **dict.fromkeys(("ios_push", "android_push", "web_push", "mobile_push"), "push"),
    **dict.fromkeys(("text", "text_message", "mms"), "sms"),
    "e_mail": "email",
}
"""Other spellings of channels."""
