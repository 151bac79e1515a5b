"""
The generated parts of the reference, as Markdown, without Sphinx.

``python -m tests.regenerate`` writes them into the pages, so that they can be read in
the repository. The built pages have what the directives of the same names make.
"""

import ast
import dataclasses
import functools
import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, is_typeddict

import attrs

import braze_heap
from braze_heap import events
from braze_heap._options import declaration_of, doc_of, shown_default
from braze_heap.config._tables import TABLES, declared_in, variable_of
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    EventField,
    catalog_entry,
    event_fields,
)
from braze_heap.heap import HeapOptions

_HEAD = ["| field | type | meaning |", "| --- | --- | --- |"]

GENERATED = re.compile(
    r"<!-- begin (\{[\w-]+\}|families) ?(\S*) -->\n.*?<!-- end -->", re.DOTALL
)
"""A generated part of a page: directive, argument."""


def with_texts(page: str) -> str:
    """Return *page* with the text of each generated part."""
    texts = {
        "{api}": api_text,
        "{event-family}": lambda family: "\n\n".join(
            [family_text(family)]
            + [f"## {c.__name__}\n\n{text}" for c, text in family_texts(family).items()]
        ),
        "{event-groups}": lambda _: "\n\n".join(
            f"## {cls.__name__}\n\n{text}" for cls, text in group_texts().items()
        ),
        "{front-door}": lambda _: front_door_text(),
        "{options}": options_text,
        "families": lambda _: families_text(),
    }

    def filled(found: re.Match[str]) -> str:
        try:
            made = texts[found[1]](found[2])
        except ModuleNotFoundError:  # of an extra, such as arrow: keep the text
            return found[0]
        text = re.sub(r"\n{3,}", "\n\n", made.strip())
        start, _, _ = found[0].partition("\n")
        return f"{start}\n\n{text}\n\n<!-- end -->"

    return GENERATED.sub(filled, page)


def with_directives(page: str) -> str:
    """Return *page* with a directive in place of each generated part that has one."""

    def directive(found: re.Match[str]) -> str:
        has_one = found[1].startswith("{")
        return f"```{found[1]} {found[2]}\n```" if has_one else found[0]

    return GENERATED.sub(directive, page)


# Event types


def family_texts(family: str) -> dict[type[CurrentsEvent], str]:
    """Return the text of each event class of a family, event types first."""
    own = _classes_of(_family(family).__name__)
    types = {c: _type_text(c) for c in own if "event_type" in c.__dict__}
    return types | {c: _group_text(c) for c in own if c not in types}


def family_text(family: str) -> str:
    """Return the introduction of a family."""
    return as_markdown(inspect.getdoc(_family(family)))


def families_text() -> str:
    """Return a table of the event types by family."""
    names = sorted({c.__module__.rpartition(".")[2] for c in EVENT_TYPES.values()})
    rows = [
        f"| [{_title(name)}]({name}.md) | "
        + ", ".join(
            f"`{event_type}`"
            for event_type, cls in EVENT_TYPES.items()
            if cls.__module__ == f"braze_heap.events.{name}"
        )
        + " |"
        for name in names
    ]
    return "\n".join(["| family | event types |", "| --- | --- |", *rows])


def _title(family: str) -> str:
    page = Path(__file__).parents[1] / "reference" / "events" / f"{family}.md"
    return page.read_text("utf-8").partition("\n")[0].removeprefix("# ")


def group_texts() -> dict[type[CurrentsEvent], str]:
    """Return the text of each group of fields."""
    return {c: _group_text(c) for c in _classes_of("braze_heap.events.groups")}


def _family(name: str) -> ModuleType:
    return importlib.import_module(f"braze_heap.events.{name}")


def _classes_of(module: str) -> list[type[CurrentsEvent]]:
    named = ((name, getattr(events, name)) for name in events.__all__)
    return [
        value
        for name, value in named
        if inspect.isclass(value) and value.__module__ == module
    ]


def _type_text(cls: type[CurrentsEvent]) -> str:
    bases = ", ".join(
        f"`{b.__name__}`" for b in cls.__bases__ if b is not CurrentsEvent
    )
    told = [
        f"`{cls.event_type}`",
        f"Braze calls it *{cls.display_name}*",
        *_details(cls),
    ]
    fields = event_fields(cls).values()
    rows = [_row(field) for field in fields if field.documented]
    others = ", ".join(f"`{field.name}`" for field in fields if not field.documented)
    return "\n".join(
        [
            f"{' · '.join(told)}\n",
            f"{as_markdown(_without_type(cls))}\n",
            f"Groups: {bases}.\n" if bases else "",
            *_HEAD,
            *rows,
            "",
            f"Can also come over HTTP, undocumented: {others}." if others else "",
        ]
    )


def _details(cls: type[CurrentsEvent]) -> Iterator[str]:
    entry = catalog_entry(cls)
    for name in ("category", "channel", "action"):
        if word := getattr(entry, name):
            yield f"{name} `{word}`"
    if cls.release > 2:
        yield f"since release {cls.release}"
    if cls.status != "current":
        yield f"**{cls.status}**"
    if not cls.http:
        yield "only in storage"
    if not cls.storage:
        yield "only over HTTP"


def _group_text(cls: type[CurrentsEvent]) -> str:
    fields = [f for f in event_fields(cls).values() if f.declared_by is cls]
    rows = [*_HEAD, *map(_row, fields)] if fields else []
    return "\n".join([f"{as_markdown(inspect.getdoc(cls))}\n", *rows, ""])


def _row(field: EventField) -> str:
    marks = ", ".join(_marks(field))
    marked = f" *({marks})*" if marks else ""
    meaning = " ".join(as_markdown(field.doc).split()).replace("|", "\\|")
    return f"| `{field.name}` | {field.kind} | {meaning}{marked} |"


def _marks(field: EventField) -> Iterator[str]:
    if field.personal:
        yield "personal"
    if field.sensitive:
        yield "sensitive"
    if field.since is not None:
        yield f"since release {field.since}"
    if field.deprecated:
        yield "deprecated"
    if not field.http and getattr(field.declared_by, "http", True):
        yield "only in storage"
    if field.storage is None and getattr(field.declared_by, "storage", True):
        yield "only over HTTP"
    if field.storage not in (None, field.name):
        yield f"in storage `{field.storage}`"


def _without_type(cls: type[CurrentsEvent]) -> str:
    """Return the docstring without a paragraph that only repeats the type."""
    told = (inspect.getdoc(cls) or "").split("\n\n")
    return "\n\n".join(p for p in told if p.strip("`") != cls.event_type)


def as_markdown(docstring: str | None) -> str:
    """Return a docstring as Markdown."""
    return re.sub(r"``([^`]+)``", r"`\1`", docstring or "")


# Options


def options_text(name: str) -> str:
    """Return a table of the options of the class *name*."""
    cls = {c.__name__: c for c in _TABLE_OF}[name]
    head = ["| option | default | meaning |", "| --- | --- | --- |"]
    return "\n".join([*head, *option_rows(cls)])


def option_rows(cls: type) -> Iterator[str]:
    """
    Yield a row for each option of *cls* that has a text form, inherited ones last.
    """
    for key, field in declared_in(cls).items():
        is_secret = declaration_of(field).secret
        keys = [f"{key}_env", f"{key}_file"] if is_secret else [key]
        names = [*keys, variable_of(_TABLE_OF[cls], key)]
        name = "<br>".join(f"`{name}`" for name in names)
        default = _default(shown_default(field))
        meaning = as_markdown(doc_of(field)).replace("|", "\\|")
        yield f"| {name} | {default} | {meaning} |"


_TABLE_OF = {**{cls: table for table, cls in TABLES.items()}, HeapOptions: "sink"}
"""Table of the configuration that holds the options of a class."""


def _default(value: object) -> str:
    if value is attrs.NOTHING:
        return "required"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    if value in ("", None, {}):
        return "none"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown!r}`" if shown != shown.strip() else f"`{shown}`"


# Public names

EVENTS = "braze_heap.events"
"""Its event classes have pages of their own."""


def public_modules() -> Iterator[str]:
    """
    Yield the modules that may be imported from, outer ones first.

    The command line is no API, and a family of events is imported from its package.
    """
    yield braze_heap.__name__
    for found in pkgutil.walk_packages(braze_heap.__path__, "braze_heap."):
        parts = found.name.split(".")[1:]
        is_inner = parts[0] in ("cli", "events") and len(parts) > 1
        if parts[0] != "cli" and not is_inner and not any(p[0] == "_" for p in parts):
            yield found.name


def public_names(module: ModuleType) -> list[str]:
    """Return the names that *module* lists, if it lists any."""
    return list(getattr(module, "__all__", ()))


def names_to_document(module_name: str) -> list[str]:
    """Return the names of a module that no module around it has already."""
    parents = module_name.split(".")[1:-1]
    around = [
        importlib.import_module(".".join(["braze_heap", *parents[: end + 1]]))
        for end in range(len(parents))
    ]
    taken = {name for module in around for name in public_names(module)}
    module = importlib.import_module(module_name)
    return [
        name
        for name in public_names(module)
        if name not in taken and not _is_event_class(getattr(module, name))
    ]


def _is_event_class(value: object) -> bool:
    is_event = inspect.isclass(value) and issubclass(value, braze_heap.CurrentsEvent)
    return is_event and value not in (
        braze_heap.CurrentsEvent,
        braze_heap.UnknownEvent,
    )


def front_door_text() -> str:
    """Return a table of what `braze_heap` itself offers, by its page."""
    rows = [
        f"| [`{home}`]({_page_of(home)}.md) | {', '.join(names)} |"
        for home, names in sorted(_homes().items())
    ]
    return "\n".join(["| module | names |", "| --- | --- |", *rows])


def _homes() -> dict[str, list[str]]:
    """Return the modules of the public names in ``__init__.pyi``, with their names."""
    stub = Path(braze_heap.__file__).with_name("__init__.pyi").read_text("utf-8")
    imports = [n for n in ast.parse(stub).body if isinstance(n, ast.ImportFrom)]
    return {
        str(found.module): [f"`{alias.name}`" for alias in found.names]
        for found in imports
        if found.module != "braze_heap"
    }


def _page_of(home: str) -> str:
    parts = home.split(".")
    return "heap" if "heap" in parts else parts[-1]


Definition = tuple[ast.stmt, str]
"""A statement that defines a name, and its docstring."""


def api_text(name: str) -> str:
    """Return the public names of a module, with signatures and docstrings."""
    parts = [_markdown(inspect.getdoc(importlib.import_module(name)))]
    for public in names_to_document(name):
        parts += [f"### {public}", _value_text(name, public)]
    return "\n\n".join(parts)


def _value_text(module: str, name: str) -> str:
    value = getattr(importlib.import_module(module), name)
    node, text = _find(module, name)
    if not inspect.isclass(value):
        return f"{_signature(node)}\n\n{_markdown(text)}"
    init = inspect.cleandoc(value.__init__.__doc__ or "")
    options = init if "Args:" in init and init not in text else ""
    members = [
        f"#### {name}.{member}\n\n{_signature(node)}\n\n{_markdown(text)}"
        for member, (node, text) in _members(value).items()
    ]
    parts = [_call_text(value), _markdown(text), _markdown(options), *members]
    return "\n\n".join(filter(None, parts))


def _call_text(cls: type) -> str:
    """Return the call that makes an instance, with defaults; "" if nobody makes one."""
    is_called = not (getattr(cls, "_is_protocol", False) or issubclass(cls, Enum))
    if not is_called or issubclass(cls, BaseException) or is_typeddict(cls):
        return ""
    arguments = inspect.signature(cls).parameters.values()
    if not arguments:
        return ""
    shown = []
    for each in arguments:
        has_default = each.default is not each.empty
        default = _Default(each.default) if has_default else each.empty
        shown.append(each.replace(annotation=each.empty, default=default))
    return f"`{cls.__name__}{inspect.Signature(shown)}`"


@dataclasses.dataclass(frozen=True)
class _Default:
    """A default value, whose repr is short."""

    value: Any

    def __repr__(self) -> str:
        is_proxy = isinstance(self.value, MappingProxyType)
        text = repr(dict(self.value) if is_proxy else self.value)
        is_short = len(text) < 30 and not text.startswith("<")
        return text if is_short and self.value is not attrs.NOTHING else "..."


def _find(module: str, name: str) -> Definition:
    """Return the definition of *name*, also if *module* imports it."""
    found = _definitions(_tree(module))
    if name in found:
        return found[name]
    for node in ast.walk(ast.Module(_tree(module), [])):
        aliases = node.names if isinstance(node, ast.ImportFrom) and node.module else ()
        names = [alias.name for alias in aliases]
        if name in names or (
            names == ["*"] and name in _definitions(_tree(node.module))
        ):
            return _find(node.module, name)
    raise LookupError(f"{module} does not define {name}")


@functools.cache
def _tree(module: str) -> list[ast.stmt]:
    """Return the statements of a module, of its stub if it has one."""
    path = Path(importlib.import_module(module).__file__ or "")
    stub = path.with_suffix(".pyi")
    return ast.parse((stub if stub.exists() else path).read_text("utf-8")).body


def _definitions(body: list[ast.stmt]) -> dict[str, Definition]:
    """Return the names that the statements of *body* define."""
    found: dict[str, Definition] = {}
    for node, after in itertools.zip_longest(body, body[1:]):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = (node, ast.get_docstring(node) or "")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            is_text = isinstance(after, ast.Expr) and isinstance(
                after.value, ast.Constant
            )
            text = inspect.cleandoc(str(after.value.value)) if is_text else ""
            if isinstance(target, ast.Name):
                found[target.id] = (node, text)
    return found


def _members(cls: type) -> dict[str, Definition]:
    """Return the documented public members of *cls* and of its bases here."""
    found: dict[str, Definition] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("braze_heap."):
            node, _ = _find(base.__module__, base.__name__)
            members = _definitions(node.body) if isinstance(node, ast.ClassDef) else {}
            found |= {n: d for n, d in members.items() if n[0] != "_" and d[1]}
    return found


def _signature(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if any("property" in ast.unparse(each) for each in node.decorator_list):
            return f"`{node.name}: {ast.unparse(node.returns)}`" if node.returns else ""
        start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"`{start} {node.name}({ast.unparse(node.args)}){returns}`"
    return f"`{ast.unparse(node)}`" if len(ast.unparse(node)) < 200 else ""


def _markdown(docstring: str | None) -> str:
    """Return a docstring as Markdown: sections become lists."""
    text = re.sub(r"(?m)::$", ":", as_markdown(docstring))
    return re.sub(r"(?m)^([A-Z][a-z]+):\n((?:(?:    .*)?(?:\n|$))+)", _section, text)


def _section(found: re.Match[str]) -> str:
    body = inspect.cleandoc("\n" + found[2])
    if found[1] in ("Args", "Attributes", "Raises", "Warns"):
        name = r"(?m)^(\*{0,2}\w[\w., ]*)(?: \(.*?\))?: "
        body = re.sub(name, r"- `\1`: ", body)
    return f"**{found[1]}**\n\n{body}\n\n"
