"""
Mapping rules. Email: from send to click, and everything that can go wrong between.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Rules, at, standard_with
from braze_heap.mappers._standard import standard
from braze_heap.payloads import Payload

if TYPE_CHECKING:
    from braze_heap.events.email import EmailBounce, EmailMarkAsSpam


def bounced(event: "EmailBounce") -> tuple[Payload, ...]:
    """
    Tell a hard bounce, and that the user cannot be reached by email.
    """
    return standard_with(event, email_bounced=True, email_bounced_at=at(event))


def marked_as_spam(event: "EmailMarkAsSpam") -> tuple[Payload, ...]:
    """
    Tell a spam complaint, and that the user made one.
    """
    return standard_with(
        event, email_marked_as_spam=True, email_marked_as_spam_at=at(event)
    )


RULES: Rules = {
    "users.messages.email.Abort": standard,
    "users.messages.email.Bounce": bounced,
    "users.messages.email.Click": standard,
    "users.messages.email.Deferral": standard,
    "users.messages.email.Delivery": standard,
    "users.messages.email.MarkAsSpam": marked_as_spam,
    "users.messages.email.Open": standard,
    "users.messages.email.Retry": standard,
    "users.messages.email.Send": standard,
    "users.messages.email.SoftBounce": standard,
    "users.messages.email.Unsubscribe": standard,
}
