"""Recognize input that cannot contain events, and name its format."""

import re
from typing import Final

import attrs

from braze_heap.exceptions import BrazeHeapError

HEAD: Final = 1 << 16
"""Bytes at the beginning of a source that decide about its format."""

_LINES: Final = 20
"""Nonblank lines. One of them must begin like JSON."""

_JSON_LINE: Final = re.compile(rb"\s*[{\[](?!\0)")
_UTF_16: Final = re.compile(
    rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|\0{0,3}[{\[]\0|\0{1,3}[{\[]"
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_TAR_MAGIC: Final = slice(257, 262)

_UNPACK: Final = "Unpack it first."
_CONVERT: Final = "Convert it to JSON lines first."

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd", "Decompress it first: zstd -dc FILE."),
    (b"\x04\x22\x4d\x18", "lz4", "Decompress it first: lz4 -dc FILE."),
    (b"\xff\x06\x00\x00sNaPpY", "a snappy stream", "Decompress it first."),
    (b"BZh", "bzip2", "Decompress it first: bzip2 -dc FILE."),
    (b"\xfd7zXZ\x00", "xz", "Decompress it first: xz -dc FILE."),
    (b"\x1f\x9d", "Unix compress (.Z)", "Decompress it first: uncompress -c FILE."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"PAR1", "Parquet", _CONVERT),
    (b"ORC", "ORC", _CONVERT),
    (b"ARROW1", "Arrow", _CONVERT),
    (b"SEQ\x06", "a Hadoop sequence file", _CONVERT),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", _CONVERT),
    (
        b"SQLite format 3\x00",
        "an SQLite database",
        "If it is a dead letter, see braze-heap dead-letters.",
    ),
    (b"%PDF", "a PDF", ""),
    (b"\x7fELF", "a program", ""),
)
"""First bytes, the format that they indicate, and advice."""


@attrs.frozen
class UnknownFormatError(BrazeHeapError, ValueError):
    """
    A source contains no events, because it is neither JSON nor Avro.

    Raised before the first event. A source is JSON if one of its first 20 nonblank
    lines (of 64 KiB) begins with ``{`` or ``[``.

    Attributes:
        looks_like: The format that its first bytes indicate.
        advice: Advice; may be empty.
        source: Name of the source; empty if it has none.
    """

    looks_like: str
    advice: str = ""
    source: str = ""

    def __str__(self) -> str:
        problem = f"{self.source or 'the source'} looks like {self.looks_like}."
        known = "Events are read from JSON, JSON lines and Avro, gzipped or not."
        return " ".join(filter(None, (problem, known, self.advice)))


def check_format(head: bytes) -> None:
    """
    Check the first `HEAD` bytes of a source that is neither gzipped nor Avro.

    Raises:
        UnknownFormatError: They are not JSON.
    """
    lines = [line for line in head[:HEAD].splitlines() if line.strip()][:_LINES]
    is_tar = head[_TAR_MAGIC].startswith(b"ustar")  # a member may be called {x}
    if not is_tar and (
        not lines or _JSON_LINE.match(lines[0]) or head.strip() == b"null"
    ):
        return
    if found := _binary(head):
        raise UnknownFormatError(*found)
    if any(_JSON_LINE.match(line) and not _CONTROL.search(line) for line in lines):
        return
    raise UnknownFormatError(*_text(lines))


def is_decided(head: bytes) -> bool:
    """Return whether the beginning of a source is enough for `check_format`."""
    if len(head) >= HEAD or _JSON_LINE.match(head.lstrip()):
        return True
    *whole, _ = head.split(b"\n")
    lines = [line for line in whole if line.strip()]
    return len(lines) >= _LINES or any(map(_JSON_LINE.match, lines))


def _binary(head: bytes) -> tuple[str, str] | None:
    for signature, name, advice in _SIGNATURES:
        if head.startswith(signature):
            return name, advice
    if _UTF_16.match(head):
        return "UTF-16 or UTF-32", "Convert it first: iconv -f UTF-16 -t UTF-8 FILE."
    import tarfile  # takes milliseconds, and is needed only for errors

    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "replace")
    except tarfile.HeaderError:
        return None
    return "a tar archive", "Unpack it first: tar -xOf FILE."


def _text(lines: list[bytes]) -> tuple[str, str]:
    if any(map(_CONTROL.search, lines)):
        return "binary data", ""
    if lines[0].lstrip().startswith(b"<"):
        return "XML or a web page", ""
    import csv  # needed only for errors

    texts = [line.decode("utf-8", "replace") for line in lines[:5]]
    for separator, name in ((",", "CSV"), (";", "CSV"), ("\t", "tab-separated values")):
        try:
            columns = {len(row) for row in csv.reader(texts, delimiter=separator)}
        except csv.Error:
            continue
        if len(columns) == 1 and columns.pop() > 1:
            return name, _CONVERT
    return "text", ""
