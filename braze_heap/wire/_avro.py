"""Avro container files, as Braze writes them to storage."""

import contextlib
import datetime as dt
import decimal
import functools
import io
import re
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, TypeAlias, cast

import attrs

from braze_heap.events._field_types import shortest_float32
from braze_heap.wire._read import RawEvent, Read, Unreadable
from braze_heap.wire._stream import Stream

_SCHEMA_NAME: Final = re.compile(r"dataexport\.[^.]+\.inner\.(.+)")


def read(stream: Stream, event_type: str | None) -> Iterator[Read]:
    """
    Read the records of a container file, up to its end or its first damage.

    Args:
        stream: At the beginning of the file.
        event_type: The type of the records, if the schema does not name it.
    """
    try:
        import fastavro
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Avro files need the extra avro: pip install 'braze_heap[avro]'"
        ) from None

    recorder = _Recorder(stream)
    try:
        blocks = fastavro.block_reader(cast("IO[bytes]", recorder))
    except Exception as error:
        stream.check()
        yield Unreadable(0, _flaw("Avro header", error))
        return
    schema = blocks.writer_schema
    event_type = _type_in(schema) or event_type
    fix = _fixer_of(schema) or (lambda value: value)
    while True:
        recorder.reset()
        offset, block = recorder.offset, None
        try:
            block = next(blocks, None)
            if block is None:
                break
            for record in block:
                yield RawEvent(fix(record), event_type, offset)
        except Exception as error:
            stream.check()
            if isinstance(error, ValueError) and "you need to install" in str(error):
                raise ModuleNotFoundError(f"Avro files: {error}") from None
            if block is None:
                for record in _salvage(recorder.recorded, blocks.codec, schema):
                    yield RawEvent(fix(record), event_type, offset)
            flaw = _flaw(f"Avro block, codec {blocks.codec}", error)
            yield Unreadable(offset, flaw, recorder.recorded)
            return
    stream.check()


def _flaw(part: str, error: Exception) -> str:
    cause = str(error) if isinstance(error, EOFError) else type(error).__name__
    return f"damaged {part}: {cause}"


@attrs.define
class _Recorder:
    """A stream that keeps the bytes of the current block."""

    _stream: Stream
    offset: int = 0
    _parts: list[bytes] = attrs.field(factory=list)

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._parts.append(data)
        return data

    def tell(self) -> int:
        return self.offset + sum(map(len, self._parts))

    def reset(self) -> None:
        self.offset = self.tell()
        self._parts.clear()

    @property
    def recorded(self) -> bytes:
        return b"".join(self._parts)


def _salvage(block: bytes, codec: str, schema: Any) -> Iterator[Any]:
    """Read the complete records of a block before its damage."""
    import fastavro

    data = io.BytesIO(block)
    try:
        count, size = (_long(data), _long(data))
        records = io.BytesIO(_inflate(data.read(size), codec))
        for _ in range(count):
            yield fastavro.schemaless_reader(records, schema, None)
    except Exception:
        return


def _long(data: IO[bytes]) -> int:
    import fastavro

    return cast("int", fastavro.schemaless_reader(data, "long", None))


def _inflate(data: bytes, codec: str) -> bytes:
    if codec == "null":
        return data
    if codec != "deflate":
        return b""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated: list[bytes] = []
    with contextlib.suppress(zlib.error):
        inflated.extend(inflater.decompress(bytes((byte,))) for byte in data)
    return b"".join(inflated)


def _type_in(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None
    name = schema.get("name", "")
    if "namespace" in schema and "." not in name:
        name = f"{schema['namespace']}.{name}"
    found = _SCHEMA_NAME.fullmatch(name)
    return found[1] if found else None


_Fixer: TypeAlias = Callable[[Any], Any]
"""Function of a decoded value to the same value as JSON would contain it."""


def _fixer_of(schema: Any) -> _Fixer | None:
    """
    Return the function for values of *schema*; ``None`` if they need no change.

    It shortens 32-bit numbers. It also converts dates, decimals and UUIDs, which Braze
    does not write, but re-exports by other tools do.
    """
    if isinstance(schema, list):
        return next(filter(None, map(_fixer_of, schema)), None)
    if not isinstance(schema, dict):
        return _fix_number if schema == "float" else None
    if "logicalType" in schema:
        return _fix_logical
    kind = schema.get("type")
    if kind == "record":
        fixers = {f["name"]: _fixer_of(f["type"]) for f in schema["fields"]}
        needed = {name: fix for name, fix in fixers.items() if fix}
        return functools.partial(_fix_record, needed) if needed else None
    if kind in ("array", "map"):
        fix = _fixer_of(schema["items" if kind == "array" else "values"])
        return functools.partial(_fix_items, fix) if fix else None
    return _fixer_of(kind)


def _fix_number(value: Any) -> Any:
    return shortest_float32(value) if value.__class__ is float else value


def _fix_logical(value: Any) -> Any:
    """Return a time in UTC epoch seconds, a decimal as a float, others as text."""
    if isinstance(value, dt.datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        seconds = zoned.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, decimal.Decimal):
        return float(value)
    return str(value) if isinstance(value, dt.date | dt.time | uuid.UUID) else value


def _fix_record(fixers: dict[str, _Fixer], record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return record | {name: fix(record[name]) for name, fix in fixers.items()}


def _fix_items(fix: _Fixer, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: fix(item) for key, item in value.items()}
    return [fix(item) for item in value] if isinstance(value, list) else value
