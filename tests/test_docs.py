"""The documentation keeps its promises: every code block runs."""

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import re
import shlex
import sqlite3
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

import braze_heap as bh
from braze_heap import exceptions
from braze_heap.cli._app import app
from braze_heap.heap._encoder import Adjustment
from braze_heap.receiver import Response, _http
from tests import catalog_page, mappings_page, reference_pages, wire_forms_page
from tests.support import REGENERATE

ROOT = Path(__file__).parents[1]
FIRST = ROOT / "docs" / "index.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def run_python(example: Example) -> None:
    """Run a block, or write it to the file that its first line names."""
    name = re.match(r"# (\w+\.py)\n", example.parsed)
    if name:
        Path(name[1]).write_text(example.parsed, encoding="utf-8")
    else:
        PythonEvaluator()(example)


def run_shell(example: Example) -> None:
    """
    Run those lines of a block that call the command line or pytest.

    The others set things up. A line that needs no shell runs in this process.
    """
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    for line in example.parsed.splitlines():
        if line.startswith("braze-heap ") and not re.search(r"[|&;<>$*\\]", line):
            _, *words = shlex.split(line, comments=True)
            done = CliRunner().invoke(app, words, prog_name="braze-heap")
            assert done.exit_code == 0, f"{line}\n{done.output}"
        elif re.match(r"braze-heap |python (-m pytest|\w+\.py)\b", line):
            subprocess.run(
                line, shell=True, check=True, capture_output=True, env=environment
            )


SYBIL = Sybil(
    parsers=[
        CodeBlockParser("python", run_python),
        CodeBlockParser("sh", run_shell),
    ],
)


SLOW = {
    "add-a-currents-release.md",
    "command-line.md",
    "detect-schema-drift.md",
    "share-the-rate-limit.md",
    "tracking-plan.md",
    "tutorial.md",
}
"""Pages whose code takes seconds, because it starts services or makes plans."""

NEEDS = {"share-state.md": "sqlalchemy"}
"""Packages of the extra ``engines`` that the code of a page needs."""

ENGINES = {"query-calls.md", "send-from-engines.md", "transform-with-spark.md"}
"""Pages whose code needs Spark and others: ``python -m tests.engines``."""


def _marks_of(page: Path) -> list[pytest.MarkDecorator]:
    if page.name in ENGINES:
        is_missing = importlib.util.find_spec("pyspark") is None
        skip = pytest.mark.skipif(is_missing, reason="see python -m tests.engines")
        return [pytest.mark.engines, skip, pytest.mark.filterwarnings("ignore")]
    return [pytest.mark.slow] if page.name in SLOW else []


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=_marks_of(p), id=p.name)
        for p in PAGES
        if re.search(r"^```(python|sh)$", p.read_text("utf-8"), re.MULTILINE)
    ],
)
def test_every_code_block_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code blocks of a page run one after another, in an empty folder."""
    if needed := NEEDS.get(page.name):
        pytest.importorskip(needed, reason="needs the extra engines")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    document: Document = SYBIL.parse(page)

    for example in document.examples():
        example.evaluate()

    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)
    if page.name in ENGINES and "pyspark" in sys.modules:
        _end_spark()
    close_databases()


def _end_spark() -> None:
    """End Java, which stays in the folder of the page that started it."""
    from pyspark import SparkContext

    if SparkContext._gateway:
        SparkContext._gateway.shutdown()
        SparkContext._gateway.proc.stdin.close()
        SparkContext._gateway = SparkContext._jvm = None


def close_databases() -> None:
    """Close what a page leaves open, because Python 3.13 warns of it."""
    for each in gc.get_objects():
        if issubclass(type(each), sqlite3.Connection):  # lazy objects stay so
            with contextlib.suppress(sqlite3.ProgrammingError):  # of another thread
                each.close()


def test_every_relative_link_leads_somewhere() -> None:
    """A link to another file of the project, or to a heading of it, is not dead."""
    links = [
        (page, *target.partition("#")[::2])
        for page in PAGES
        for target in _link_targets(page.read_text("utf-8"))
        if not target.startswith("http")
    ]

    assert [
        (page.name, path, heading)
        for page, path, heading in links
        if not (page.parent / path).exists()
        or (heading and heading not in _anchors(page.parent / path if path else page))
    ] == []


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub and Sphinx make of the headings of *page*."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}


def _link_targets(text: str) -> list[str]:
    return [part.partition(")")[0] for part in text.split("](")[1:]]


def test_the_readme_counts_the_event_types() -> None:
    """The one number in prose that each Currents release changes."""
    assert f"each of the {len(bh.EVENT_TYPES)} event types" in PAGES[0].read_text(
        "utf-8"
    )


def test_the_page_of_decisions_is_current() -> None:
    """What the documentation says about each type is what the shipped rules do."""
    assert mappings_page.PAGE.read_text("utf-8") == mappings_page.page(), REGENERATE


def test_the_page_of_the_catalog_is_current() -> None:
    """The page has the category, channel and action of every event type."""
    assert catalog_page.PAGE.read_text("utf-8") == catalog_page.page(), REGENERATE


def test_the_page_of_the_wire_forms_is_current() -> None:
    """The page has every property that only one wire form has."""
    assert wire_forms_page.PAGE.read_text("utf-8") == wire_forms_page.page(), REGENERATE


def test_the_page_of_the_commands_has_every_command() -> None:
    """The table has each command of `braze-heap --help`."""
    page = (ROOT / "docs/reference/command-line.md").read_text("utf-8")
    named = re.findall(r"^\| `braze-heap ([\w-]+)", page, re.MULTILINE)

    assert sorted(named) == app.list_commands(click.Context(app))


@pytest.mark.parametrize("page", reference_pages.PAGES, ids=lambda page: page.name)
def test_the_reference_in_the_repository_is_current(page: Path) -> None:
    """Its pages have the signatures, docstrings and options of today, as Markdown."""
    text = page.read_text("utf-8")

    assert text == reference_pages.with_texts(text), REGENERATE
    directives = set(re.findall(r"```\{([\w-]+)", text)) - {"toctree"}
    assert directives == set(), "write `<!-- begin {...} ... -->` and `<!-- end -->`"


def test_the_reference_shows_the_defaults_of_classes() -> None:
    """Of what a program calls; a default that is long or internal is shortened."""
    page = (ROOT / "docs/reference/api/transformer.md").read_text("utf-8")

    assert "`Transformer(mappers=..., *, include=()" in page
    assert "url_parameters=('utm_*',)" in page
    assert "suppress=None" in page


def test_the_first_page_shows_what_happens() -> None:
    """The event and the call of the first page are what the library does."""
    blocks = re.findall(r"```json\n(.*?)```", FIRST.read_text("utf-8"), re.DOTALL)
    event, call = map(json.loads, blocks)
    (made,) = bh.Transformer().transform(event).calls

    assert json.loads(made.to_json()) == call


ERRORS = ROOT / "docs" / "reference" / "errors.md"


def test_every_reason_and_status_says_what_to_do() -> None:
    """
    The page of errors has every reason of a report, and every status of a receiver.
    """
    page = ERRORS.read_text("utf-8")
    constants = [a for a in vars(_http).values() if isinstance(a, Response)]
    answers = [
        *constants,
        _http.retry_later(),
        _http.retry_later(is_throttled=True),
    ]
    words = {f"`{word}`" for word in (*bh.Reason, *bh.SkipReason, *Adjustment)}

    assert {word for word in words if word not in page} == set()
    assert {str(a.status) for a in answers if str(a.status) not in page} == set()


def test_every_exception_says_where_to_import_it_from() -> None:
    """The page of errors has a module that offers each exception it names."""
    row = re.compile(r"^\| `(\w+)` \| `(braze_heap[\w.]*)`", re.MULTILINE)
    rows = dict(row.findall(ERRORS.read_text("utf-8")))
    offered = {
        name: name in importlib.import_module(module).__all__
        for name, module in rows.items()
    }

    assert [name for name, is_there in offered.items() if not is_there] == []
    assert {*exceptions.__all__} <= {*rows}


needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("furo") is None,
    reason="needs the extra docs: pip install -e '.[test,docs]'",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages once, as `docs/contributing.md` says; any warning is an error."""
    folder = tmp_path_factory.mktemp("html")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    subprocess.run(
        [*command, "-d", f"{folder}/trees", f"{ROOT}/docs", f"{folder}/html"],
        check=True,
    )
    return folder / "html"


@needs_sphinx
def test_every_public_name_is_documented_once(built: Path) -> None:
    """Each name in ``__all__`` of each public module has one entry in the reference."""
    entries = Counter(name for name, _ in _entries(built))
    homes = [
        (name, [e for e in entries if e.endswith(f".{name}") and _is(e, value)])
        for name, value in _public_names()
    ]

    assert [(name, found) for name, found in homes if len(found) != 1] == []
    assert [name for name, times in entries.items() if times > 1] == []


@needs_sphinx
@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("backfill", "how-to/backfill"),
        ("consent", "how-to/personal-data"),
        ("funnel", "how-to/analyze-in-heap"),
        ("GDPR", "how-to/delete-a-person"),
        ("message engagement", "how-to/choose-events"),
        ("Spark", "how-to/transform-with-spark"),
        ("two replicas", "how-to/share-state"),
    ],
)
def test_the_search_finds_the_page(built: Path, query: str, page: str) -> None:
    """The index of the search has all words of the query for the page."""
    script = (built / "searchindex.js").read_text("utf-8")
    index = json.loads(script.removeprefix("Search.setIndex(").removesuffix(")"))
    search = importlib.import_module("sphinx.search.en")
    stem = search.SearchEnglish({}).stem
    for word in map(stem, query.split()):
        places = [index[part].get(word, []) for part in ("terms", "titleterms")]
        numbers = [n for p in places for n in (p if isinstance(p, list) else [p])]

        assert page in [index["docnames"][number] for number in numbers]


@needs_sphinx
def test_every_exception_says_what_to_do(built: Path) -> None:
    """The page of errors has every public exception."""
    page = ERRORS.read_text("utf-8")
    names = [name for name, kind in _entries(built) if kind == "py:exception"]

    assert names
    assert [n for n in names if f"`{n.rpartition('.')[2]}`" not in page] == []


def _entries(built: Path) -> Iterator[tuple[str, str]]:
    """Yield what the pages document, each with its kind, from their index."""
    *_, data = (built / "objects.inv").read_bytes().split(b"\n", 4)
    for line in zlib.decompress(data).decode().splitlines():
        name, kind, priority, *_ = line.split(" ")
        is_alias = priority == "-1"
        if kind.startswith("py:") and kind != "py:module" and not is_alias:
            yield name, kind


def _public_names() -> Iterator[tuple[str, object]]:
    for found in pkgutil.walk_packages(bh.__path__, "braze_heap."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            module = importlib.import_module(found.name)
            for name in getattr(module, "__all__", ()):
                yield name, getattr(module, name)
    yield from ((name, getattr(bh, name)) for name in bh.__all__)


def _is(entry: str, value: object) -> bool:
    """Tell whether *entry* is the full name of *value*."""
    module, _, name = entry.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name) is value
    except (ImportError, AttributeError):
        return False
