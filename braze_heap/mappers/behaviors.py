"""
Mapping rules. Behaviors: what people do in apps and shops, sent or not by a message.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Facts, Rules, StandardWith, about_user, at
from braze_heap.mappers._standard import standard

if TYPE_CHECKING:
    from braze_heap.events.behaviors import (
        FirstSession,
        InstallAttribution,
        Uninstall,
    )


@StandardWith
def installed(event: "InstallAttribution") -> Facts:
    """
    Tell where an install came from, and keep it on the user.
    """
    return about_user(install_source=event.source)


@StandardWith
def uninstalled(event: "Uninstall") -> Facts:
    """
    Tell an uninstall, and when the user removed which app.
    """
    app = f"app_{event.app_id}_" if event.app_id else ""
    return about_user(**{f"{app}uninstalled_at": at(event)})


@StandardWith
def started_first_session(event: "FirstSession") -> Facts:
    """
    Tell a first session, and keep its time on the user.
    """
    return about_user(first_session_at=at(event))


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
