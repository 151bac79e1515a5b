"""Drift and its forms: text, JSON, Markdown and Python declarations."""

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

import attrs

from braze_heap.drift._declarations import Lines, lines_for
from braze_heap.drift._findings import DriftContent, RedactedField, SeenField
from braze_heap.drift._markdown import markdown

SCHEMA: Final = 1
"""Version of the JSON form."""


@attrs.frozen
class Drift(DriftContent):
    """
    Differences between observed traffic and the event classes, sorted by name.

    Attributes:
        events: Number of events, including damaged ones.
        new_types: Event types without a class.
        new_fields: Fields that are unknown to the class of their type.
        type_changes: Values that do not fit a known field.
        other_form: Fields that are documented only for the other form. They are
            read too.
        redacted: Custom and unknown fields that the word guard redacts by default.
            They are not findings for the exit status of ``braze-heap drift``.
        unseen_fields: Documented fields of the observed types that were not seen.
        unseen_types: Types that were not observed.
        malformed: Number of unreadable events, by reason.
        truncated: Number of new fields and types that exceed the limits.
        ignored: Number of findings removed by `ignoring`.
    """

    def ignoring(self, names: Collection[str]) -> "Drift":
        """
        Return the drift without known findings.

        Args:
            names: Event types, fields, or fields of one type as
                ``users.messages.email.Click.link_color``.
        """
        kept: dict[str, Any] = {
            part: tuple(f for f in getattr(self, part) if not _is_among(f, names))
            for part in ("new_fields", "type_changes", "other_form", "redacted")
        }
        kept["new_types"] = tuple(
            new for new in self.new_types if new.event_type not in names
        )
        removed = sum(
            len(getattr(self, part)) - len(kept[part])
            for part in kept.keys() - {"redacted"}
        )
        return attrs.evolve(self, ignored=self.ignored + removed, **kept)

    def lines_to_add(self, release: int | None = None) -> tuple[Lines, ...]:
        """
        Return Python declarations of the new types and fields.

        Args:
            release: Currents release that added them. The default is ``...``, which
                runs, but which type checkers report.
        """
        return tuple(lines_for(self, release))

    def to_dict(self) -> dict[str, Any]:
        """Return the drift as JSON values, with `has_findings` and `lines_to_add`."""
        lines = [attrs.asdict(lines) for lines in self.lines_to_add()]
        head = {"schema": SCHEMA, "has_findings": self.has_findings}
        found = attrs.asdict(self) | {"malformed": dict(self.malformed)}
        return head | found | {"lines_to_add": lines}

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n"

    def to_markdown(self) -> str:
        """Return the drift as one Markdown page."""
        return markdown(self, self.lines_to_add())

    def __str__(self) -> str:
        return "\n".join(self._findings()) or "Nothing new."

    def _findings(self) -> Iterator[str]:
        yield from (f"new type {new}" for new in self.new_types)
        yield from (f"new field {field}" for field in self.new_fields)
        yield from (f"type change {field}" for field in self.type_changes)
        if self.truncated:
            yield f"{self.truncated:,} more new names than are kept"


def _is_among(field: SeenField | RedactedField, names: Collection[str]) -> bool:
    known_as = (field.event_type, field.name, f"{field.event_type}.{field.name}")
    return any(name in names for name in known_as)
