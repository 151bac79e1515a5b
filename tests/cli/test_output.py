import os
import signal
from pathlib import Path

import pytest

from braze_heap.cli._console import UnusableError
from braze_heap.cli._output import open_output, unbroken

DONE = "done"


def interrupted(times: int, done: list[str]) -> None:
    """
    Be interrupted *times* inside of an unbroken block, then do something in it.
    """
    with unbroken():
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        done.append(DONE)


def test_ctrl_c_waits_for_the_end_of_an_unbroken_block() -> None:
    """
    What must be done whole is done whole, and stops behind.
    """
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done)

    assert done == [DONE]


def test_second_ctrl_c_does_not_wait() -> None:
    """
    A block that hangs can be left.
    """
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)

    assert done == []


def test_ignored_ctrl_c_stays_ignored() -> None:
    """
    Shells let their background jobs ignore Ctrl-C.
    """
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    done: list[str] = []

    interrupted(1, done)

    assert done == [DONE]
    assert signal.signal(signal.SIGINT, usual) is signal.SIG_IGN


def test_output_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """
    The error says which file, and why.
    """
    path = tmp_path / "missing" / "calls.jsonl"

    with pytest.raises(UnusableError) as caught, open_output(path, []):
        pass

    assert f"cannot write {path}: No such file or directory" == caught.value.message
