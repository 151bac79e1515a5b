"""A browser to look at pages with, over the DevTools protocol and a pair of pipes."""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of an installed Chromium."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@attrs.define
class Page:
    """
    One page of a browser.

    Attributes:
        requests: The addresses that it asked for.
        errors: Errors of its script, and violations of its content policy.
    """

    commands: Any
    answers: Any
    session: str = ""
    requests: list[str] = attrs.field(factory=list)
    errors: list[str] = attrs.field(factory=list)
    numbers: Any = attrs.field(factory=lambda: itertools.count(1))

    def call(self, method: str, **params: Any) -> Any:
        """Run one command, and return its result."""
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        self.commands.write(json.dumps(command).encode() + b"\0")
        self.commands.flush()
        return self._until(lambda message: message.get("id") == number)["result"]

    def _until(self, ends: Any) -> Any:
        while not ends(message := self._read()):
            self._note(message)
        return message

    def _read(self) -> Any:
        data = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            if not byte:
                raise EOFError("the browser went away")
            data += byte
        return json.loads(data)

    def _note(self, message: Any) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]))
        if message.get("method") == "Log.entryAdded":
            self.errors.append(message["params"]["entry"]["text"])

    def open(self, url: str, width: int = 1280, height: int = 900, dark: bool = False):
        """Show *url* on a screen of this size."""
        is_phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=is_phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url="about:blank")
        self.requests.clear()
        self.call("Page.navigate", url=url)
        self._until(lambda message: message.get("method") == "Page.loadEventFired")
        self._until_shown()

    def _until_shown(self) -> None:
        while self.run("location.href") == "about:blank" or not self.run(
            "document.readyState === 'complete'"
        ):
            pass

    def run(self, script: str) -> Any:
        """Return what *script* evaluates to."""
        message = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return message["result"].get("value")

    def picture(self, path: Path, whole: bool = False) -> None:
        """Take a picture of the page."""
        message = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(message["data"]))


_TRAMPOLINE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Starts a browser where it looks for its pipes: at descriptors 3 and 4."""


def _pipe() -> tuple[int, int]:
    """Return a pipe whose ends are none of the low descriptors."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high[0], high[1]


@contextlib.contextmanager
def browsing(binary: str, profile: Path) -> Iterator[Page]:
    """Start a browser, and end it."""
    (theirs_in, ours_out), (ours_in, theirs_out) = _pipe(), _pipe()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _TRAMPOLINE,
            str(theirs_in),
            str(theirs_out),
            binary,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    with os.fdopen(ours_out, "wb") as commands, os.fdopen(ours_in, "rb") as answers:
        page = Page(commands, answers)
        target = page.call("Target.createTarget", url="about:blank")["targetId"]
        message = page.call("Target.attachToTarget", targetId=target, flatten=True)
        page.session = message["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        try:
            yield page
        finally:
            process.terminate()
            process.wait(20)
