"""Time of an event in the user's time zone: hour and weekday."""

import datetime as dt
import functools
import re
from typing import Final

__all__ = ["local_time"]

_NAME: Final = re.compile(r"UTC|GMT|[A-Za-z_]{1,32}(/[A-Za-z0-9_+-]{1,32}){1,2}")
"""An IANA name. Any other text of an event must not reach the file system."""


def local_time(seconds: float, zone: str | None) -> dict[str, str | int]:
    """
    Return ``local_hour`` (0 to 23) and ``local_weekday`` (``Monday``).

    The result is empty if *zone* is unknown.

    Args:
        seconds: UTC epoch seconds.
        zone: An IANA name, as in Braze profiles.
    """
    info = _zone(zone) if isinstance(zone, str) and _NAME.fullmatch(zone) else None
    if info is None:
        return {}
    local = dt.datetime.fromtimestamp(seconds, info)
    return {"local_hour": local.hour, "local_weekday": _WEEKDAYS[local.weekday()]}


_WEEKDAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


@functools.lru_cache(1024)
def _zone(name: str) -> dt.tzinfo | None:
    from dateutil import tz

    return tz.gettz(name)
