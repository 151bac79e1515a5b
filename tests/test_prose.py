"""The documentation is in plain English, with the terms of the glossary."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

MOST_WORDS: Final = 25

BANNED: Final = {
    r"(?i)(?<!there )\b(is|are|was|were) no\b(?! (longer|more|\w+er than)\b)": (
        "is not a"
    ),
    r"\bif there (is|are) none\b": "if ... is missing",
    r"\b(is|are) told\b|\btold (as|at|apart|by)\b|\btells?\b": "report, send or show",
    r"\b(un)?settle[sd]?\b|\bsettling\b": "decide or process",
    r"\bmend(ed|ing|s)?\b": "fix",
    r"\balone\b": "only",
    r"\bwhom\b": "that",
    r"\bleft out\b|\bleaves? out\b|\bleaving out\b": "skipped, redacted or omitted",
    r"\bgiven? up\b|\bgiving up\b": "dead-lettered, or stop retrying",
    r"\brefus(e|es|ed|al|als|ing)\b": "reject",
    r"\bin hand\b": "in flight",
    r"\bculprits?\b": "rejected index",
    r"\bdegrad(ed|ation|ations)\b": "adjustment",
    r"\bunfamiliar\b|\bunheard\b": "unknown",
    r"\bmisfits?\b|\bunfit\b": "invalid",
    r"\bat a glance\b|\b(short|long) roads?\b": "compiled or generic mapping",
    r"\bdoorkeepers?\b": "authenticator",
    r"\b(?<!alert )(?<!alerting )(?<!recording )rules?\b": "mapper, or option",
    r"\bis treated\b|\bare treated\b": "redacted",
    r"\bfor (they|he|she|we|there|nobody|everybody)\b": "because",
    r", for (it|(the|a|an) \w+ (is|has|would|can|may))\b": "because",
    r"\b(no|without) help\b": "does not help",
    r"\bno matter\b": "whatever",
    r"\bso many words\b|\bso it is\b|\bso it does\b|\bas it is\b": "plain words",
    r"(?i)(behaviour|colour|favour|honour|neighbour|catalogue|centre|licence)": (
        "American spelling"
    ),
    r"(?i)\b(organis|recognis|analys(e|ed|es|ing)\b|summaris|normalis|serialis)\w*": (
        "American spelling"
    ),
    r"(?i)\b(cancell(ed|ing)|labell(ed|ing)|modell(ed|ing)|whilst|amongst|grey)\b": (
        "American spelling"
    ),
    r";.*;": "separate sentences in place of semicolons",
}
"""Patterns that no sentence may contain, and the words to use."""

OPENINGS: Final = re.compile(r"(What|Who|Whose|Which|Where|How) .*[^?]")
"""A sentence that is not a question names its subject first."""


def sentences_of(markdown: str) -> Iterator[tuple[int, str]]:
    """
    Yield the line and the text of each sentence outside headings, tables and code.

    Code is one word, and so is a list of code: ``CODE``.
    """
    tokens = (
        MarkdownIt("commonmark").enable("table").parse(_without_generated(markdown))
    )
    depth = 0
    for before, token in zip([None, *tokens], tokens, strict=False):
        depth += (token.type == "table_open") - (token.type == "table_close")
        is_prose = before is not None and before.type == "paragraph_open"
        if token.type == "inline" and is_prose and not depth:
            text = re.sub(r"CODE(,? (and |or )?CODE)+", "CODE", _text_of(token))
            line = (token.map or [0])[0] + 1
            for sentence in re.split(r"(?<=[.!?])[)\"'*]*\s+(?=[A-Z0-9\"(*])", text):
                yield line, sentence


def _text_of(token: Token) -> str:
    words = {"code_inline": "CODE", "softbreak": " ", "hardbreak": ". "}
    shown = [c for c in token.children or () if c.type not in ("image", "html_inline")]
    return "".join(words.get(c.type, c.content) for c in shown)


def _without_generated(markdown: str) -> str:
    """Blank the parts that are made of docstrings, and keep the numbers of lines."""
    return re.sub(
        r"<!-- begin.*?<!-- end -->",
        lambda found: "\n" * found[0].count("\n"),
        markdown,
        flags=re.DOTALL,
    )


def faults_of(markdown: str) -> Iterator[str]:
    """Yield the line, the fault and the text of each sentence that breaks a rule."""
    for line, sentence in sentences_of(markdown):
        words = len(re.findall(r"[\w'.,/&%+<>=-]*\w[\w'/&%+-]*", sentence))
        if words > MOST_WORDS:
            yield f"{line}: {words} words: {sentence}"
        if OPENINGS.fullmatch(sentence):
            yield f"{line}: begins with a question word: {sentence}"
        for pattern, term in BANNED.items():
            if found := re.search(pattern, sentence):
                yield f"{line}: {found[0]!r}, use {term}: {sentence}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT))
def test_a_page_is_in_plain_english(page: Path) -> None:
    """Sentences are short, and have no word or phrase that has a plainer one."""
    assert [*faults_of(page.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" ".join(["word"] * 26), "26 words"),
        ("A table is no list.", "'is no'"),
        ("It is sent; it is kept; it is counted.", "semicolons"),
        ("- What is sent twice counts once.", "question word"),
        ("Wait, for it\nis slow.", "because"),
        ("Such an event is left out.", "redacted"),
        ("The colour of a chart.", "American"),
    ],
)
def test_a_fault_of_language_is_found(text: str, fault: str) -> None:
    """Each kind of fault is found in paragraphs and lists, across lines."""
    assert [fault in found for found in faults_of(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "| a table |\n| --- |\n| is no sentence |",
        "```text\nis no sentence\n```",
        "# What is no sentence",
        "What is a sink?",
        ", ".join(["`name`"] * 30),
        "<!-- begin -->\nis no sentence\n<!-- end -->",
    ],
)
def test_other_text_is_free(text: str) -> None:
    """Tables, code, headings, questions, lists of names, generated parts are free."""
    assert [*faults_of(text)] == []
