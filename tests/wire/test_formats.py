"""
Files that hold no events are refused at their beginning; bad lines cost themselves.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile

import pytest

from braze_heap.wire import RawEvent, UnknownFormatError, Unreadable, read_events

LINE = json.dumps({"event_type": "t", "id": "a", "time": 1, "text": "x" * 40}) + "\n"
LINES = (LINE * 5_000).encode()


def zipped(name):
    """Write a zip archive of JSON lines that are only stored."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, LINES)
    return file.getvalue()


def tarred(format_, name="events.jsonl"):
    """Write a tar archive of JSON lines."""
    file = io.BytesIO()
    options = {"format": format_, "encoding": "latin-1"}
    with tarfile.open(fileobj=file, mode="w", **options) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(LINES)
        archive.addfile(info, io.BytesIO(LINES))
    return file.getvalue()


def database(path):
    """Write an SQLite database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    return path.read_bytes()


WRONG = {
    "CSV": b"id,time,name\n" + b"a,1,x\n" * 300_000,
    "CSV with quotes": b'id,name\na,"x, y"\n' * 1_000,
    "CSV of JSON": b'id;payload\n1;"{""a"": 1}"\n' * 100,
    "tab-separated": b"id\ttime\n" + b"a\t1\n" * 1_000,
    "zip": zipped("events.jsonl"),
    "tar": tarred(tarfile.GNU_FORMAT),
    "pax tar": tarred(tarfile.PAX_FORMAT),
    "Latin-1 tar": tarred(tarfile.GNU_FORMAT, "caf\xe9.jsonl"),
    "zstd": b"\x28\xb5\x2f\xfd\x24\x00" + bytes(range(200)),
    "bzip2": bz2.compress(LINES),
    "xz": lzma.compress(LINES),
    "Parquet": b"PAR1" + bytes(100) + b"PAR1",
    "UTF-16": LINES.decode().encode("utf-16"),
    "UTF-16-LE": LINES.decode().encode("utf-16-le"),
    "UTF-16-BE": LINES.decode().encode("utf-16-be"),
    "UTF-32": LINES.decode().encode("utf-32"),
    "XML": b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>",
    "web page": b"<!doctype html>\n<html>\n",
    "indented page": b"\t <!doctype html>\n<html>\n",
    "log": b"2026-01-01 INFO started\n" * 100,
    "numbers": b"1\n2\n3\n",
    "binary": bytes(range(256)) * 50,
    "PDF": b"%PDF-1.7\n[1 2 3]\n{",
}
LOOKS_LIKE = {
    "CSV": "CSV",
    "CSV with quotes": "CSV",
    "CSV of JSON": "CSV",
    "tab-separated": "tab-separated values",
    "zip": "a zip archive",
    "tar": "a tar archive",
    "pax tar": "a tar archive",
    "Latin-1 tar": "a tar archive",
    "log": "text",
    "numbers": "text",
    "binary": "binary data",
    "web page": "XML or a web page",
    "indented page": "XML or a web page",
    "UTF-16-LE": "UTF-16",
    "UTF-16-BE": "UTF-16",
    "UTF-32": "UTF-16 or UTF-32",
}


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_formats_are_rejected_before_the_first_event(name, packed):
    """The error says what the file looks like, also if it is gzipped."""
    looks_like = LOOKS_LIKE.get(name, name)

    with pytest.raises(UnknownFormatError, match=f"looks like (a |an )?{looks_like}"):
        next(read_events(packed(WRONG[name])))


def test_databases_are_rejected(tmp_path):
    """Another dead letter in a folder is not read as events."""
    data = database(tmp_path / "dead.db")

    with pytest.raises(UnknownFormatError, match="SQLite database"):
        next(read_events(data))


def test_format_errors_name_the_file_and_hide_its_content(tmp_path):
    """The name helps; the content may be personal."""
    path = tmp_path / "people.csv"
    path.write_text("email,name\njane@example.com,Jane\n")

    with pytest.raises(UnknownFormatError) as raised:
        list(read_events(path))

    assert str(path) in str(raised.value)
    assert "jane" not in str(raised.value).lower()
    assert isinstance(raised.value, ValueError)


def test_a_wrong_format_is_rejected_without_reading_the_whole_file():
    """64 KiB show what it is."""

    class Endless:
        """CSV without an end."""

        given = 0

        def read(self, size):
            """Give some lines."""
            self.given += size
            return (b"a,b,c\n" * size)[:size]

    file = Endless()
    with pytest.raises(UnknownFormatError):
        next(read_events(file))

    assert file.given < 1 << 20


@pytest.mark.parametrize("bad", [1, 5, 19])
@pytest.mark.parametrize("line", [b"not JSON\n", b"\0\0\0\n", b"a,b\n", b"\xff\n"])
def test_bad_lines_before_good_ones_cost_themselves(bad, line):
    """A file is good if one of its first 20 lines begins like JSON."""
    parts = list(read_events(line * bad + b"\n\n" + LINES))

    assert [type(part) for part in parts] == [Unreadable] * bad + [RawEvent] * 5_000


def test_twenty_bad_lines_are_a_wrong_file():
    """A file that begins with 20 lines that are not JSON is rejected."""
    with pytest.raises(UnknownFormatError):
        next(read_events(b"not JSON\n" * 20 + LINES))


@pytest.mark.parametrize("blank", [b"\n" * 100_000, b" \r\n" * 100, b"\xef\xbb\xbf\n"])
def test_blank_lines_do_not_count(blank):
    """A file may begin with any number of blank lines, and with a byte order mark."""
    assert len(list(read_events(blank + LINES))) == 5_000


@pytest.mark.parametrize("blank", [b"", b"\n", b" \r\n" * 30_000, b"\xef\xbb\xbf"])
def test_blank_files_have_no_events(blank):
    """A file without content is not a wrong file."""
    assert list(read_events(blank)) == []


@pytest.mark.parametrize("end", [1, 2, 3])
def test_the_first_bytes_of_an_avro_file_are_damage(end):
    """A file cut within its first bytes is damaged, not of another format."""
    (part,) = read_events(b"Obj\x01"[:end])

    assert isinstance(part, Unreadable)


@pytest.mark.parametrize("name", ["{date}.jsonl", "[1].jsonl", '{"a": 1}'])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_archive_is_refused_whatever_its_first_file_is_called(name, pack):
    """Its header begins with that name, which may look like JSON."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(LINES)
        archive.addfile(info, io.BytesIO(LINES))

    with pytest.raises(UnknownFormatError, match="a tar archive"):
        next(read_events(pack(file.getvalue())))


@pytest.mark.parametrize("line", [b"{\x00\x01", b"[\x02x", b"{\x08"])
def test_a_line_of_binary_data_is_not_json_by_chance(line):
    """In 20 random lines, one in seven files has one that begins with a bracket."""
    with pytest.raises(UnknownFormatError, match="binary data"):
        next(read_events(b"\x80\x01\x02\n" + line + b"\nmore\n" * 100))
