import importlib.metadata
import subprocess
import sys

import pytest

from tests.cli.conftest import MAIN, Run, start


@pytest.mark.parametrize("extra", ["click", "rich"])
def test_missing_extra_is_one_line_of_advice(extra: str) -> None:
    """Without click or rich, the command says what to install and exits with 2."""
    process = start("demo", code=f"import sys; sys.modules[{extra!r}] = None; {MAIN}")

    stdout, stderr = process.communicate(timeout=20)

    assert stderr == b"braze-heap needs an extra: pip install 'braze_heap[cli]'\n"
    assert (process.returncode, stdout) == (2, b"")


def test_missing_package_that_is_no_extra_is_not_hidden() -> None:
    """A broken installation is shown as what it is."""
    process = start("demo", code=f"import sys; sys.modules['attrs'] = None; {MAIN}")

    _, stderr = process.communicate(timeout=20)

    assert b"import of attrs halted" in stderr


def test_version_is_the_one_that_is_installed(run: Run) -> None:
    """--version names the command and its version."""
    version = importlib.metadata.version("braze_heap")

    assert f"braze-heap {version}\n" == run("--version").stdout


def test_package_runs_as_a_module(run: Run) -> None:
    """Where no script is on the path, Python itself finds the command."""
    words = [sys.executable, "-m", "braze_heap", "--version"]

    assert subprocess.check_output(words, text=True) == run("--version").stdout


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("transform",),
        ("events",),
        ("demo",),
        ("send",),
        ("serve",),
        ("check",),
        ("dead-letters",),
        *(("dead-letters", c) for c in ("list", "show", "replay", "purge", "export")),
    ],
)
def test_help_has_examples_and_fits_80_columns(
    command: tuple[str, ...], run: Run
) -> None:
    """Each command shows how it is used."""
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert "Examples:\n" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_wrong_option_is_exit_status_2(run: Run) -> None:
    """Usage errors are told from rejected events by their exit status."""
    result = run("transform", "--identity", "email")

    assert result.exit_code == 2
    assert "external_user_id" in result.stderr


def test_a_wrong_command_gets_a_suggestion(run: Run) -> None:
    """The most similar command is named."""
    result = run("sned")

    assert result.exit_code == 2
    assert "There is no command 'sned'. Did you mean 'send'?" in result.stderr
