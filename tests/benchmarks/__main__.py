"""
``python -m tests.benchmarks`` measures, prints Markdown tables, and writes
``docs/explanation/speed.json`` and ``speed.svg`` beside it. With ``--check`` it only
compares what the ways give; with the name of a file, it measures the request body in
there.
"""

import functools
import io
import json
import platform
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import braze_heap as bh
from braze_heap import _json
from braze_heap.cli._inputs import FEW, batches
from braze_heap.cli._output import write_calls
from braze_heap.receiver import Receiver, Request
from braze_heap.sinks import Receipt
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent
from tests.benchmarks import contenders
from tests.benchmarks.batches import KINDS, body
from tests.benchmarks.chart import chart
from tests.benchmarks.contenders import ORJSON, STDLIB, Library, Way
from tests.benchmarks.measuring import Step, cpu_seconds, ratios

ROUNDS = 40
TOKEN = "t" * 20
BODIES = [body(seed) for seed in range(10)]
PAGES = Path(__file__).parents[2] / "docs/explanation"


@contextmanager
def reading_with(library: Library) -> Iterator[None]:
    """Let braze_heap use *library*."""
    before = _json._fast
    _json._fast = before if library is ORJSON else None
    try:
        yield
    finally:
        _json._fast = before


def with_library(way: Way, library: Library) -> Way:
    """Return *way* of ours as it is where only *library* is installed."""

    def chosen(given: bytes) -> bytes:
        with reading_with(library):
            return way(given)

    return chosen


def ways() -> dict[str, Way]:
    """Return every way by its name."""
    ours = contenders.ours(bh.Transformer())
    answers = {given: json.loads(ours(given)) for given in BODIES}
    named: dict[str, Way] = {}
    for library in (STDLIB, ORJSON):
        tuned = functools.partial(contenders.hand_tuned, library=library)
        loop = functools.partial(contenders.untyped, library=library)
        for label, way in (
            ("reading and writing alone", contenders.floor(answers, library)),
            ("tuned by hand", tuned),
            ("ordinary loop", loop),
            ("braze_heap", with_library(ours, library)),
            ("pydantic", functools.partial(contenders.by_pydantic, library=library)),
            ("cattrs", functools.partial(contenders.naive_cattrs, library=library)),
        ):
            named[f"{label}, {library.name}"] = way
    named["msgspec, msgspec"] = contenders.by_msgspec
    return named


def check(named: dict[str, Way]) -> None:
    """Raise if two ways give different events for a batch."""
    expected = None
    for name, way in named.items():
        given = [json.loads(way(b)) for b in BODIES]
        expected = expected or given
        for theirs, ours in zip(given, expected, strict=True):
            for one, other in zip(theirs["events"], ours["events"], strict=True):
                if one != other:
                    raise AssertionError(f"{name}: {one} is not {other}")


def whole_path(named: dict[str, Way]) -> dict[str, Any]:
    """Return the cost of each way, from bytes to bytes."""
    steps: dict[str, Step] = {"json.loads": lambda n: json.loads(BODIES[n % 10])}
    for name, way in named.items():
        steps[name] = lambda n, way=way: way(BODIES[n % 10])  # type: ignore[misc]
    return table(steps)


def table(steps: dict[str, Step], events: int = 100) -> dict[str, Any]:
    """
    Return ratios to ``json.loads`` and the least microseconds of CPU time an event.
    """
    seconds = cpu_seconds(steps, ROUNDS)
    by_name = ratios(seconds, "json.loads")
    return {
        name: {"ratio": round(r, 2), "us": round(min(seconds[name]) / events * 1e6, 2)}
        for name, r in by_name.items()
    }


def parts(bodies: list[bytes]) -> dict[str, Any]:
    """Return what the parts of the way cost where they are used alone."""
    transform = bh.Transformer().transform
    way = contenders.ours(bh.Transformer())
    slow_way = with_library(way, STDLIB)
    decoded = [json.loads(b)["events"] for b in bodies]
    count = len(bodies)
    return table(
        {
            "json.loads": lambda n: json.loads(bodies[n % count]),
            "decoded event → typed event": lambda n: [
                bh.parse_event(event) for event in decoded[n % count]
            ],
            "decoded batch → calls": lambda n: transform(decoded[n % count]),
            "decoded, one event a call": lambda n: [
                transform(event) for event in decoded[n % count]
            ],
            "bytes → calls": lambda n: transform(bodies[n % count]),
            "bytes → bytes": lambda n: way(bodies[n % count]),
            "bytes → bytes, json": lambda n: slow_way(bodies[n % count]),
        },
        len(decoded[0]),
    )


class WritingSink:
    """A sink that writes each call, as the steps beside it do, and keeps nothing."""

    def send(self, calls: Sequence[bh.Call]) -> Receipt:
        written(calls)
        return Receipt(len(calls))

    def close(self) -> None: ...


def written(calls: Sequence[bh.Call]) -> bytes:
    """Return *calls* as JSON lines."""
    file = io.BytesIO()
    write_calls(file, calls)
    return file.getvalue()


def in_lines(data: bytes) -> None:
    """Transform JSON lines as ``braze-heap transform`` does in one job."""
    for batch in batches(bh.read_events(data), number=FEW):
        written(transform(batch).calls)


transform = bh.Transformer().transform


def inputs() -> dict[str, Any]:
    """Return what events cost that do not come as a body of 100."""
    pipeline = bh.Pipeline(bh.Transformer(), WritingSink(), bh.DISCARD)
    handle = Receiver(pipeline, TOKEN).handle
    headers = [("authorization", f"Bearer {TOKEN}")]
    requests = [Request("POST", headers, body) for body in BODIES]
    decoded = [json.loads(body)["events"] for body in BODIES]
    events = [event for batch in decoded for event in batch]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    long = json.dumps({"events": events}).encode()
    records = [
        RawEvent(make_raw(event["event_type"], form="storage"), event["event_type"])
        for event in decoded[0]
    ]
    for number, record in enumerate(records):
        record.value["id"] = f"{number:032x}"

    def calls_of(number: int) -> list[bh.Call]:
        return transform(BODIES[number % 10]).calls

    steps: dict[str, tuple[int, Step]] = {
        "json.loads": (10, lambda n: json.loads(BODIES[n % 10])),
        "bytes → calls, written": (10, lambda n: written(calls_of(n))),
        "Receiver.handle, calls written": (10, lambda n: handle(requests[n % 10])),
        "body of 1,000 events → calls": (1, lambda _: transform(long)),
        "read_events of JSON lines": (1, lambda _: [*bh.read_events(lines)]),
        "JSON lines → lines of calls": (1, lambda _: in_lines(lines)),
        "storage records → calls": (10, lambda _: transform(records)),
    }

    def repeated(times: int, step: Step) -> Step:
        return lambda number: [step(number + n) and None for n in range(times)]

    return table({name: repeated(*step) for name, step in steps.items()}, 1_000)


def kinds() -> dict[str, Any]:
    """
    Return what other kinds of batches cost, each in ratio to its own ``json.loads``.
    """
    way = contenders.ours(bh.Transformer())
    found = {}
    for kind in KINDS:
        bodies = [body(seed, kind) for seed in range(10)]
        steps: dict[str, Step] = {
            "json.loads": lambda n, b=bodies: json.loads(b[n % 10]),  # type: ignore[misc]
            "bytes → bytes": lambda n, b=bodies: way(b[n % 10]),  # type: ignore[misc]
        }
        size = sum(map(len, bodies)) // 1000
        found[f"{kind}, {size} bytes an event"] = table(steps)["bytes → bytes"]
    return found


EVENT = json.dumps(
    {
        "event_type": "users.messages.email.Click",
        "id": "1",
        "time": 1763900000,
        "user": {"external_user_id": "a"},
        "properties": {},
    }
)
STARTS = {
    "import cattrs": ("", "import cattrs"),
    "import braze_heap": ("", "import braze_heap"),
    "first Transformer()": ("import braze_heap", "braze_heap.Transformer()"),
    "first event of a family": (
        f"import braze_heap; t = braze_heap.Transformer(); e = {EVENT}",
        "t.transform(e)",
    ),
}


def starts() -> dict[str, float]:
    """
    Return the milliseconds of CPU time that beginnings take, the best of 7 processes.
    """
    found = {}
    for name, (before, code) in STARTS.items():
        script = (
            f"import time; {before or 'pass'}\ns = time.thread_time(); {code}\n"
            "print(time.thread_time() - s)"
        )
        runs = [
            float(subprocess.check_output([sys.executable, "-c", script]))
            for _ in range(7)
        ]
        found[name] = round(min(runs) * 1000, 1)
    return found


def memory() -> dict[str, int]:
    """Return the bytes that an event keeps, decoded, typed and as a call."""
    transform = bh.Transformer().transform
    transform(BODIES[0])
    batch = json.loads(BODIES[1])
    made: dict[str, Callable[[], Any]] = {
        "decoded": lambda: json.loads(BODIES[1]),
        "typed, beside its decoded values": lambda: [
            bh.parse_event(event) for event in batch["events"]
        ],
        "calls, beside their decoded values": lambda: transform(batch).calls,
    }
    return {name: _kept(make) // 100 for name, make in made.items()}


def _kept(make: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        kept = make()
        size, _ = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return size


def throughput(seconds: float) -> int:
    """
    Return the events a second of the clock that one process turns from bytes to bytes.
    """
    way = contenders.ours(bh.Transformer())
    way(BODIES[0])
    batches = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        way(BODIES[batches % 10])
        batches += 1
    return round(batches * 100 / seconds)


def processes() -> dict[str, int]:
    """Return the throughput of one process, and of two at once."""
    with ProcessPoolExecutor(2) as pool:
        alone = pool.submit(throughput, 2.0).result()
        two = sum(pool.map(throughput, [2.0, 2.0]))
    return {"one process": alone, "two processes": two}


def markdown(results: dict[str, Any]) -> str:
    """Return the tables of *results*."""
    return "\n\n".join(_table(title, costs) for title, costs in results.items()) + "\n"


def _table(title: str, costs: dict[str, Any]) -> str:
    if any(isinstance(cost, dict) for cost in costs.values()):
        head = f"| {title} | ratio to `json.loads` | µs an event |\n| --- | --- | --- |"
        rows = [
            f"| {name} | {cost['ratio']:.2f} | {cost['us']:.1f} |"
            for name, cost in costs.items()
        ]
    else:
        head = f"| {title} | |\n| --- | --- |"
        rows = [f"| {name} | {value:,} |" for name, value in costs.items()]
    return "\n".join([head, *rows])


def main() -> None:
    """Measure what the command line asks for."""
    files = [arg for arg in sys.argv[1:] if arg != "--check"]
    if files:
        print(markdown({"parts": parts([Path(name).read_bytes() for name in files])}))
        return
    named = ways()
    check(named)
    if "--check" in sys.argv:
        return
    results = {
        "whole path": whole_path(named),
        "parts": parts(BODIES),
        "kinds of batches": kinds(),
        "other ways in": inputs(),
        "starts, ms": starts(),
        "bytes an event": memory(),
        "events a second": processes(),
    }
    print(markdown(results))
    machine = f"CPython {platform.python_version()}, {platform.machine()}"
    text = json.dumps({"machine": machine, **results}, indent=1, ensure_ascii=False)
    (PAGES / "speed.json").write_text(f"{text}\n", "utf-8")
    (PAGES / "speed.svg").write_text(chart(results["whole path"]), "utf-8")


if __name__ == "__main__":
    main()
