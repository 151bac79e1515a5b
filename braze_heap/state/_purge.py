"""Find and remove the records of one person."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import attrs

from braze_heap._wiring import require
from braze_heap.state._ledger import Ledger
from braze_heap.state._person_search import Match, PersonSearch
from braze_heap.state._protocol import DeadLetter, call_plain
from braze_heap.state._record import DeadRecord

PersonFilter: TypeAlias = str | Callable[[DeadRecord], bool]
"""An identity, or a predicate that returns whether a record is about the person."""


@attrs.frozen
class Purged:
    """
    The outcome of a purge.

    Attributes:
        removed: Number of records that were removed.
        suspected: Key of each record that may be about the person and was kept, to the
            reason for the suspicion. Review them, and remove them with
            ``purge(store, lambda record: record.key in purged.suspected)``.
        forgotten: Number of identities that the ledger forgot.
    """

    removed: int
    suspected: Mapping[str, str] = MappingProxyType({})
    forgotten: int = 0

    def __str__(self) -> str:
        text = f"{self.removed:,} removed"
        if self.forgotten:
            text += f", {self.forgotten:,} forgotten by the ledger"
        if self.suspected:
            keys = ", ".join(key[:64] for key in itertools.islice(self.suspected, 3))
            text += f", {len(self.suspected):,} suspected and kept ({keys}"
            text += ", ...)" if len(self.suspected) > 3 else ")"
        return text


def purge(dead_letter: DeadLetter, person: PersonFilter, *ledgers: Ledger) -> Purged:
    """
    Remove the records of a person, and their user properties from a ledger.

    Args:
        dead_letter: The store.
        person: An identity, email address or phone number. It is searched in every
            field, in JSON text within fields, and in unreadable bodies in any encoding.
            Or a predicate; then no record is only suspected, and the ledger is not
            searched.
        ledgers: Ledgers with user properties, such as `Pipeline.ledger`. The one in the
            file of a `SqliteDeadLetter` is always purged. All destinations are covered.

    Returns:
        The number of records that were removed, and the suspected records.

    Raises:
        ValueError: The identity is blank.
    """
    require(
        "purge", "a dead letter first, such as state.dead_letter", dead_letter, "read"
    )
    for each in ledgers:
        require("purge", "ledgers, such as pipeline.ledger", each, "update")
    found = search(dead_letter.read(), person)
    call_plain(dead_letter.forget, found.keys)
    forgotten = set[str]()
    for ledger in (*ledgers, getattr(dead_letter, "ledger", None)):
        if ledger is not None and isinstance(person, str):
            identities = search_ledger(ledger, person)
            call_plain(ledger.forget, identities)
            forgotten |= {*identities}
    return Purged(len(found.keys), found.suspected, len(forgotten))


def search_ledger(ledger: Ledger, person: str) -> Sequence[str]:
    """
    Return the identities that *person* has in *ledger*, by identity or by a value.

    Entries that may be about the person count too, because to forget one only loses the
    order of later statements.
    """
    search, found = PersonSearch(person), dict[str, None]()
    for key, entry in ledger.read():
        values = [each.value for each in (entry.newest, entry.accepted) if each]
        if search.in_event(json.dumps([key.identity, *values]).encode()):
            found[key.identity] = None
    return [*found]


@attrs.frozen
class Found:
    """
    Records of a person.

    Attributes:
        keys: Keys of the records that are about the person.
        suspected: Key of each record that may be about the person, to the reason.
    """

    keys: Sequence[str]
    suspected: Mapping[str, str]


def search(
    records: Iterable[DeadRecord], person: PersonFilter, *others: PersonFilter
) -> Found:
    """
    Return the *records* that `purge` removes, and those that it suspects.

    They are about *person* or one of the *others*.
    """
    keys: list[str] = []
    suspected: dict[str, str] = {}
    finders = [
        p if callable(p) else PersonSearch(p).in_record for p in (person, *others)
    ]
    for record in records:
        matches = [match for find in finders if (match := find(record))]
        doubts = [m.suspicion for m in matches if isinstance(m, Match) and m.suspicion]
        if len(matches) > len(doubts):
            keys.append(record.key)
        elif doubts:
            suspected[record.key] = doubts[0]
    return Found(keys, suspected)
