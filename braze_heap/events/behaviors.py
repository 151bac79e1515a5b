"""Behaviors: what people do in apps and shops, sent or not by a message."""

from braze_heap.events._declare import (
    Float32,
    JsonObject,
    Privacy,
    field,
    personal,
    storage_only,
)
from braze_heap.events.groups import *


class SessionEvent(HasUser, HasDevice, HasWorkspace, HasApp, HasPlatform):
    """Something happened with a session in an app."""

    session_id: str | None = None
    """One session of the app, a UUID. Joins its start with its end."""


class CustomEvent(HasUserOnDevice, HasWorkspace, HasApp, HasPlatform, HasAdvertisingId):
    """
    A user did something that the app or backend logs as a custom event.

    If Heap tracks the same action directly, it is counted twice. Purchases come as
    ``behaviors.Purchase``.
    """

    name: str | None = None
    """Name of the event, spelled exactly as the app or backend logged it."""

    custom_properties: JsonObject | None = field(storage="properties")
    """
    Properties that the app logged with the event, up to 256 names and 100 kB. An object
    over HTTP; JSON text named ``properties`` in storage files.
    """


class InstallAttribution(HasUser, HasDeviceOverHttp, HasWorkspace):
    """
    An install of the app was attributed to a source.

    Comes from the attribution partner connected to Braze. When the app was first opened
    is in ``app.FirstSession``.
    """

    source: str | None = None
    """Origin of the install, as the attribution partner reports it."""


class Location(HasUser, HasDevice, HasWorkspace, HasApp, HasPlatform, HasAdvertisingId):
    """
    A device reported its position.

    Only apps that collect location send it. Precise positions are personal data; see
    ``ll_accuracy`` before you draw conclusions from one.
    """

    latitude: Float32 | None = personal()
    """Degrees, positive north of the equator. 32 bits in storage files."""

    longitude: Float32 | None = personal()
    """Degrees, positive east of Greenwich. 32 bits in storage files."""

    altitude: Float32 | None = personal()
    """Height of the device in meters, if it reported one."""

    ll_accuracy: Float32 | None = None
    """Uncertainty of ``latitude`` and ``longitude``, a radius in meters."""

    alt_accuracy: Float32 | None = None
    """Uncertainty of ``altitude``, in meters."""


class Purchase(HasUser, HasDevice, HasWorkspace, HasApp, HasPlatform, HasAdvertisingId):
    """
    A user bought a product.

    One event per product. Logged by the app or backend, so totals can differ from the
    shop's own. Attribution to a message is in ``campaigns.Conversion`` and
    ``canvas.Conversion``.
    """

    product_id: str | None = None
    """Id of the product, as the app logged it."""

    price: Float32 | None = None
    """
    Price of one unit in ``currency`` (not in cents), because Braze reports a purchase
    of several units as several purchases. Revenue is the sum of prices. A refund has a
    negative price. Storage files keep 32 bits: 3.14 may show up there as
    3.140000104904175.
    """

    currency: str | None = None
    """ISO-4217 code of the currency of ``price``, such as ``EUR``."""

    purchase_properties: JsonObject | None = field(storage="properties")
    """
    Properties that the app logged with the purchase. An object over HTTP; JSON text
    named ``properties`` in storage files.
    """


class Uninstall(HasUser, HasDevice, HasWorkspace, HasApp):
    """
    Braze noticed that a user removed the app ``app_id``.

    ``time`` is when uninstall tracking noticed; the removal is earlier. The user may
    still have another device or app.
    """


class FirstSession(SessionEvent, HasTimezone, HasProfileTraits):
    """
    A user opened the app for the first time.

    Counted per app, so one user can have several. Use it rather than
    ``behaviors.InstallAttribution`` as the start of the life cycle. Joins
    ``app.SessionStart`` and ``app.SessionEnd`` on ``session_id``. Country, gender,
    language and SDK version are deprecated here and empty.
    """

    gender: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)
    country: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)
    language: str | None = storage_only(privacy=Privacy.SENSITIVE, deprecated=True)

    sdk_version: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty."""


class SessionEnd(SessionEvent):
    """
    A session in the app ended.

    Joins ``app.SessionStart`` on ``session_id``; either can arrive first, or late from
    an offline phone.
    """

    duration: Float32 | None = None
    """Duration of the session, in seconds with a fraction."""


class SessionStart(SessionEvent):
    """
    A session in the app began.

    The Braze SDK has its own timeout, so counts differ from those of Heap. Joins
    ``app.SessionEnd``, which has the duration, on ``session_id``.
    """
