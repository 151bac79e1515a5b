"""The checks of dead letters and of progress: a good store passes, broken ones fail."""

import fnmatch
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import attrs
import pytest

from braze_heap.exceptions import ProgressError
from braze_heap.state import DISCARD, BackfillKey, DeadRecord, Position
from braze_heap.testing import check_dead_letter, check_progress


class Store:
    """A dead letter that keeps its promises. Instances share *records*."""

    def __init__(self, records: dict[str, DeadRecord]) -> None:
        self.records = records
        self.is_closed = False

    def key(self, key: str) -> str:
        return key

    def kept(self, record: DeadRecord) -> DeadRecord:
        return record

    def repeated(self, old: DeadRecord, new: DeadRecord) -> DeadRecord:
        return attrs.evolve(old, reason=new.reason, detail=new.detail)

    def append(self, records: Sequence[DeadRecord], /) -> None:
        for record in map(self.kept, records):
            key = self.key(record.key)
            old = self.records.get(key)
            self.records[key] = self.repeated(old, record) if old else record

    def read(self) -> Iterator[DeadRecord]:
        return iter([*self.records.values()])

    def forget(self, keys: Iterable[str], /) -> None:
        for key in keys:
            self.records.pop(self.key(key), None)

    def ready(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


def changing(**changes: Callable[[DeadRecord], Any]) -> type[Store]:
    """Return a class of stores that keep other values of these fields."""

    class Changing(Store):
        def kept(self, record: DeadRecord) -> DeadRecord:
            values = {name: change(record) for name, change in changes.items()}
            return attrs.evolve(record, **values)

    return Changing


class Unready(Store):
    def ready(self) -> None:
        raise OSError("read-only")


class Lossy(Store):
    def append(self, records: Sequence[DeadRecord], /) -> None:
        super().append(records[:7])


class Repeating(Store):
    def append(self, records: Sequence[DeadRecord], /) -> None:
        for record in records:
            self.records[f"{record.key} {len(self.records)}"] = record


class Replacing(Store):
    def repeated(self, old: DeadRecord, new: DeadRecord) -> DeadRecord:
        return new


class Stubborn(Store):
    def repeated(self, old: DeadRecord, new: DeadRecord) -> DeadRecord:
        return old


class RepeatingInBatch(Store):
    def append(self, records: Sequence[DeadRecord], /) -> None:
        if len({r.key for r in records}) < len(records):
            self.records |= {str(number): r for number, r in enumerate(records)}
        else:
            super().append(records)


class IgnoringCase(Store):
    def key(self, key: str) -> str:
        return key.lower()


class Matching(Store):
    def forget(self, keys: Iterable[str], /) -> None:
        for key in keys:
            pattern = key.replace("[", "[[]")
            super().forget([k for k in self.records if fnmatch.fnmatchcase(k, pattern)])


class ForgettingAll(Store):
    def forget(self, keys: Iterable[str], /) -> None:
        wanted = [*keys]
        super().forget(wanted or [*self.records])


class Particular(Store):
    def forget(self, keys: Iterable[str], /) -> None:
        for key in keys:
            del self.records[key]


class Live(Store):
    def read(self) -> Iterator[DeadRecord]:
        return iter(self.records.values())


class Paging(Store):
    def read(self) -> Iterator[DeadRecord]:
        start = 0
        while page := [*self.records.values()][start : start + 100]:
            yield from page
            start += 100


class Racing(Store):
    def append(self, records: Sequence[DeadRecord], /) -> None:
        mine = Store({**self.records})
        mine.append(records)
        time.sleep(0.001)
        self.records.update(mine.records)
        for key in self.records.keys() - mine.records.keys():
            del self.records[key]


class Fleeting(Store):
    def __init__(self, records: dict[str, DeadRecord]) -> None:
        super().__init__({})


class Buffering(Store):
    def __init__(self, records: dict[str, DeadRecord]) -> None:
        super().__init__({**records})
        self.kept_records = records

    def close(self) -> None:
        self.kept_records |= self.records


class ClosingOnce(Store):
    def close(self) -> None:
        if self.is_closed:
            raise ValueError("it is closed")
        super().close()


BROKEN_STORES = {
    "a store that can keep records should be ready": Unready,
    "append should keep all": Lossy,
    "append should keep original": changing(original=lambda r: r.original[:1_000]),
    "append should keep format": changing(format=lambda r: "json"),
    "append should keep at": changing(at=lambda r: r.at.replace(microsecond=0)),
    "append should keep detail": changing(
        detail=lambda r: r.detail.encode("ascii", "replace").decode()
    ),
    "append should keep event_type": changing(event_type=lambda r: None),
    "append should keep mappers": changing(mappers=lambda r: {}),
    "append should keep destination": changing(destination=lambda r: ""),
    "a repeated key should be one record": Repeating,
    "a repeated key should only change its cause": Replacing,
    "a repeated key should only change its cause ": Stubborn,
    "a key twice in a batch": RepeatingInBatch,
    "different keys should not collide": IgnoringCase,
    "forget should remove these records, no others": Matching,
    "an empty batch and an unknown key": ForgettingAll,
    "an empty batch and an unknown key ": Particular,
    "records may be forgotten during iteration": Live,
    "records may be forgotten during iteration ": Paging,
    "no record of any thread should be lost": Racing,
    "a record should be durable": Fleeting,
    "a record should be durable when append returns": Buffering,
    "a second close should do nothing": ClosingOnce,
}


def test_a_good_dead_letter_passes() -> None:
    """Its other records stay."""
    other = DeadRecord.of({"id": "1"}, "bad_time", "", datetime.now(UTC))
    records = {other.key: other}

    check_dead_letter(lambda: Store(records))

    assert records == {other.key: other}


@pytest.mark.parametrize("requirement", BROKEN_STORES)
def test_a_broken_dead_letter_fails(requirement: str) -> None:
    """The message names the promise that is broken."""
    records: dict[str, DeadRecord] = {}

    with pytest.raises(AssertionError, match=requirement.strip()):
        check_dead_letter(lambda: BROKEN_STORES[requirement](records))


def test_a_store_for_tests_may_forget_at_its_end() -> None:
    """Durability is not checked then."""
    check_dead_letter(lambda: Fleeting({}), durable=False)


def test_discard_fails() -> None:
    """It keeps nothing."""
    with pytest.raises(AssertionError, match="append should keep all"):
        check_dead_letter(lambda: DISCARD)


class Notes:
    """A progress that keeps its promises. Instances share *notes*."""

    def __init__(self, notes: dict[Any, Any]) -> None:
        self.notes = notes
        self.locks: set[BackfillKey] = notes.setdefault("locks", set())
        self.mutex = threading.Lock()

    def key(self, backfill: BackfillKey) -> Any:
        return backfill

    def place(self, position: Position) -> Any:
        return position.url, position.version

    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        return iter([*self.notes.get(self.key(backfill), {}).values()])

    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        new = {self.place(position): position for position in positions}
        self.notes.setdefault(self.key(backfill), {}).update(new)

    @contextmanager
    def lock(self, backfill: BackfillKey, /) -> Iterator[None]:
        with self.mutex:
            if self.key(backfill) in self.locks:
                raise ProgressError("another one is running")
            self.locks.add(self.key(backfill))
        try:
            yield
        finally:
            self.locks.remove(self.key(backfill))

    def close(self) -> None: ...


class OneDestination(Notes):
    def key(self, backfill: BackfillKey) -> Any:
        return backfill.url


class OneUrl(Notes):
    def key(self, backfill: BackfillKey) -> Any:
        return backfill.destination


class Rounding(Notes):
    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        low = [attrs.evolve(p, size=p.size % 2**32) for p in positions]
        super().commit(backfill, low)


class OneVersion(Notes):
    def place(self, position: Position) -> Any:
        return position.url


class Growing(Notes):
    def place(self, position: Position) -> Any:
        return position


class OneByOne(Notes):
    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        for position in positions:
            super().commit(backfill, [position])


class Silent(Notes):
    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        with suppress(AttributeError):
            super().commit(backfill, positions)


class Unlocked(Notes):
    def lock(self, backfill: BackfillKey, /) -> AbstractContextManager[None]:
        return nullcontext()


class OneLock(Notes):
    def lock(self, backfill: BackfillKey, /) -> AbstractContextManager[None]:
        return super().lock(BackfillKey("", ""))


class OwnLocks(Notes):
    def __init__(self, notes: dict[Any, Any]) -> None:
        super().__init__(notes)
        self.locks = set()


class Keeping(Notes):
    @contextmanager
    def lock(self, backfill: BackfillKey, /) -> Iterator[None]:
        lock = super().lock(backfill)
        # A lock that is deleted would be released.
        self.notes.setdefault("kept", []).append(lock)
        lock.__enter__()
        yield


class KeepingOnError(Notes):
    @contextmanager
    def lock(self, backfill: BackfillKey, /) -> Iterator[None]:
        lock = super().lock(backfill)
        # A lock that is deleted would be released.
        self.notes.setdefault("kept", []).append(lock)
        lock.__enter__()
        yield
        lock.__exit__(None, None, None)


class Suppressing(Notes):
    @contextmanager
    def lock(self, backfill: BackfillKey, /) -> Iterator[None]:
        with super().lock(backfill), suppress(ZeroDivisionError):
            yield


class FleetingNotes(Notes):
    def __init__(self, notes: dict[Any, Any]) -> None:
        super().__init__({"locks": notes.setdefault("locks", set())})


class NotesIgnoringCase(Notes):
    def place(self, position: Position) -> Any:
        return position.url.lower(), position.version.lower()


class NotesGrowing(Notes):
    def commit(self, backfill: BackfillKey, positions: Sequence[Position], /) -> None:
        before = {self.place(p): p.events for p in self.positions(backfill)}
        grown = [p for p in positions if p.events >= before.get(self.place(p), 0)]
        super().commit(backfill, grown)


class OnePage(Notes):
    def positions(self, backfill: BackfillKey, /) -> Iterator[Position]:
        return islice(super().positions(backfill), 1_000)


class ClosingNotesOnce(Notes):
    def close(self) -> None:
        del self.mutex


BROKEN_PROGRESS = {
    "destinations and URLs should have positions of their own": OneDestination,
    "destinations and URLs should have positions of their own ": OneUrl,
    "commit should keep positions as they are": Rounding,
    "commit should replace the position in the same version, and no other": OneVersion,
    "a version of an object should have one position": Growing,
    "a commit that fails should note nothing": OneByOne,
    "commit should raise if it cannot note a position": Silent,
    "lock should refuse the same backfill": Unlocked,
    "lock should refuse the same backfill ": OwnLocks,
    "lock should not refuse another destination or URL": OneLock,
    "lock should be released at the end of its block": Keeping,
    "lock should be released after an error in its block": KeepingOnError,
    "lock should not suppress the error of its block": Suppressing,
    "positions should be durable when commit returns": FleetingNotes,
    "commit should replace the position in the same version, ": NotesIgnoringCase,
    "commit should replace a position also by an earlier one": NotesGrowing,
    "commit and positions should take any number": OnePage,
    "a second close should do nothing": ClosingNotesOnce,
}


def test_a_good_progress_passes() -> None:
    """Also one in memory, if it need not be durable."""
    notes: dict[Any, Any] = {}

    check_progress(lambda: Notes(notes))
    check_progress(lambda: Notes({}), durable=False)


@pytest.mark.parametrize("requirement", BROKEN_PROGRESS)
def test_a_broken_progress_fails(requirement: str) -> None:
    """The message names the promise that is broken."""
    notes: dict[Any, Any] = {}

    with pytest.raises(AssertionError, match=requirement.strip()):
        check_progress(lambda: BROKEN_PROGRESS[requirement](notes))


@pytest.mark.parametrize("check", [check_dead_letter, check_progress])
def test_a_check_needs_a_factory(check: Callable[[Any], None]) -> None:
    """A store in place of a function that makes one is an error with advice."""
    with pytest.raises(TypeError, match="write lambda"):
        check(DISCARD)
