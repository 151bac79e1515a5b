"""The whole way, played: what it says is what happened."""

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from braze_heap.cli import _demo
from braze_heap.cli._app import app
from braze_heap.cli._progress import RunProgress
from braze_heap.testing import FakeHeap
from tests.cli.conftest import MAIN, Run, start

SHORT = "from braze_heap.cli import _demo; _demo.NUMBER = 150"


@pytest.fixture(scope="module")
def shown() -> Result:
    """Run the demo once, and let several tests look at it."""
    return CliRunner().invoke(app, ["demo"], prog_name="braze-heap")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it an hour of a smaller shop."""
    monkeypatch.setattr(_demo, "NUMBER", 150)


def test_demo_shows_the_whole_way(shown: Result) -> None:
    """A person sees the story, what Heap holds, and that it adds up."""
    assert shown.exit_code == 0
    for part in (
        "Braze checks endpoint and token",
        "12:20  Heap is down.",
        "12:25  Heap is back.",
        "An answer gets lost",
        "goes to the dead letter.",
        "In Heap: 985 events of",
        "a type newer than this version",
        '"event": "Braze Custom Added To Cart"',
        "OK: Braze would treat every event as delivered.",
        "985 events, each once:",
        "985 in Heap + 12 skipped (no_identity) + 3 in the dead letter",
        "Every event is in exactly one place.",
        "Next steps",
    ):
        assert part in shown.stdout


def test_demo_shows_what_really_happened(shown: Result) -> None:
    """The fates add up to what was received, and there were repeats and refusals."""
    counts = re.search(
        r"endpoint +([\d,]+) events = ([\d,]+) delivered \+ (\d+) skipped \+ (\d+) d",
        shown.stdout,
    )
    assert counts
    received, *fates = [int(count.replace(",", "")) for count in counts.groups()]

    assert received == sum(fates) > 1_000
    assert re.search(r"  200 +\d+\n  503 +\d+\n  \d+ answers discarded", shown.stdout)


def test_demo_shows_no_personal_value(shown: Result) -> None:
    """The events in Heap are without the addresses that the events have."""
    assert "@example.com" not in shown.stdout


@pytest.mark.usefixtures("short")
def test_demo_is_the_same_for_the_same_seed(run: Run) -> None:
    """Only how long it took differs; another seed is another hour."""
    one, same, other = (run("demo", "--seed", seed) for seed in (7, 7, 8))

    assert untimed(one.stdout) == untimed(same.stdout) != untimed(other.stdout)


def untimed(text: str) -> str:
    """Return *text* without the seconds that it took."""
    return re.sub(r"in [\d.]+ s\n", "", text)


def test_demo_has_no_colour_where_it_is_piped(shown: Result) -> None:
    """The demo reads well in a log."""
    assert "\x1b" not in shown.stdout


@pytest.mark.slow
def test_demo_works_in_any_encoding_and_leaves_nothing(tmp_path: Path) -> None:
    """A terminal that knows ASCII alone gets the demo too; its files are gone."""
    environ = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "TMPDIR": str(tmp_path)}
    process = start("demo", code=f"{SHORT}; {MAIN}", env=environ)

    stdout, stderr = process.communicate(timeout=120)

    assert (process.returncode, stderr) == (0, b"")
    assert stdout.isascii()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("short")
def test_demo_tells_when_it_does_not_add_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event less in Heap is exit status 1."""
    held = FakeHeap.events.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(
        FakeHeap, "events", property(lambda heap: dict([*held(heap).items()][1:]))
    )

    result = run("demo")

    assert result.exit_code == 1
    assert "It does NOT add up." in result.stdout


def test_demo_at_a_terminal_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it takes its time: an hour in seconds."""
    slept: list[float] = []
    monkeypatch.setattr(_demo.time, "sleep", slept.append)

    _demo._Hour(RunProgress(), 600).sleep(60)

    assert slept == [0.1]


def test_demo_without_its_extra_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of advice, and exit status 2."""
    monkeypatch.setitem(sys.modules, "httpx2", None)

    result = run("demo")

    advice = "Error: the demo needs an extra: pip install 'braze_heap[server]'\n"
    assert (result.exit_code, result.output) == (2, advice)
