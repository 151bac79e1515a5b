"""The ``api`` directive: the public names of a module, each documented once."""

import importlib
import inspect
import re
from enum import Enum

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from _ext.texts import front_door_text, names_to_document, with_directives


class Api(SphinxDirective):
    """Documents a module: its docstring, then its names."""

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
    """Lists what `braze_heap` itself offers, by the page that documents it."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(front_door_text())


def signature_of(
    app: Sphinx,
    kind: str,
    name: str,
    value: object,
    options: object,
    arguments: str | None,
    returned: str | None,
) -> tuple[str, str] | None:
    """
    Show no signature for classes that nobody calls: protocols and enums.

    Show default values of attrs classes, in place of the source that attrs generates.
    """
    if kind not in ("class", "exception"):
        return None
    if getattr(value, "_is_protocol", False) or issubclass(value, Enum):
        return "", ""
    if "attr_dict[" not in (arguments or ""):
        return None
    function = inspect.unwrap(value.__init__)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    values = dict(zip(names[::-1], defaults[::-1], strict=False))
    values |= function.__kwdefaults__ or {}

    def default(found: re.Match[str]) -> str:
        text = getattr(values[found[1]], "__name__", repr(values[found[1]]))
        return text if len(text) < 30 and text[0] != "<" else "..."

    return re.sub(r"attr_dict\['(\w+)'\]\.default", default, arguments), returned or ""


def with_arguments(
    app: Sphinx, kind: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Add the arguments of a class whose constructor derives from its options."""
    init = vars(value).get("__init__") if kind == "class" else None
    if hasattr(init, "__wrapped__"):
        lines += ["", *inspect.cleandoc(init.__doc__ or "").splitlines()]


def replace_texts(app: Sphinx, page: str, content: list[str]) -> None:
    """Read a page with its directives, not with the text for the repository."""
    content[0] = with_directives(content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", replace_texts)
    app.connect("autodoc-process-signature", signature_of)
    # Before napoleon, which reads the section.
    app.connect("autodoc-process-docstring", with_arguments, priority=400)
    app.add_directive("api", Api)
    app.add_directive("front-door", FrontDoor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
