"""
Mapping rules. Behaviors: what people do in apps and shops, sent or not by a message.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Rules, at, standard_with
from braze_heap.mappers._standard import standard
from braze_heap.payloads import Payload

if TYPE_CHECKING:
    from braze_heap.events.behaviors import (
        FirstSession,
        InstallAttribution,
        Uninstall,
    )


def installed(event: "InstallAttribution") -> tuple[Payload, ...]:
    """
    Tell where an install came from, and keep it on the user.
    """
    return standard_with(event, install_source=event.source)


def uninstalled(event: "Uninstall") -> tuple[Payload, ...]:
    """
    Tell an uninstall, and when the user removed which app.
    """
    app = f"app_{event.app_id}_" if event.app_id else ""
    return standard_with(event, **{f"{app}uninstalled_at": at(event)})


def started_first_session(event: "FirstSession") -> tuple[Payload, ...]:
    """
    Tell a first session, and keep its time on the user.
    """
    return standard_with(event, first_session_at=at(event))


RULES: Rules = {
    "users.behaviors.CustomEvent": standard,
    "users.behaviors.InstallAttribution": installed,
    "users.behaviors.Location": standard,
    "users.behaviors.Purchase": standard,
    "users.behaviors.Uninstall": uninstalled,
    "users.behaviors.app.FirstSession": started_first_session,
    "users.behaviors.app.SessionEnd": standard,
    "users.behaviors.app.SessionStart": standard,
}
