"""
Tables that are read off the classes: event types with their fields, and options.
"""

from collections.abc import Mapping

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from _ext import texts
from braze_heap import events
from braze_heap.events import CurrentsEvent


class _Classes(SphinxDirective):
    """
    Puts a section for each of some event classes on the page, and notes its place.
    """

    def sections(
        self, head: str, by_class: Mapping[type[CurrentsEvent], str]
    ) -> list[nodes.Node]:
        """Return *head*, and a section with its text for each class."""
        sections = [self._section(cls, text) for cls, text in by_class.items()]
        return [*self.parse_text_to_nodes(head), *sections]

    def _section(self, cls: type[CurrentsEvent], text: str) -> nodes.section:
        section = nodes.section(names=[cls.__name__])
        section += nodes.title("", cls.__name__)
        section += self.parse_text_to_nodes(text)
        self.state.document.note_implicit_target(section)
        self._note(cls, section["ids"][0])
        return section

    def _note(self, cls: type[CurrentsEvent], anchor: str) -> None:
        full = f"{events.__name__}.{cls.__name__}"
        self.env.domains.python_domain.note_object(full, "class", anchor)
        if event_type := cls.__dict__.get("event_type"):
            places = self.env.__dict__.setdefault("event_places", {})
            places[event_type] = (self.env.docname, anchor)


class EventFamily(_Classes):
    """Documents the event types of a family."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (family,) = self.arguments
        return self.sections(texts.family_text(family), texts.family_texts(family))


class EventGroups(_Classes):
    """Documents the groups of fields that event types share."""

    def run(self) -> list[nodes.Node]:
        return self.sections("", texts.group_texts())


class Options(SphinxDirective):
    """Lists the options of a class that have a text form: name, default, meaning."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(texts.options_text(self.arguments[0]))


def _forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    places = env.__dict__.setdefault("event_places", {})
    for event_type in [t for t, place in places.items() if place[0] == docname]:
        del places[event_type]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("event-family", EventFamily)
    app.add_directive("event-groups", EventGroups)
    app.add_directive("options", Options)
    app.connect("env-purge-doc", _forget)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
