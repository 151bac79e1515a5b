"""Options of the Heap sinks."""

import random
import time
from collections.abc import Callable
from typing import Final, Literal

import attrs

from braze_heap._options import doc, documented, option
from braze_heap.heap._bulk import MAX_BYTES
from braze_heap.heap._pacing import (
    EVENTS_A_MINUTE,
    IDENTITY_EVENTS_A_MINUTE,
    Pacer,
)


@documented
@attrs.frozen(kw_only=True)
class HeapOptions:
    """Arguments that both Heap sinks take."""

    app_id: str = attrs.field(
        kw_only=False,
        metadata=doc(
            "App id of your Heap environment. Heap accepts events for a wrong one "
            "**without an error**.",
            # Heap gives numbers. Without a digit it is a placeholder: YOUR_APP_ID.
            matches=(
                "[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*",
                "must be that under Manage > Projects in Heap: a number, such as 11",
            ),
        ),
    )
    region: Literal["us", "eu"] = option("us", "Data region of the app.")
    base_url: str | None = option(
        None,
        "URL of another host, instead of the region's.",
        example="https://heap.example.com",
        filled=True,
    )
    api_key: str | None = option(
        None, "API key of the app. Only deletions need it.", secret=True, filled=True
    )
    deadline: float = option(
        10.0, "Seconds for a batch, including all attempts and pauses.", positive=True
    )
    timeout: float = option(5.0, "Seconds for one exchange.", positive=True)
    max_bytes: int = option(MAX_BYTES, "Bytes of a request body.", positive=True)
    events_a_minute: int | None = option(
        None,
        "Events per minute of the app; by default Heap's limit, 15,000.",
        example=EVENTS_A_MINUTE,
    )
    identity_events_a_minute: int | None = option(
        None,
        "Events per minute of each identity; by default Heap's limit, 1,000.",
        example=IDENTITY_EVENTS_A_MINUTE,
    )
    pacer: Pacer | None = option(
        None,
        "Rate limits that several sinks share, instead of *events_a_minute* and "
        "*identity_events_a_minute*.",
    )
    allow_http: bool = option(False, "Whether *base_url* may be ``http``.")
    trust_env: bool = option(False, "Whether the proxies of the environment are used.")
    clock: Callable[[], float] = option(time.monotonic, "Monotonic seconds.")
    now: Callable[[], float] = option(
        time.time, "UTC epoch seconds, for dates in ``Retry-After``."
    )
    random: Callable[[], float] = option(
        random.random, "Numbers from 0 to 1, for jitter."
    )


def check_together(options: HeapOptions) -> None:
    """Raise a `ValueError` that begins with the name of an option without effect."""
    fields = attrs.fields(HeapOptions)
    if options.base_url is None:
        if options.allow_http:
            raise ValueError("allow_http has no effect without base_url")
        for name, most in _HEAPS_LIMITS.items():
            rate = getattr(options, name)
            if options.pacer is None and type(rate) is int and rate > most:
                raise ValueError(f"{name} is over Heap's limit, {most:,}")
    elif options.region != fields.region.default:
        raise ValueError("region has no effect beside base_url: remove one of them")
    if options.timeout != fields.timeout.default and options.timeout > options.deadline:
        raise ValueError("timeout has no effect, because it is over the deadline")


_HEAPS_LIMITS: Final = {
    "events_a_minute": EVENTS_A_MINUTE,
    "identity_events_a_minute": IDENTITY_EVENTS_A_MINUTE,
}
