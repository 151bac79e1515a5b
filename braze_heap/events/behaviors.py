"""Behaviors: what people do in apps and shops, sent or not by a message."""

from braze_heap.events._declare import (
    Float32,
    JsonObject,
    Privacy,
    field,
    personal,
    storage_only,
)
from braze_heap.events.groups import (
    HasAdvertisingId,
    HasApp,
    HasDevice,
    HasDeviceOverHttp,
    HasPlatform,
    HasProfileTraits,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class SessionEvent(HasUser, HasDevice, HasWorkspace, HasApp, HasPlatform):
    """Something happened with a session in an app."""

    session_id: str | None = None
    """One session of the app, as a UUID. Joins its start with its end."""


class CustomEvent(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    event_type="users.behaviors.CustomEvent",
    display_name="Custom Event",
):
    """
    A user did something that the app or backend logs as a custom event.

    ``name`` is the action, ``custom_properties`` has the details. If the same action is
    also tracked with Heap directly, it will be counted twice. Purchases come as
    ``behaviors.Purchase``.
    """

    name: str | None = None
    """Name under which the app or backend logged the event. Exact spelling counts."""

    custom_properties: JsonObject | None = field(storage="properties")
    """
    Properties that the app logged with the event. An object over HTTP; JSON text
    named ``properties`` in storage files. Up to 256 names and 100 kB.
    """


class InstallAttribution(
    HasUser,
    HasDeviceOverHttp,
    HasWorkspace,
    event_type="users.behaviors.InstallAttribution",
    display_name="Install Attribution",
):
    """
    An install of the app was attributed to a source.

    Comes from the attribution partner connected to Braze and has the origin of the
    user, not the time when the app was first opened; for that see ``app.FirstSession``.
    """

    source: str | None = None
    """Origin of the install, as reported by the attribution partner."""


class Location(
    HasUser,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    event_type="users.behaviors.Location",
    display_name="Location",
):
    """
    A device reported where it is.

    Only apps that collect location send it. Precise positions are personal data; mind
    ``ll_accuracy`` before drawing conclusions from one.
    """

    latitude: Float32 | None = personal()
    """
    North-south position in degrees, positive north of the equator. Single precision
    in storage files.
    """

    longitude: Float32 | None = personal()
    """
    East-west position in degrees, positive east of Greenwich. Single precision in
    storage files.
    """

    altitude: Float32 | None = personal()
    """Height of the device in metres. ``None`` when the device reported none."""

    ll_accuracy: Float32 | None = None
    """Uncertainty of ``latitude`` and ``longitude``, as a radius in metres."""

    alt_accuracy: Float32 | None = None
    """Uncertainty of ``altitude``, in metres."""


class Purchase(
    HasUser,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    event_type="users.behaviors.Purchase",
    display_name="Purchase",
):
    """
    A user bought a product.

    One event per product, with ``price`` in ``currency``. Logged by the app or backend,
    so totals can differ from the shop's own ledger. Attribution to a message is in
    ``campaigns.Conversion`` and ``canvas.Conversion``, not here.
    """

    product_id: str | None = None
    """Id of the purchased product, as logged by the app."""

    price: Float32 | None = None
    """
    Price paid, in units of ``currency`` (not in cents). Storage files keep 32 bits
    only: 3.14 may show up there as 3.140000104904175.
    """

    currency: str | None = None
    """
    ISO-4217 code of the currency in which ``price`` is given, for example
    ``EUR``.
    """

    purchase_properties: JsonObject | None = field(storage="properties")
    """
    Properties that the app logged with the purchase. An object over HTTP; JSON text
    named ``properties`` in storage files.
    """


class Uninstall(
    HasUser,
    HasDevice,
    HasWorkspace,
    HasApp,
    event_type="users.behaviors.Uninstall",
    display_name="Uninstall",
):
    """
    Braze noticed that a user's app is no longer installed.

    Found out by uninstall tracking, so ``time`` is when Braze noticed; the removal
    itself lies earlier. The user may still use another device or app.
    """

    app_id: str | None = None
    """The app that was removed from the device."""


class FirstSession(
    SessionEvent,
    HasTimezone,
    HasProfileTraits,
    event_type="users.behaviors.app.FirstSession",
    display_name="First Session",
):
    """
    A user opened the app for the first time.

    Counted per app, so one user can have several; use it rather than
    ``behaviors.InstallAttribution`` as the start of the life cycle. Joins with
    ``app.SessionStart`` and ``app.SessionEnd`` on ``session_id``. Country, gender,
    language and SDK version are deprecated here and empty.
    """

    gender: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)
    """
    Deprecated by Braze and not filled any more. Not marked as personal data here,
    unlike in other types.
    """

    country: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)
    """
    Deprecated by Braze and not filled any more. Not marked as personal data here,
    unlike in other types.
    """

    language: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)
    """
    Deprecated by Braze and not filled any more. Not marked as personal data here,
    unlike in other types.
    """

    sdk_version: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and not filled any more."""


class SessionEnd(
    SessionEvent,
    event_type="users.behaviors.app.SessionEnd",
    display_name="Session End",
):
    """
    A session in the app ended.

    Carries the length in ``duration``, in seconds. Joins with ``app.SessionStart`` on
    ``session_id``; either of the two can arrive first, or late from an offline phone.
    """

    duration: Float32 | None = None
    """Duration of the session, in seconds with a fraction. ``None`` when unknown."""


class SessionStart(
    SessionEvent,
    event_type="users.behaviors.app.SessionStart",
    display_name="Session Start",
):
    """
    A session in the app began.

    Braze's sessions follow the SDK's own timeout, so counts differ from those of Heap.
    Joins with ``app.SessionEnd`` on ``session_id``, where the length is.
    """
