"""
The shipped mappers by event type.

Most types have the mapper `standard`. The functions here also set user properties, or
delete the user.
"""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from braze_heap.events import CurrentsEvent
from braze_heap.events._catalog import catalog
from braze_heap.heap.calls import timestamp
from braze_heap.mappers._registry import Key, Mapper, MapperRegistry, Registration
from braze_heap.mappers._standard import standard
from braze_heap.parsing import exact_time
from braze_heap.payloads import (
    HeapEvent,
    HeapUserDeletion,
    Payload,
    StandardEvent,
    StandardUserProperties,
    payloads_of,
)

if TYPE_CHECKING:
    from braze_heap import events  # loads no class

UserProperties: TypeAlias = dict[str, Any]
"""User properties by name; ``None`` sets nothing."""


class StandardWithUserProperties:
    """
    A mapper that returns the standard event, and user properties of a function.

    Args:
        user_properties: From an event to the user properties.
    """

    def __init__(self, user_properties: Callable[[Any], UserProperties]) -> None:
        functools.update_wrapper(self, user_properties)
        self.user_properties = user_properties

    def __reduce__(self) -> str:
        return self.user_properties.__qualname__  # by name, as a function

    def __call__(self, event: CurrentsEvent) -> tuple[Payload, ...]:
        """Return the payloads for *event*."""
        return standard(event), StandardUserProperties(self.user_properties(event))


def _prefixed(**properties: object) -> UserProperties:
    return {f"braze_{name}": value for name, value in properties.items()}


@StandardWithUserProperties
def store_install_source(event: "events.InstallAttribution") -> UserProperties:
    """Store the source of an install."""
    return _prefixed(install_source=event.source)


@StandardWithUserProperties
def store_uninstall(event: "events.Uninstall") -> UserProperties:
    """Store the time of an uninstall, per app."""
    app = f"app_{event.app_id}_" if event.app_id else ""
    return _prefixed(**{f"{app}uninstalled_at": timestamp(event.time)})


@StandardWithUserProperties
def store_first_session(event: "events.FirstSession") -> UserProperties:
    """Store the time of the first session, per app."""
    app = f"app_{event.app_id}_" if event.app_id else ""
    return _prefixed(**{f"{app}first_session_at": timestamp(event.time)})


@StandardWithUserProperties
def store_email_bounce(event: "events.EmailBounce") -> UserProperties:
    """
    Store the time of the last bounce of an email.

    It is not a flag, because no event would reset it after the address has changed.
    """
    return _prefixed(email_bounced_at=timestamp(event.time))


@StandardWithUserProperties
def store_spam_complaint(event: "events.EmailMarkAsSpam") -> UserProperties:
    """Store the time at which the user last marked an email as spam."""
    return _prefixed(email_marked_as_spam_at=timestamp(event.time))


@StandardWithUserProperties
def store_subscription(event: "events.SubscriptionGlobalStateChange") -> UserProperties:
    """Store the subscription to a channel, and the time of the change."""
    channel = (event.channel or "").strip().lower().replace(" ", "_")
    name = f"{channel}_subscription" if channel else "subscription"
    return _subscription(event, name)


@StandardWithUserProperties
def store_group_subscription(
    event: "events.SubscriptionGroupStateChange",
) -> UserProperties:
    """Store the subscription to a subscription group, and the time of the change."""
    group = event.subscription_group_id
    return _subscription(event, f"subscription_group_{group}") if group else {}


def _subscription(
    event: "events.SubscriptionGlobalStateChange | events.SubscriptionGroupStateChange",
    name: str,
) -> UserProperties:
    state = event.subscription_status
    if not state:
        return {}
    return _prefixed(**{name: state, f"{name}_changed_at": timestamp(event.time)})


@StandardWithUserProperties
def store_random_bucket(event: "events.RandomBucketNumberUpdate") -> UserProperties:
    """Store the new random bucket number, for random segments."""
    return _prefixed(random_bucket_number=event.random_bucket_number)


@StandardWithUserProperties
def store_push_permission(event: "events.PushTokenStateChange") -> UserProperties:
    """
    Store the permission for notifications that a device last reported, per app.

    ``not_allowed`` includes users who were never asked. It does not mean that a user
    cannot be reached, because a user may have several tokens.
    """
    denied = event.push_token_foreground_push_disabled
    change = event.push_token_state_change_type
    if not event.app_id or change == "remove" or denied is None:
        return {}
    permission = "not_allowed" if denied else "allowed"
    if event.push_token_provisionally_opted_in:
        permission = "provisional"
    name = f"app_{event.app_id}_push_permission"
    time = timestamp(exact_time(event.time, event.time_ms))
    return _prefixed(**{name: permission, f"{name}_at": time})


def delete_user(event: "events.UserDeleteRequest") -> tuple[Payload, ...]:
    """Delete the user if deletions are enabled, else send the request as an event."""
    return standard(event), HeapUserDeletion()


@StandardWithUserProperties
def store_merge(event: "events.UserOrphan") -> UserProperties:
    """Store, on the absorbed user, the profile that remains."""
    return _prefixed(merged_into=event.orphaned_by_id)


_PROFILE: Final = """
archived country dob email_address first_name gender home_city language last_name
phone_number timezone
""".split()


@StandardWithUserProperties
def store_profile(event: "events.ProfileUpdate") -> UserProperties:
    """
    Store the profile, with a user property for each custom attribute.

    Sets Heap's built-in ``email`` too, if the policy for personal data keeps it. A
    custom attribute that was removed, also within an object, becomes empty text.
    """
    properties = _prefixed(**{name: getattr(event, name) for name in _PROFILE})
    # One for each, because Heap keeps what a later update does not state.
    for name, value in (event.custom_attributes or {}).items():
        properties[f"braze_custom_attributes.{name}"] = _without_null(value)
    address = event.email_address
    if address and "@" in address:
        properties["email"] = address
    return properties


def _without_null(value: Any) -> Any:
    """Return *value* with empty text for null, because Heap cannot remove a value."""
    if isinstance(value, dict):
        return {name: _without_null(inner) for name, inner in value.items()}
    return "" if value is None else value


_OWN: Final[Mapping[str, Mapper]] = {
    "users.RandomBucketNumberUpdate": store_random_bucket,
    "users.UserDeleteRequest": delete_user,
    "users.UserOrphan": store_merge,
    "users.behaviors.InstallAttribution": store_install_source,
    "users.behaviors.Uninstall": store_uninstall,
    "users.behaviors.app.FirstSession": store_first_session,
    "users.behaviors.pushnotification.TokenStateChange": store_push_permission,
    "users.behaviors.subscription.GlobalStateChange": store_subscription,
    "users.behaviors.subscriptiongroup.StateChange": store_group_subscription,
    "users.messages.email.Bounce": store_email_bounce,
    "users.messages.email.MarkAsSpam": store_spam_complaint,
    "users.profile.Update": store_profile,
}

_MAPPERS: Final[Mapping[Key, Mapper]] = {
    CurrentsEvent: standard,
    **{event_type: _OWN.get(event_type, standard) for event_type in sorted(catalog())},
}
"""Event type to mapper: `standard` for each type that has none of its own."""

DEFAULT_MAPPERS: Final = MapperRegistry(
    {key: Registration.of(key, mapper) for key, mapper in _MAPPERS.items()}
).as_fallback()
"""A mapper for every event type. Mappers of a team take precedence."""


def default(
    event: CurrentsEvent, name: str | None = None, /, **changes: Any
) -> tuple[Payload, ...]:
    """
    Return all payloads of the shipped mapper of *event*, with properties added.

    They include the user properties of the shipped mapper; `standard` returns only the
    event.

    Args:
        event: Event to map.
        name: Name of the event in place of Braze's display name.
        changes: Properties of the event to add or to replace; ``None`` removes one.
    """
    mapper = DEFAULT_MAPPERS.mapper_for(event)
    payloads = payloads_of(mapper(event) if mapper else None)
    return tuple(
        _changed(p, name, changes) if isinstance(p, HeapEvent) else p for p in payloads
    )


def _changed(
    payload: HeapEvent, name: str | None, changes: dict[str, Any]
) -> HeapEvent:
    properties = {**payload.properties, **changes}
    if name and isinstance(payload, StandardEvent):
        payload = attrs.evolve(payload, name=name, has_own_name=False)
    return attrs.evolve(payload, properties=properties)
