"""
Run the tests of engines in a virtual environment of their own, of 1.4 GB.

``python -m tests.engines`` makes it in a folder of caches, and updates it each time.
Further arguments are those of pytest.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHES = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
FOLDER = CACHES / f"braze_heap-engines-{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = FOLDER / "bin" / "python"
TESTS = ("tests/engines", "tests/test_docs.py")


def missing() -> str:
    """Make the environment; return why that is impossible, empty if it is there."""
    if not (shutil.which("java") or "JAVA_HOME" in os.environ):
        return "Spark needs Java 17: apt install openjdk-17-jre-headless"
    uv = shutil.which("uv")
    make = [uv, "venv", "-q"] if uv else [sys.executable, "-m", "venv"]
    install = [uv, "pip"] if uv else [PYTHON, "-m", "pip"]
    where = ["-p", PYTHON] if uv else []
    commands = [
        [*install, "install", "-q", *where, "-e", f"{ROOT}[distributed]"],
    ]
    if not PYTHON.exists():
        commands.insert(0, [*make, *(["-p", sys.executable] if uv else []), FOLDER])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return f"the environment cannot be made: {done.stderr[-1000:]}"
    return ""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the environment, and show its output."""
    options = ["-q", "-p", "no:cacheprovider", "-m", "engines", "-k", "not own_environ"]
    command = [PYTHON, "-m", "pytest", *options, *(arguments or TESTS)]
    return subprocess.run(command, cwd=ROOT)


if __name__ == "__main__":
    if reason := missing():
        sys.exit(reason)
    sys.exit(run(*sys.argv[1:]).returncode)
