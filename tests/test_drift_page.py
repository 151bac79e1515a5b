"""A drift as text, Markdown and JSON, to the last character."""

import json
from typing import Any

import attrs
import pytest

from braze_heap.drift import Drift, NewType, RedactedField, SeenField, UnseenFields

CLICK = "users.messages.email.Click"
READ = "users.messages.email.Read"

NEW_TYPES = (
    NewType(
        READ,
        2,
        (SeenField(READ, "properties", "seconds", ("int", "float"), 2, 1.0),),
        "EmailRead",
        "email",
    ),
    NewType("pigéon", 1, (), "", ""),
)
NEW_FIELDS = (SeenField(CLICK, "properties", "color", ("text",), 1, 0.001),)
CHANGES = (
    SeenField(CLICK, "properties", "link_alias", ("int", "null"), 3, 0.5, "text"),
)

FULL = Drift(
    events=1_234,
    new_types=NEW_TYPES,
    new_fields=NEW_FIELDS,
    type_changes=CHANGES,
    redacted=(RedactedField(CLICK, "custom_properties.email", 1),),
    unseen_fields=(UnseenFields(CLICK, "http", 4, ("url", "is_amp")),),
    unseen_types=("users.UserOrphan",),
    malformed=(("bad_time", 1_000),),
    truncated=5,
    ignored=7,
)

PAGE = '''\
# Drift

Braze sends types or fields that the classes do not have. Read: 1,234 events.

5 more new names than are kept.

Ignored: 7.

## Not read

| reason | count |
| --- | --- |
| `bad_time` | 1,000 |

## New event types

| event type | count | class name | module |
| --- | --- | --- | --- |
| `users.messages.email.Read` | 2 | `EmailRead` | `email` |
| `pig\\xe9on` | 1 |  |  |

## Fields of new event types

| event type | place | name | found | frequency |
| --- | --- | --- | --- | --- |
| `users.messages.email.Read` | `properties` | `seconds` | `int or float` | `2 events \
(100%)` |

## New fields

| event type | place | name | found | frequency |
| --- | --- | --- | --- | --- |
| `users.messages.email.Click` | `properties` | `color` | `text` | `1 event (0.1%)` |

## Values of other types than documented

| event type | place | name | found | frequency |
| --- | --- | --- | --- | --- |
| `users.messages.email.Click` | `properties` | `link_alias` | `int or null where \
text is documented` | `3 events (50%)` |

## Redacted by default, because their names have a word such as email

| event type | name | count |
| --- | --- | --- |
| `users.messages.email.Click` | `custom_properties.email` | 1 |

To send one: personal_fields = {"NAME" = "keep"}

## Documented fields not seen in this input

| event type | form | count | names |
| --- | --- | --- | --- |
| `users.messages.email.Click` | `http` | 4 | `url`, `is_amp` |

## Documented types not seen in this input: 1

| event type |
| --- |
| `users.UserOrphan` |

## Lines to add

Into `email`:

```python
from braze_heap.events import CurrentsEvent


class EmailRead(
    CurrentsEvent,
    event_type="users.messages.email.Read",
    display_name="Email Read",
    release=...,
):
    """
    Observed in traffic; not documented yet.
    """

    seconds: float | None = None
    """Observed in traffic; not documented yet."""
```

Into the body of `EmailClick` in `braze_heap.events.email`, which needs `from \
braze_heap.events import field`:

```python
    color: str | None = field(since=...)
    """Observed in traffic; not documented yet."""
```
'''


def test_a_page_has_all_parts_of_a_drift() -> None:
    assert FULL.to_markdown() == PAGE


def test_a_page_of_nothing_is_short() -> None:
    page = "# Drift\n\nNothing new. Read: 1 event.\n"

    assert Drift(events=1).to_markdown() == page


def test_the_text_has_a_line_for_each_finding() -> None:
    assert str(FULL).splitlines() == [
        f"new type {READ}, 2 events",
        "new type pigéon, 1 event",
        f"new field {CLICK} properties.color: text, 1 event (0.1%)",
        f"type change {CHANGES[0]}",
        "5 more new names than are kept",
    ]


def test_a_field_of_another_type_names_both() -> None:
    assert str(CHANGES[0]).endswith(
        "properties.link_alias: int or null where text is documented, 3 events (50%)"
    )


def test_json_has_a_version_and_stays_readable() -> None:
    """Letters are not escaped, and a change of one value changes one line."""
    data = FULL.to_dict()
    text = FULL.to_json()

    assert data["schema"] == 1
    assert text == json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    assert '\n   "event_type": "pigéon",\n' in text


@pytest.mark.parametrize(
    ("part", "is_finding"),
    [
        ({"new_types": NEW_TYPES}, True),
        ({"new_fields": NEW_FIELDS}, True),
        ({"type_changes": CHANGES}, True),
        ({"truncated": 1}, True),
        ({"other_form": NEW_FIELDS}, False),
        ({"malformed": (("bad_time", 1),)}, False),
    ],
)
def test_each_finding_counts_by_itself(part: dict[str, Any], is_finding: bool) -> None:
    assert attrs.evolve(Drift(events=1), **part).has_findings is is_finding
