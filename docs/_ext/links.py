"""Names in code become links: public ones of the package, and event types."""

import re
from html import escape

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

import braze_heap
from _ext.texts import public_modules

_CLEAR = re.compile(r"[A-Z][a-z]\w+|[A-Z]+_[A-Z_]+|\w+\.\w[\w.]*|[A-Z]{4,}")
"""What cannot be taken for an ordinary word."""

_BREAKS = re.compile(r"(?<=\w[._/,])(?=\w)|(?<=[a-z])(?=[A-Z])")

Place = tuple[str, str]


def find_places(app: Sphinx, env: BuildEnvironment) -> None:
    """
    Note document and anchor of each name, as it is without its module, and in full.
    """
    modules = sorted(public_modules(), key=len, reverse=True)
    found: dict[str, Place] = {}
    for full, entry in env.domains.python_domain.objects.items():
        place = (entry.docname, entry.node_id)
        module = next((m for m in modules if full.startswith(f"{m}.")), "")
        short = full.removeprefix(f"{module}.")
        found[full] = place
        found.setdefault(short, place)
        found.setdefault(f"braze_heap.{short}", place)
        found.setdefault(f"bh.{short}", place)
    env.places = found | getattr(env, "event_places", {})


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.reference | None:
    """Find what a docstring names without its module."""
    place = env.places.get(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or place is None:
        return None
    return make_refnode(app.builder, node["refdoc"], *place, content)


class Breaking(SphinxPostTransform):
    """
    Lets long names in tables break where a reader would break them.

    In one piece, so that the search finds them whole.
    """

    default_priority = 210
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for entry in self.document.findall(nodes.entry):
            for literal in list(entry.findall(nodes.literal)):
                html = "<wbr>".join(map(escape, _BREAKS.split(literal.astext())))
                literal.children = [nodes.raw("", html, format="html")]


class Linking(SphinxPostTransform):
    """Links code that is exactly one public name."""

    default_priority = 200

    def run(self, **kwargs: object) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext().removesuffix("()")
            is_free = not isinstance(
                literal.parent, nodes.reference | nodes.title | pending_xref
            )
            place = self.env.places.get(text)
            if is_free and place and _is_meant(text):
                reference = make_refnode(
                    self.app.builder, self.env.docname, *place, literal.deepcopy()
                )
                literal.parent.replace(literal, reference)


def _is_meant(text: str) -> bool:
    return text in braze_heap.__all__ or bool(_CLEAR.fullmatch(text))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("env-updated", find_places)
    app.connect("missing-reference", resolve)
    app.add_post_transform(Linking)
    app.add_post_transform(Breaking)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
