"""Adversarial bodies, each with its expected status."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Final

from tests.receiver.test_contract import batch, click

MIB: Final = 1 << 20
EVENT: Final = json.dumps(click()).encode()


def holding(value: bytes) -> bytes:
    """Return a batch of one event that has a field with this JSON."""
    return b'{"events":[' + EVENT[:-1] + b',"x":' + value + b"}]}"


def text(piece: bytes, size: int = 15 * MIB) -> bytes:
    """Return a batch of one event that has a text of *size* bytes."""
    return holding(b'"' + piece * (size // len(piece)) + b'"')


def listed(element: bytes, number: int) -> bytes:
    """Return a batch of *number* equal events."""
    return b'{"events":[' + b",".join([element] * number) + b"]}"


def many_keys(number: int) -> bytes:
    return b"{" + b",".join(b'"%d":1' % key for key in range(number)) + b"}"


def long_names(number: int) -> list[str]:
    return ["a" * 1100 + str(name) for name in range(number)]


def bomb(piece: bytes, number: int) -> bytes:
    """Return *number* times *piece*, compressed piece by piece."""
    zipper = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(zipper.compress(piece) for _ in range(number)) + zipper.flush()


PLAIN: Final[dict[str, tuple[int, Callable[[], bytes]]]] = {
    "depth of lists": (400, lambda: b"[" * 10**6),
    "depth of objects": (400, lambda: b'{"a":' * 10**6),
    "depth in an event": (400, lambda: holding(b"[" * 10**6 + b"]" * 10**6)),
    "brackets": (400, lambda: b"[" * 8 * MIB + b"]" * 8 * MIB),
    "brackets the wrong way": (400, lambda: b"][" * 8 * MIB),
    "blanks": (200, lambda: b" " * 16 * MIB),
    "blanks over the limit": (400, lambda: b" " * 17 * MIB),
    "9 MB of empty objects": (413, lambda: listed(b"{}", 3 * MIB)),
    "empty objects in one event": (400, lambda: holding(listed(b"{}", 600_000))),
    "commas": (400, lambda: b'{"events":[' + b"," * 16 * MIB),
    "digits": (200, lambda: holding(b"9" * 5001)),
    "15 MB of digits": (200, lambda: holding(b"9" * 15 * MIB)),
    "digits of a float": (200, lambda: holding(b"1." + b"9" * 5001)),
    "exponent": (200, lambda: holding(b"1e999999")),
    "digits of an exponent": (200, lambda: holding(b"-1e-" + b"9" * 5001)),
    "bad UTF-8": (200, lambda: text(b"\xff\xfe\xc0")),
    "UTF-16": (400, lambda: batch(click()).decode().encode("utf-16")),
    "UTF-32": (400, lambda: batch(click()).decode().encode("utf-32")),
    "events twice": (400, lambda: b'{"events":[],"events":[' + EVENT + b"]}"),
    "events escaped": (400, lambda: b'{"events":[],"\\u0065vents":[' + EVENT + b"]}"),
    "events 10^6 times": (400, lambda: b"{" + b'"events":[],' * MIB + b'"x":1}'),
    "backslashes": (200, lambda: text(b"\\\\")),
    "backslashes that never end": (400, lambda: b'{"events":["' + b"\\" * 15 * MIB),
    "backslashes over the limit": (400, lambda: text(b"\\\\", 18 * MIB)),
    "escaped quotes": (200, lambda: text(b'\\"')),
    "escaped quotes over the limit": (400, lambda: text(b'\\"', 18 * MIB)),
    "quotes": (400, lambda: b'"' * (16 * MIB - 1)),
    "escaped letters": (200, lambda: text(b"\\u0065")),
    "half characters": (200, lambda: text(b"\\ud800")),
    "100,000 keys": (200, lambda: holding(many_keys(100_000))),
    "NUL": (200, lambda: text(b"\\u0000")),
    "NUL, bare": (400, lambda: b"\0" * 16 * MIB),
    "forged lines": (200, lambda: batch(click(id="\nERROR", event_type="a\nb"))),
    "1,000 large events": (200, lambda: listed(EVENT[:-1] + b"%14000s}" % b"", 1000)),
    "names that collide when cut": (
        200,
        lambda: holding(
            json.dumps({"a" * 1100 + str(n): 1 for n in range(256)}).encode()
        ),
    ),
}

ZIPPED: Final[dict[str, tuple[int, Callable[[], bytes]]]] = {
    "100 MiB in 100 KiB": (400, lambda: bomb(b"\0" * MIB, 100)),
    "1 GiB in 1 MiB": (400, lambda: bomb(b"\0" * MIB, 1024)),
    "1000:1 of empty objects": (
        413,
        lambda: gzip.compress(b'{"events":[' + b"{}," * 6 * MIB + b"{}]}"),
    ),
    "1000:1 of text": (200, lambda: gzip.compress(text(b"a"))),
    "backslashes that are cut": (
        400,
        lambda: gzip.compress(b'{"events":[{"a":"' + b"\\\\" * 20 * MIB),
    ),
    "100,000 members": (400, lambda: gzip.compress(b"") * 100_000),
    "100 members of blanks": (200, lambda: gzip.compress(b" " * 160_000) * 100),
    "gzip in gzip": (400, lambda: gzip.compress(gzip.compress(b" " * MIB))),
    "a name of 30 MB": (
        400,
        lambda: b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * 30 * MIB,
    ),
    "30 MB of padding": (200, lambda: gzip.compress(b"{}") + b"\0" * 30 * MIB),
}

HEAVY: Final = frozenset(
    {
        "1 GiB in 1 MiB",
        "100,000 members",
        "NUL",
        "a name of 30 MB",
        "backslashes over the limit",
        "backslashes that are cut",
        "backslashes that never end",
        "blanks over the limit",
        "brackets the wrong way",
        "commas",
        "empty objects in one event",
        "escaped letters",
        "escaped quotes",
        "escaped quotes over the limit",
        "events 10^6 times",
        "half characters",
        "names that collide when cut",
        "quotes",
    }
)
"""Bodies tested only in campaigns, because they are slow to build."""
