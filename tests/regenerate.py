"""
Writes anew what follows from the event classes and the shipped rules: ``python -m
tests.regenerate``. Read what it wrote before you commit it.

The names of the classes, for finding and importing them late; the names of personal
data; the pages of the families; the goldens; the page of default mappings.
"""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from braze_heap import events
from braze_heap.events import CurrentsEvent, event_fields

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "braze_heap"
PAGES = ROOT / "docs" / "reference" / "events"

Classes = list[type[CurrentsEvent]]


def classes_of(module: str) -> Classes:
    """
    Return what a module of `braze_heap.events` defines, as its source has it.
    """
    loaded = importlib.import_module(f"{events.__name__}.{module}")
    return [
        value
        for value in vars(loaded).values()
        if inspect.isclass(value) and value.__module__ == loaded.__name__
    ]


def families() -> dict[str, Classes]:
    """
    Return the classes of each family.
    """
    modules = (module.name for module in pkgutil.iter_modules(events.__path__))
    return {
        name: classes_of(name)
        for name in modules
        if name[0] != "_" and name not in ("groups", "unknown")
    }


def is_type(cls: type[CurrentsEvent]) -> bool:
    """
    Tell the class of an event type from what types share.
    """
    return "event_type" in vars(cls)


def index(source: str) -> str:
    """
    Return ``events/_index.py`` with the place of every class.
    """
    types, bases = [], []
    for family, own in families().items():
        names = sorted((c.event_type, c.__name__) for c in own if is_type(c))
        rows = "".join(f'"{t}": {_fitting(t, name)},' for t, name in names)
        types.append(f'"{family}": {{{rows}}},')
        if shared := [f'"{c.__name__}"' for c in own if not is_type(c)]:
            bases.append(f'"{family}": ({", ".join(shared)},),')
    opening = ": Final = MappingProxyType(\n    {\n"
    source = between(source, f"_CLASSES{opening}", "    }\n)\n", types)
    return between(source, f"_BASES{opening}", "    }\n)\n", bases)


def _fitting(event_type: str, name: str) -> str:
    """
    Return *name* in quotes, to stand on a line of its own if it would be too long.
    """
    room = 88 - len(f'            "{event_type}": "",')
    return f'"{name}"' if len(name) <= room else f'("{name}")'


def exports(source: str) -> str:
    """
    Return ``events/__init__.py`` with the names of every class and group.
    """
    groups = [cls.__name__ for cls in classes_of("groups")]
    late = {f: [c.__name__ for c in own] for f, own in families().items()}
    shown = {name for names in (groups, *late.values()) for name in names}
    others = [name for name in events.__all__ if _is_no_class_of_types(name)]
    at_once, unknown = "from braze_heap.events.groups import (\n", ")\nfrom braze_heap"
    source = between(source, at_once, unknown, [f"{', '.join(groups)},"])
    lines = [
        f"    from braze_heap.events.{family} import ({', '.join(names)})"
        for family, names in late.items()
    ]
    source = between(source, "if TYPE_CHECKING:\n", "\n__all__", lines)
    listed = [f"{name!r}," for name in [*others, *shown]]
    return between(source, "__all__ = [\n", "]\n", listed)


def _is_no_class_of_types(name: str) -> bool:
    value = getattr(events, name, None)
    home = getattr(value, "__module__", "")
    is_class = inspect.isclass(value) and issubclass(value, CurrentsEvent)
    return not is_class or home.endswith(("._base", ".unknown"))


def personal_names(source: str) -> str:
    """
    Return ``policies/privacy.py`` with the names that the classes mark.
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
    """
    Return *source* with *lines* as all that stands between *start* and *end*.
    """
    head, found, rest = source.partition(start)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{start!r} ... {end!r} is not there any more")
    body = "".join(f"{line}\n" for line in lines)
    return f"{head}{start}{body}{end}{tail}"


def main() -> None:
    """
    Write them all.
    """
    texts = {
        PACKAGE / "events" / "_index.py": index,
        PACKAGE / "events" / "__init__.py": exports,
        PACKAGE / "policies" / "privacy.py": personal_names,
    }
    for path, written in texts.items():
        path.write_text(written(path.read_text("utf-8")), "utf-8")
    names = [str(path) for path in texts]
    _run("ruff", "check", "-q", "--select=I,RUF022", "--fix", *names)
    _run("ruff", "format", "-q", *names)
    for family in families():
        page = PAGES / f"{family}.md"
        if not page.exists():
            title = family.replace("_", " ").capitalize()
            page.write_text(f"# {title}\n\n```{{event-family}} {family}\n```\n")
    _run("tests.mappers.test_goldens")
    _run("tests.mappings_page")


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
