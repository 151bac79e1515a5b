"""
The page ``docs/reference/catalog.md``, generated from the catalog of event types.

``python -m tests.regenerate`` writes it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from braze_heap.events import catalog

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "catalog.md"

HEAD = """# Catalog of event types

Generated from `braze_heap/events/_catalog.py`: `python -m tests.regenerate`. The
category is Braze's own group. Channel and action are words of this library, one for
each idea: the same act has the same action on every channel. All three are constants
of the event type.

In Python, `bh.events.catalog()` has them by event type, and
`bh.events.catalog_entry(bh.events.EmailClick)` those of a class. On the command line,
`braze-heap events --channel email --action click` finds types by them.

Some events have a *field* with the name `action`, `channel` or `category`. It means
something else. `action` is the effect of an inbound message on the subscription, and
`channel` that of a subscription or Canvas step. `category` is the keyword of a message.
"""

CATEGORIES: Final = MappingProxyType(
    {
        "message_engagement": "Messages, campaigns, Canvases, consent, uninstalls",
        "customer_behavior": "What people do in apps and shops, and push tokens",
        "user": "Changes of profiles, in storage files only",
        "agent": "Runs and tool calls of AI agents",
    }
)

CHANNELS: Final = MappingProxyType(
    {
        "email": "Email",
        "push": "Push notifications on iOS, Android, Fire OS and the web (`platform`)",
        "sms": "SMS and MMS",
        "rcs": "RCS; an SMS that replaces it is `sms`",
        "whatsapp": "WhatsApp",
        "line": "LINE",
        "in_app_message": "In-app messages and in-browser messages",
        "content_card": "Content Cards",
        "banner": "Banners",
        "webhook": "Webhooks: the recipient is a server, not a person",
        "news_feed": "News Feed cards, a discontinued product",
        "live_activity": "iOS Live Activities",
        "feature_flag": "Feature flag experiments: an exposure, not a message",
        "landing_page": "Landing pages hosted by Braze",
        "survey": "Survey answers, wherever the survey was shown",
        "": "No channel, or one that varies and is a field of the event",
    }
)

ACTIONS: Final = MappingProxyType(
    {
        "send": "Braze handed the message to the provider",
        "carrier_send": "The provider handed the SMS to the carrier, after `send`",
        "delivery": "The provider confirmed that the message reached mailbox or device",
        "receive": "The person got the message, without a reaction",
        "impression": "The message, card, page or feature was displayed",
        "open": "The message was opened, by a machine too (`is_machine_open`)",
        "read": "The messenger reported a read receipt",
        "click": "A link, button or card was clicked or tapped",
        "dismiss": "The person closed the card or banner",
        "submit": "A form or a survey answer was submitted",
        "inbound": "The person wrote to the business",
        "unsubscribe": "The person used the unsubscribe link of an email",
        "spam": "The person marked the email as spam",
        "bounce": "The address or token was refused for good",
        "soft_bounce": "An email could not be delivered for a temporary reason",
        "defer": "The receiving server postponed an email",
        "reject": "The carrier refused the message",
        "fail": "The provider or endpoint reported a failure",
        "outcome": "The provider answered a request; the event has the result",
        "abort": "Braze decided not to send (`abort_type`)",
        "retry": "Braze postponed the message and will try later",
        "enroll": "The person was put into a control group and gets no message",
        "enter": "The person entered a Canvas",
        "progress": "The person advanced through a Canvas step",
        "experiment_split": "The person was put on a path of an experiment step",
        "exit": "The person left a Canvas through an exit rule",
        "conversion": "The person met a goal of a campaign, Canvas or step",
        "optimizer_send": "A Content Optimizer step sent its choice, beside `send`",
        "forward": "A Canvas passed the person on to another destination",
        "forward_skip": "A Canvas did not pass the person on (`reason`)",
        "subscription_change": "A subscription state was set (`subscription_status`)",
        "token_change": "A push or Live Activity token was added, changed or removed",
        "session_start": "An app or web session began",
        "first_session": "The first session in an app began, beside `session_start`",
        "session_end": "A session ended",
        "install": "An install was attributed to a source",
        "uninstall": "An uninstall was noticed, up to a day late",
        "location": "A location was recorded",
        "custom_event": "An event of your own, under its own name",
        "purchase": "A product was bought, or returned if the price is negative",
        "profile_update": "Attributes of a profile changed",
        "bucket_change": "The random bucket number of a profile changed",
        "merge": "A profile was absorbed by another",
        "delete": "Deletion of a profile was requested",
        "optimizer_update": "The combinations of a Content Optimizer step changed",
        "agent_run": "An AI agent called its model",
        "tool_call": "An AI agent called a tool",
    }
)


def page() -> str:
    """Return the page as it should be."""
    return "\n".join([HEAD, *_tables()])


def _tables() -> Iterator[str]:
    entries = catalog().values()
    yield from _words("Category", CATEGORIES, [e.category or "" for e in entries])
    yield from _words("Channel", CHANNELS, [e.channel or "" for e in entries])
    yield from _words("Action", ACTIONS, [e.action or "" for e in entries])
    yield "## All types\n"
    yield "| event type | class | category | channel | action |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in entries:
        words = map(_code, (entry.category, entry.channel, entry.action))
        cells = (f"`{entry.event_type}`", f"`{entry.class_name}`", *words)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _words(title: str, meanings: Mapping[str, str], used: list[str]) -> Iterator[str]:
    """
    Yield a table of words.

    Raises:
        ValueError: A word has no meaning here, or no type uses it.
    """
    types = Counter(used)
    if wrong := types.keys() ^ meanings.keys():
        raise ValueError(f"{title}: give {sorted(wrong)} a meaning, or remove it")
    yield f"## {title}\n"
    yield f"| {title.lower()} | meaning | types |"
    yield "| --- | --- | --- |"
    for word, meaning in meanings.items():
        yield f"| {_code(word) or '(none)'} | {meaning} | {types[word]} |"
    yield ""


def _code(word: str | None) -> str:
    return f"`{word}`" if word else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
