"""
The page ``docs/reference/mappings.md``, generated from the shipped mappers.

``python -m tests.regenerate`` writes it.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import braze_heap as bh
from braze_heap.events import event_fields
from braze_heap.mappers import standard
from braze_heap.testing import make_raw

PAGES = Path(__file__).parents[1] / "docs" / "reference"
PAGE = PAGES / "mappings.md"

HEAD = """# Default mappings

Generated from `braze_heap/mappers/shipped.py`: `python -m tests.regenerate`. By
default each type becomes an event of its own, with every field that is set. If a mapper
does more, the last column has the user properties that it sets, and its name.
`braze-heap plan` shows all of it field by field, for any configuration. `--format
html` is a page to search.
"""


def page() -> str:
    """Return the page as it should be."""
    return "\n".join([HEAD, *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    for family in dict.fromkeys(map(_family, bh.EVENT_TYPES.values())):
        types = [t for t, cls in bh.EVENT_TYPES.items() if _family(cls) == family]
        told = [_told(event_type) for event_type in types]
        columns = ["event type", "class", "in Heap", "user properties"]
        width = 4 if any(user_properties for *_, user_properties in told) else 3
        yield f"## {_title(family)}\n"
        for row in (columns, ["---"] * 4, *told):
            yield f"| {' | '.join(row[:width])} |"
        yield ""


def _title(family: str) -> str:
    """Return what the page of the family is called."""
    page = (PAGES / "events" / f"{family}.md").read_text("utf-8")
    return page.partition("\n")[0].removeprefix("# ")


def _family(cls: type[bh.CurrentsEvent]) -> str:
    return cls.__module__.rpartition(".")[2]


def _told(event_type: str) -> tuple[str, str, str, str]:
    cls = bh.EVENT_TYPES[event_type]
    ids = {"subscription_group_id": "<group>", "app_id": "<app>"}
    names = event_fields(cls)
    raw = make_raw(event_type, **{n: ids[n] for n in ids if n in names})
    raw["user"].setdefault("external_user_id", "somebody")
    calls = bh.Transformer().transform(raw).calls
    told = [call.event for call in calls if isinstance(call, bh.Track)]
    if event_type == "users.behaviors.CustomEvent":
        told = ["Braze Custom *its own name*"]
    user_properties = [
        f"`{name}`"
        for call in calls
        if isinstance(call, bh.AddUserProperties)
        for name in sorted(call.properties)
    ]
    mapper = bh.DEFAULT_MAPPERS.mapper_for(cls)
    rule = ""
    if mapper is not standard and mapper is not None:
        doc = (inspect.getdoc(mapper) or "").splitlines()[0]
        rule = f" (`{getattr(mapper, '__name__', '')}`: {doc})"
    mark = "" if cls.status == "current" else f" *{cls.status}*"
    return (
        f"`{event_type}`{mark}",
        f"`{cls.__name__}`",
        ", ".join(told),
        f"{', '.join(user_properties)}{rule}",
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
