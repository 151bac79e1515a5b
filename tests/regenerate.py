"""
Regenerate everything that follows from the event classes and the shipped mappers:
``python -m tests.regenerate``. Read the changes before you commit them. With
``--check``, name the files that are not current, and change nothing.

The modules of the event classes, the names of personal data, the pages of the
families, the goldens, the released names in Heap, and the pages of the catalog, the
default mappings and the wire forms.
"""

import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from braze_heap import events
from braze_heap.events import CurrentsEvent, event_fields

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "braze_heap"
PAGES = ROOT / "docs" / "reference" / "events"

Classes = list[type[CurrentsEvent]]


def classes_of(module: str) -> Classes:
    """
    Return the classes that a module of `braze_heap.events` defines, in source order.
    """
    loaded = importlib.import_module(f"{events.__name__}.{module}")
    return [
        value
        for value in vars(loaded).values()
        if inspect.isclass(value) and value.__module__ == loaded.__name__
    ]


def families() -> dict[str, Classes]:
    """Return the classes of each family."""
    modules = (module.name for module in pkgutil.iter_modules(events.__path__))
    return {
        name: classes_of(name)
        for name in modules
        if name[0] != "_" and name not in ("groups", "unknown")
    }


def is_type(cls: type[CurrentsEvent]) -> bool:
    """Return whether *cls* is an event type, not a base or group of several."""
    return "event_type" in vars(cls)


def exports(source: str) -> str:
    """Return ``events/__init__.pyi`` with every family and the groups."""
    head = re.split(r"^from braze_heap\.events\.[a-z]", source, flags=re.MULTILINE)[0]
    modules = sorted({*families(), "groups", "unknown"})
    return head + "".join(f"from braze_heap.events.{m} import *\n" for m in modules)


def personal_names(source: str) -> str:
    """
    Return ``policies/privacy.py`` with the names that the classes mark as personal.
    """
    every = [c for own in families().values() for c in own if is_type(c)]
    marked = {
        name
        for cls in every
        for name, field in event_fields(cls).items()
        if field.personal or field.sensitive
    }
    names = " ".join(sorted(marked - {"device_id"}))
    start = 'PERSONAL_NAMES: Final = frozenset(\n    """\n'
    lines = textwrap.wrap(names, 88, initial_indent="    ", subsequent_indent="    ")
    return between(source, start, '    """.split()', lines)


def between(source: str, start: str, end: str, lines: Iterable[str]) -> str:
    """Return *source* with *lines* as the only text between *start* and *end*."""
    head, found, rest = source.partition(start)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{start!r} ... {end!r} is not in the file")
    body = "".join(f"{line}\n" for line in lines)
    return f"{head}{start}{body}{end}{tail}"


def check() -> None:
    """
    Regenerate a copy, and compare.

    Raises:
        SystemExit: Files are not current; the message has their names and the command.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copy(ROOT / "pyproject.toml", copy)
        for name in ("braze_heap", "docs", "tests"):
            ignored = shutil.ignore_patterns("__pycache__", "_build")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        subprocess.run([sys.executable, "-m", "tests.regenerate"], check=True, cwd=copy)
        wrong = [str(path) for path in _files(copy) if _differs(path, copy)]
    if wrong:
        raise SystemExit(
            "not current: {}. Run `python -m tests.regenerate`.".format(
                ", ".join(wrong)
            )
        )


def _files(copy: Path) -> Iterator[Path]:
    found = (p for p in copy.rglob("*") if p.suffix in {".json", ".md", ".py", ".pyi"})
    yield from (path.relative_to(copy) for path in sorted(found))


def _differs(path: Path, copy: Path) -> bool:
    old = ROOT / path
    return not old.exists() or old.read_bytes() != (copy / path).read_bytes()


def main() -> None:
    """Write all files."""
    texts = {
        PACKAGE / "events" / "__init__.pyi": exports,
        PACKAGE / "policies" / "privacy.py": personal_names,
    }
    for path, written in texts.items():
        path.write_text(written(path.read_text("utf-8")), "utf-8")
    names = [str(path) for path in texts]
    _run("ruff", "format", "-q", *names)
    for family in families():
        page = PAGES / f"{family}.md"
        if not page.exists():
            title = family.replace("_", " ").capitalize()
            part = f"<!-- begin {{event-family}} {family} -->\n<!-- end -->"
            page.write_text(f"# {title}\n\n{part}\n", "utf-8")
    _run("tests.mappers.test_goldens")
    _run("tests.catalog_page")
    _run("tests.mappings_page")
    _run("tests.wire_forms_page")
    _run("tests.reference_pages")
    _run("tests.plan.test_versions")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    check() if sys.argv[1:] == ["--check"] else main()
