from collections.abc import Iterator
from pathlib import Path

import pytest

from braze_heap.cli._console import UnusableError
from braze_heap.cli._inputs import BATCH, BATCH_BYTES, batches, find_inputs
from braze_heap.wire import RawEvent, Read


def test_directory_is_read_recursively_in_order_without_hidden_files(
    tmp_path: Path,
) -> None:
    """
    All files count, whatever their names, but for those that systems leave behind.
    """
    for name in ("b/1.avro", "a/2.json.gz", "c", ".DS_Store", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    found = [read.path for read in find_inputs([tmp_path])]

    assert [tmp_path / "a/2.json.gz", tmp_path / "b/1.avro", tmp_path / "c"] == found


def test_batches_are_bounded_in_number() -> None:
    """
    A long input comes in batches of a thousand events.
    """
    reads = [RawEvent({}, None, 0)] * (2 * BATCH + 1)

    assert [len(batch) for batch in batches(reads)] == [BATCH, BATCH, 1]


def test_batches_are_bounded_in_bytes() -> None:
    """
    Large events come in smaller batches, so that memory stays flat.
    """
    reads = [RawEvent({}, None, n * BATCH_BYTES // 2) for n in range(8)]

    assert [len(batch) for batch in batches(reads)] == [4, 4]


def test_batches_end_with_the_unit() -> None:
    """
    No batch goes over a place where workers may cut a file, so batches are the same.
    """
    reads = [RawEvent({}, None, offset) for offset in (0, 40, 99, 100, 199, 350)]

    assert [len(batch) for batch in batches(reads, unit=100)] == [3, 2, 1]


@pytest.mark.parametrize("error", [UnusableError("gone"), KeyboardInterrupt()])
def test_what_was_read_before_an_error_is_a_batch(error: BaseException) -> None:
    """
    Neither an I/O error nor Ctrl-C costs the events that were read already.
    """

    def reads() -> Iterator[Read]:
        yield RawEvent({}, None, 0)
        raise error

    got = batches(reads())

    assert [RawEvent({}, None, 0)] == next(got)
    with pytest.raises(type(error)):
        next(got)
