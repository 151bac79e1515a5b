"""
Mapping rules. Subscriptions: who may be contacted, and on which channel.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Rules, at, standard_with
from braze_heap.mappers._standard import standard
from braze_heap.payloads import Payload

if TYPE_CHECKING:
    from braze_heap.events.subscription import (
        SubscriptionGlobalStateChange,
        SubscriptionGroupStateChange,
    )


def changed_globally(event: "SubscriptionGlobalStateChange") -> tuple[Payload, ...]:
    """
    Tell a change of consent, and keep the state of that channel on the user.
    """
    channel = (event.channel or "").strip().lower().replace(" ", "_")
    name = f"{channel}_subscription" if channel else "subscription"
    return _with_state(event, name)


def changed_in_group(event: "SubscriptionGroupStateChange") -> tuple[Payload, ...]:
    """
    Tell a change of consent, and keep the state of that group on the user.
    """
    group = event.subscription_group_id
    return _with_state(event, f"subscription_group_{group}" if group else None)


def _with_state(
    event: "SubscriptionGlobalStateChange | SubscriptionGroupStateChange",
    name: str | None,
) -> tuple[Payload, ...]:
    state = event.subscription_status
    if not state or not name:
        return (standard(event),)
    return standard_with(event, **{name: state, f"{name}_changed_at": at(event)})


RULES: Rules = {
    "users.behaviors.subscription.GlobalStateChange": changed_globally,
    "users.behaviors.subscriptiongroup.StateChange": changed_in_group,
}
