"""
The names of the package: each class name once, and no word that the glossary replaced.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import braze_heap
from tests.support.for_each import for_each

PACKAGE: Final = Path(braze_heap.__file__).parent

MODULES: Final = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

REPLACED: Final = {
    "about user": "user property",
    "asked for": "a verb",
    "badge": "user property",
    "beyond": "truncated",
    "course": "base",
    "crew": "workers",
    "culprit": "rejected index",
    "degradation": "adjustment",
    "degraded": "adjustments",
    "doorkeeper": "authenticator",
    "fact": "user property",
    "facts": "user properties",
    "given up": "dead-lettered",
    "glance": "compiled mapping",
    "decode_events_fast": "decode fast",
    "heard": "a verb",
    "in hand": "in flight",
    "journal": "log",
    "left out": "redacted or skipped",
    "mend": "fix",
    "mending": "fix",
    "misfit": "invalid",
    "misfits": "invalid",
    "modest": "within limits",
    "news": "unknown, new or findings",
    "patient": "retrying",
    "prober": "probe factory",
    "refused by heap": "rejected by heap",
    "road": "plan",
    "rule": "mapper",
    "rules": "mappers",
    "said": "the value",
    "salt": "variant",
    "says": "the value",
    "settle": "decide, send or apply",
    "settled": "decided, sent or applied",
    "silence": "redirect",
    "suspicion": "isolation",
    "tally": "stats",
    "told": "the value",
    "treated": "redacted",
    "unbroken": "defer",
    "unfamiliar": "unknown",
    "unheard": "broken pipe",
}
"""Word or words of a name that the glossary replaced, and the term to use."""

EXEMPT: Final = {
    "news": re.compile("news_?feed_?card", re.IGNORECASE),  # a channel of Braze
}
"""Names of Braze and Heap that contain a replaced word."""

OTHER_MEANING: Final = {
    "state/_person_search.py": {"suspicion"},  # as in the option --suspected
}
"""Modules that use a replaced word for something else."""


def words_of(name: str) -> str:
    """Return the words of *name* with a space around each: ``is_read``, ``IsRead``."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", " ", name)
    return f" {split.lower().strip()} "


def names_in(module: ast.Module) -> Iterator[str]:
    """
    Yield the names that *module* defines, and its words for other programs.

    These are classes, functions, parameters, attributes and constants; keys of
    dictionaries, values of enums, and names of metrics.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        if isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from _assigned(node)
        if isinstance(node, ast.Dict):
            yield from filter(_is_word, map(_text, node.keys))
        if isinstance(node, ast.Constant) and "braze_heap_" in str(_text(node)):
            yield _text(node)


def _assigned(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    is_enum = isinstance(node, ast.ClassDef) and any(
        "Enum" in ast.unparse(base) for base in node.bases
    )
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = getattr(statement, "targets", [getattr(statement, "target", 0)])
            yield from (each.id for each in targets if isinstance(each, ast.Name))
            if is_enum:
                yield _text(statement.value)


def _text(node: ast.expr | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _is_word(key: str) -> bool:
    return re.fullmatch(r"[a-z_]+", key) is not None


def test_class_names_are_unique() -> None:
    """No two modules define a class of the same name."""
    homes = defaultdict(list)
    for path, module in MODULES.items():
        for node in module.body:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path)

    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


@for_each("path", sorted(MODULES))
def test_names_follow_the_glossary(path: str) -> None:
    """
    No module is named, and no name is made, with a word that the glossary replaced.
    """
    names = {*names_in(MODULES[path]), path.removesuffix(".py")}
    found = {
        f"{name}: use {term!r} in place of {word!r}"
        for name in names
        for word, term in REPLACED.items()
        if f" {word} " in words_of(EXEMPT.get(word, re.compile("$^")).sub("", name))
        and word not in OTHER_MEANING.get(path, ())
    }

    assert found == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [("left_out", " left out "), ("ShortRoad", " short road "), ("_told", " told ")],
)
def test_words_of_a_name_are_found(name: str, words: str) -> None:
    """Words are found in every style of writing a name."""
    assert words_of(name) == words
