"""Options of the Heap sinks."""

import random
import time
from collections.abc import Callable
from typing import Literal

import attrs

from braze_heap._options import doc, documented, option
from braze_heap.heap._bulk import MAX_BYTES
from braze_heap.heap._pacing import Pacer


@documented
@attrs.frozen(kw_only=True)
class HeapOptions:
    """Arguments that both Heap sinks take."""

    app_id: str = attrs.field(
        kw_only=False,
        metadata=doc(
            "App id of your Heap environment. Heap accepts events for a wrong one "
            "**without an error**."
        ),
    )
    region: Literal["us", "eu"] = option("us", "Data region of the app.")
    base_url: str | None = option(
        None, "URL of another host, instead of the region's.", filled=True
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
        None, "Events per minute of the app; by default Heap's limit, 15,000."
    )
    identity_events_a_minute: int | None = option(
        None, "Events per minute of each identity; by default Heap's limit, 1,000."
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
