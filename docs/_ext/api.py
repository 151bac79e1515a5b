"""
The ``api`` directive: the public names of a module, each documented once.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import braze_heap

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
    """
    Return the names that *module* lists, if it lists any.
    """
    return list(getattr(module, "__all__", ()))


def names_to_document(module_name: str) -> list[str]:
    """
    Return the names of a module that no module around it has already.
    """
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


class Api(SphinxDirective):
    """
    Documents a module: its docstring, then its names.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        module = importlib.import_module(name)
        lines = [f".. py:module:: {name}", "", inspect.getdoc(module) or "", ""]
        for public in names_to_document(name):
            lines += _documented(name, public, getattr(module, public))
        text = "\n".join(["```{eval-rst}", *lines, "```"])
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _documented(module: str, name: str, value: object) -> list[str]:
    if inspect.isclass(value):
        error = "exception" if issubclass(value, BaseException) else "class"
        kind, options = error, ["   :members:", "   :inherited-members: object"]
        if issubclass(value, (BaseException, tuple, str, dict)):
            options = ["   :members:"]
    elif inspect.isroutine(value):
        kind, options = "function", []
    else:
        kind, options = "data", ["   :no-value:"]
    return [f".. auto{kind}:: {module}.{name}", *options, ""]


class FrontDoor(SphinxDirective):
    """
    Lists what `braze_heap` itself offers, by the page that documents it.
    """

    def run(self) -> list[nodes.Node]:
        rows = [
            f"| [`{home}`]({_page_of(home)}.md) | {', '.join(names)} |"
            for home, names in sorted(_homes().items())
        ]
        text = "\n".join(["| module | names |", "| --- | --- |", *rows])
        return self.parse_text_to_nodes(text)


def _homes() -> dict[str, list[str]]:
    """
    Return the modules of the public names in ``__init__.pyi``, with their names.
    """
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


def unsigned(
    app: Sphinx, kind: str, name: str, value: object, *rest: object
) -> tuple[str, str] | None:
    """
    Show no signature for what nobody calls: protocols, and words of a vocabulary.
    """
    is_uncalled = kind == "class" and (
        getattr(value, "_is_protocol", False) or issubclass(value, Enum)
    )
    return ("", "") if is_uncalled else None


def with_arguments(
    app: Sphinx, kind: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """
    Add the arguments of a class whose constructor derives from its options.
    """
    init = vars(value).get("__init__") if kind == "class" else None
    if hasattr(init, "__wrapped__"):
        lines += ["", *inspect.cleandoc(init.__doc__ or "").splitlines()]


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Register with Sphinx.
    """
    app.connect("autodoc-process-signature", unsigned)
    # Before napoleon, which reads the section.
    app.connect("autodoc-process-docstring", with_arguments, priority=400)
    app.add_directive("api", Api)
    app.add_directive("front-door", FrontDoor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
