"""
Mapping rules. Email: from send to click, and everything that can go wrong between.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Facts, Rules, StandardWith, about_user, at
from braze_heap.mappers._standard import standard

if TYPE_CHECKING:
    from braze_heap.events.email import EmailBounce, EmailMarkAsSpam


@StandardWith
def bounced(event: "EmailBounce") -> Facts:
    """
    Tell a hard bounce, and that the user cannot be reached by email.
    """
    return about_user(email_bounced=True, email_bounced_at=at(event))


@StandardWith
def marked_as_spam(event: "EmailMarkAsSpam") -> Facts:
    """
    Tell a spam complaint, and that the user made one.
    """
    return about_user(email_marked_as_spam=True, email_marked_as_spam_at=at(event))


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
