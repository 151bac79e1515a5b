"""
Mapping rules. Subscriptions: who may be contacted, and on which channel.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Facts, Rules, StandardWith, about_user, at

if TYPE_CHECKING:
    from braze_heap.events.subscription import (
        SubscriptionGlobalStateChange,
        SubscriptionGroupStateChange,
    )


@StandardWith
def changed_globally(event: "SubscriptionGlobalStateChange") -> Facts:
    """
    Tell a change of consent, and keep the state of that channel on the user.
    """
    channel = (event.channel or "").strip().lower().replace(" ", "_")
    name = f"{channel}_subscription" if channel else "subscription"
    return _state(event, name)


@StandardWith
def changed_in_group(event: "SubscriptionGroupStateChange") -> Facts:
    """
    Tell a change of consent, and keep the state of that group on the user.
    """
    group = event.subscription_group_id
    return _state(event, f"subscription_group_{group}" if group else None)


def _state(
    event: "SubscriptionGlobalStateChange | SubscriptionGroupStateChange",
    name: str | None,
) -> Facts:
    state = event.subscription_status
    if not state or not name:
        return {}
    return about_user(**{name: state, f"{name}_changed_at": at(event)})


RULES: Rules = {
    "users.behaviors.subscription.GlobalStateChange": changed_globally,
    "users.behaviors.subscriptiongroup.StateChange": changed_in_group,
}
