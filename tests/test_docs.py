"""
The documentation keeps its promises: every code block runs.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from tests import decisions

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def run_shell(example: Example) -> None:
    """
    Run those lines of a block that call the command line; the others set things up.
    """
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    for line in example.parsed.splitlines():
        if shlex.split(line, comments=True)[:1] == ["braze-heap"]:
            subprocess.run(
                line, shell=True, check=True, capture_output=True, env=environment
            )


SYBIL = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("sh", run_shell)],
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_block_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The code blocks of a page run one after another, in an empty folder.
    """
    monkeypatch.chdir(tmp_path)
    document: Document = SYBIL.parse(page)

    for example in document.examples():
        example.evaluate()


def test_every_relative_link_leads_somewhere() -> None:
    """
    A link from one page to another file of the project names a file that exists.
    """
    links = [
        (page, target)
        for page in PAGES
        for target in _link_targets(page.read_text())
        if not target.startswith(("http", "#"))
    ]

    assert [
        (page.name, target)
        for page, target in links
        if not (page.parent / target.partition("#")[0]).exists()
    ] == []


def _link_targets(text: str) -> list[str]:
    return [part.partition(")")[0] for part in text.split("](")[1:]]


def test_the_page_of_decisions_is_current() -> None:
    """
    What the documentation says about each type is what the shipped rules do.
    """
    assert decisions.PAGE.read_text() == decisions.page()
