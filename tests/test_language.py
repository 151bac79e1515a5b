"""
The language of the package: docstrings, messages and texts of options.

A text that breaks a rule is listed with its place and the rule. The rules are those of
plain technical English: no private idiom, short sentences, American spelling.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

import braze_heap
from tests import test_prose

PACKAGE: Final = Path(braze_heap.__file__).parent

OF_PAGES_ONLY: Final = re.compile(r"rules|refus|cancell|;\.\*;|as it is")
"""Phrases that are wrong on pages, but may be terms of Braze or of code here."""

BANNED: Final = {
    **{p: term for p, term in test_prose.BANNED.items() if not OF_PAGES_ONLY.search(p)},
    r"\b(?:is|are|was|were) none\b": "the name of what is missing",
    r"\bof no \w+": "without",
    r"\bwhat (?:became|becomes) of\b": "outcome",
    r"\bhow (?:many|often)\b": "number of",
    r"\bfor (?:ever|good)\b": "forever or permanently",
    r"\bgave up\b|\bgiv(?:e|es|en|ing) away\b|\bours to \w+": "plain words",
    r"\bbut for\b|\bis nothing (?:but|else)\b": "except or only",
    r"\b(?!raising|promising|comprising)\w+(?:nis|lis|mis)(?:ed|ing|ation)\b": (
        "American spelling"
    ),
}
"""Phrase, as a pattern, to the words to use."""

QUESTIONS: Final = frozenset("what who whose whom which where how why".split())
"""Words that open no docstring and no text of an argument."""

THIRD_PERSON: Final = frozenset(
    "returns yields raises reads writes gets makes takes checks parses maps sends"
    " converts adds removes calls tells says gives finds counts".split()
)
"""Words that do not open the docstring of a function, because it is imperative."""

EXEMPT: Final = frozenset(
    """
    mapping/_compiled.py
    """.split()
)
"""Files whose texts are templates of generated code."""

_SECTION: Final = re.compile(
    r"^(?:Args|Attributes|Returns|Raises|Yields):$", re.MULTILINE
)
_ITEM: Final = re.compile(r"^ {4}([*\w., ]+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_CODE: Final = re.compile(r"``[^`]*``|`[^`]*`|\*\*?([^*\s][^*]*)\*\*?|\S*://\S*")
_SENTENCE: Final = re.compile(r"(?<=[.!?:;])\s+|\n\n+|\n\s*(?:\d+\.|[*-]) ")


@attrs.frozen
class Text:
    """
    A text for people.

    Attributes:
        line: Its first line in the file.
        text: Its content, with ``{}`` for what is formatted into it.
        kind: ``function``, ``docstring``, ``option`` or ``message``.
    """

    line: int
    text: str
    kind: str


def texts_in(module: ast.Module) -> Iterator[Text]:
    """Yield the docstrings of *module*, the texts of its options and its messages."""
    docstrings = set[int]()
    for node in ast.walk(module):
        for before, statement in _statements(node):
            if isinstance(statement, ast.Expr) and (text := _string(statement.value)):
                docstrings.add(id(statement.value))
                is_function = isinstance(before, ast.FunctionDef | ast.AsyncFunctionDef)
                is_property = is_function and any(
                    "property" in ast.unparse(each) for each in before.decorator_list
                )
                kind = "function" if is_function and not is_property else "docstring"
                yield Text(statement.lineno, inspect.cleandoc(text), kind)
    for node in ast.walk(module):
        if id(node) not in docstrings and (text := _string(node)):
            yield Text(node.lineno, text, "message")  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("option", "doc"):
            position = 1 if ast.unparse(node.func) == "option" else 0
            if len(node.args) > position and (text := _string(node.args[position])):
                yield Text(node.lineno, text, "option")


def _statements(node: ast.AST) -> Iterator[tuple[ast.AST, ast.stmt]]:
    for block in ("body", "orelse", "finalbody"):
        found = getattr(node, block, ())
        yield from ((node, each) for each in (found if isinstance(found, list) else ()))


def _string(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_string(part) or "{}" for part in node.values)
    return ""


def items_of(docstring: str) -> dict[str, str]:
    """Return the text of each argument, attribute and exception, by name."""
    return {
        name: text
        for part in _SECTION.split(docstring)[1:]
        for name, text in _ITEM.findall(part)
    }


def sentences_of(docstring: str) -> Iterator[str]:
    """Yield the sentences of *docstring*, without code, tables and examples."""
    lines = [
        line
        for line in docstring.splitlines()
        if not line.lstrip().startswith((">>>", "...", "|", "::"))
    ]
    prose = re.sub(r"::\n\n(?: {4}.*\n|\n)+", "\n\n", "\n".join(lines) + "\n")
    prose = _SECTION.sub("\n", prose)
    prose = re.sub(r"^ {4}[*\w., ]+: ", "\n\n", prose, flags=re.MULTILINE)
    yield from _SENTENCE.split(_CODE.sub("code", prose))


def flaws_of(text: Text) -> Iterator[str]:
    """Yield the rules that *text* breaks."""
    plain = _CODE.sub("code", " ".join(text.text.split()))
    if text.kind != "message" or " " in text.text.strip():
        for phrase, term in BANNED.items():
            if found := re.search(phrase, plain, re.IGNORECASE):
                yield f"{found[0]!r}: use {term}"
    if text.kind == "message":
        return
    items = items_of(text.text) if text.kind != "option" else {"": text.text}
    openings = {"the docstring": text.text, **items}
    for name, opening in openings.items():
        first = re.split(r"[^\w'-]", opening, maxsplit=1)[0].lower()
        if first in QUESTIONS:
            yield f"{name or 'the option'} opens with {first!r}"
    first = text.text.partition(" ")[0].lower()
    if text.kind == "function" and first in THIRD_PERSON:
        yield f"opens with {first!r}: use the imperative"
    for sentence in sentences_of(text.text):
        if (
            words := len(re.findall(r"[^\W_][\w'-]*", sentence))
        ) > test_prose.MOST_WORDS:
            start = " ".join(sentence.split()[:6])
            yield f"a sentence of {words} words: {start}..."


def flaws_in(path: str) -> set[str]:
    """Return the broken rules of the file *path*, with their lines."""
    module = ast.parse((PACKAGE / path).read_text("utf-8"))
    return {
        f"{path}:{text.line}: {flaw}"
        for text in texts_in(module)
        for flaw in flaws_of(text)
    }


PATHS: Final = sorted(str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in PATHS if path not in EXEMPT])
def test_texts_are_plain_english(path: str) -> None:
    """No docstring, message or option text of a module breaks a rule."""
    assert flaws_in(path) == set()


@pytest.mark.parametrize("path", sorted(EXEMPT))
def test_exemptions_are_needed(path: str) -> None:
    """A file that follows the rules is not in the list of exemptions."""
    assert flaws_in(path) != set()


@pytest.mark.parametrize(
    ("code", "flaw"),
    [
        ('"""How it works."""', "opens with 'how'"),
        ('def f():\n    """Returns it."""', "use the imperative"),
        ('"""\nIt.\n\nArgs:\n    name: Whose.\n"""', "name opens with 'whose'"),
        ('raise ValueError(f"{x} is no number")', "use is not a"),
        ('x = 1\n"""It is told."""', "use report"),
        ('x: int = option(1, "How many there are.")', "opens with 'how'"),
        ('"""Wait, for it is late."""', "use because"),
        ('"""Normalise the colour."""', "use American spelling"),
        ('"""' + "word " * 26 + '."""', "a sentence of 26 words"),
    ],
)
def test_each_rule_is_enforced(code: str, flaw: str) -> None:
    """Each rule finds a text that breaks it."""
    found = [each for text in texts_in(ast.parse(code)) for each in flaws_of(text)]

    assert any(flaw in each for each in found)
