"""Objects of a store as binary files, fetched ahead of the reader, with retries."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import io
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final, Self, TypeAlias

import attrs

from braze_heap._text import did_you_mean

logger: logging.Logger = logging.getLogger("braze_heap.storage")

CHUNK: Final = 2 << 20
"""Bytes of a request. Two chunks are in memory, and each one twice on its arrival."""

PART: Final = 16 << 20
"""Bytes of a part of an object that is written. S3 takes 10,000 of them."""

DELAYS: Final = (0.5, 2.0, 8.0)
"""Seconds before each retry of a failed request, besides retries of the client."""

FileSystem: TypeAlias = Any
"""File system of fsspec, which has no complete types."""

_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "azure"),
}
_PLACES: Final = frozenset({*_EXTRAS, "file", "http", "https", "local", "memory"})
_NO_OPTIONS: Final[Mapping[str, Any]] = {}


@attrs.frozen
class StoredObject:
    """
    One version of an object in a store, or of a local file.

    Attributes:
        url: URL or path.
        size: Size in bytes.
        version: ETag or time of the last change, as text; ``""`` if unknown. An object
            with the same URL, version and size has the same content.
        event_type: Event type in its path; ``None`` if the path has none.
        storage_options: Arguments of the fsspec file system. They can be secret.
    """

    url: str
    size: int
    version: str = ""
    event_type: str | None = None
    storage_options: Mapping[str, Any] = attrs.field(
        default=_NO_OPTIONS, repr=False, eq=False
    )


def open_file_system(
    url: str, storage_options: Mapping[str, Any], doing: str = "read"
) -> tuple[FileSystem, str]:
    """
    Return the file system of *url*, without a cache of listings, and its path there.

    Raises:
        ModuleNotFoundError: fsspec or the package of the store is missing.
        ValueError: The scheme is unknown.
        OSError: Credentials are missing.
    """
    if not url.strip() or url.endswith("://"):
        raise ValueError(
            "the URL or path is empty: check the variable that it comes from, and "
            "write '.' for the working directory"
        )
    options = {"use_listings_cache": False, **storage_options}
    scheme = url.partition("://")[0].rpartition("::")[2] if "://" in url else ""
    try:
        import fsspec

        with explain_errors(url, storage_options, doing):
            if "::" not in url or is_chain(url):
                file_system, path = fsspec.url_to_fs(url, **options)
            else:  # a name that `url_to_fs` would take for a chain
                store = fsspec.get_filesystem_class(scheme or "file")
                options = {**store._get_kwargs_from_urls(url), **options}
                file_system, path = store(**options), store._strip_protocol(url)
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        package = f"braze_heap[{extra}]" if extra else "fsspec"
        raise ModuleNotFoundError(
            f"{shown(url)} cannot be opened: {error}. Install it: "
            f"pip install '{package}'"
        ) from None
    return file_system, path


def is_chain(url: str) -> bool:
    """
    Return whether *url* names several file systems, such as
    ``zip://part.jsonl::s3://bucket/day.zip``. Names in a store may have ``::``, too.
    """
    scheme, colon, rest = url.partition(":")
    return "::" in colon + rest and "://" in url and scheme not in _PLACES


def locate(url: str, storage_options: Mapping[str, Any] = _NO_OPTIONS) -> StoredObject:
    """Return the object at *url*. Raise `OSError` if it is missing or a folder."""
    file_system, path = open_file_system(url, storage_options)
    info = call_store(url, storage_options, file_system.info, path)
    if info["type"] == "directory":
        raise IsADirectoryError(
            f"{shown(url)} is a folder: find its objects with braze_heap.storage.find"
        )
    return stored_object(url, info, storage_options=storage_options)


def stored_object(url: str, info: Mapping[str, Any], **more: Any) -> StoredObject:
    """Return the object that a file system describes as *info*, with its size."""
    if info.get("size") is None:
        raise PermanentStoreError(
            f"{shown(url)}: the server does not report its size: copy it to a file"
        )
    names = ("ETag", "etag", "generation", "mtime", "LastModified", "created")
    version = next((info[name] for name in names if info.get(name)), "")
    if isinstance(version, dt.datetime):  # of one call, but a number of another
        version = version.timestamp()
    return StoredObject(url, info["size"], str(version).strip('"'), **more)


class ObjectFile:
    """
    Binary file of an object.

    It reads the object in order, in ranges, and fetches the next range in *thread*
    while the caller parses the last. A failed request is repeated from its offset.
    """

    def __init__(self, obj: StoredObject, thread: Executor) -> None:
        self.name: str = shown(obj.url)
        self.on_read: Callable[[int], object] = lambda _: None
        """Called with the size of each range."""
        self._object = obj
        self._thread = thread
        self._fs, self._path = open_file_system(obj.url, obj.storage_options)
        self._chunk = io.BytesIO()
        self._end = 0  # offset after the last chunk
        self._next = self._fetch_later()

    def read(self, size: int = -1, /) -> bytes:
        """Return up to *size* bytes, and none at the end."""
        data = self._chunk.read(size)
        if data or self._end >= self._object.size:
            return data
        try:
            chunk = self._next.result() if self._next else self._fetch(self._end)
        except Exception:  # it is repeated here, where Ctrl-C interrupts the delays
            options = self._object.storage_options
            chunk = call_store(self._object.url, options, self._fetch, self._end)
        self.on_read(len(chunk))
        self._chunk = io.BytesIO(chunk)
        self._end += len(chunk)
        self._next = self._fetch_later()
        return self._chunk.read(size)

    def check_unchanged(self) -> None:
        """Raise an `OSError` if the object was overwritten or deleted meanwhile."""
        url, version = self._object.url, self._object.version
        options = self._object.storage_options
        info = call_store(url, options, self._fs.info, self._path)
        if version and stored_object(url, info).version != version:
            raise OSError(f"{self.name} was overwritten meanwhile: read it again")

    @property
    def is_long(self) -> bool:
        """Whether it takes several requests, between which it can change."""
        return self._object.size > CHUNK

    def _fetch_later(self) -> Future[bytes] | None:
        if self._end < self._object.size:
            with contextlib.suppress(RuntimeError):  # the thread has ended
                return self._thread.submit(self._fetch, self._end)
        return None

    def _fetch(self, start: int) -> bytes:
        end = min(start + CHUNK, self._object.size)
        data: bytes = self._fs.cat_file(self._path, start=start, end=end)
        if not data:
            raise OSError(f"it ends at byte {start:,} of {self._object.size:,}")
        if len(data) > end - start:
            raise PermanentStoreError(
                f"{self.name}: the server does not support ranges: copy it to a file"
            )
        return data


class ObjectWriter:
    """
    Binary file that becomes an object at the end of the block, unless that raises.

    Parts are uploaded meanwhile. They are removed if the block raises.

    Raises:
        OSError: The object cannot be written. The message says what to do.
        ModuleNotFoundError, ValueError: See `open_file_system`.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any]) -> None:
        if url.endswith("/") or "/" not in url.partition("://")[2]:
            raise ValueError(f"{shown(url)} names no object: add a name after a slash")
        self._explained = functools.partial(
            explain_errors, url, storage_options, "write"
        )
        self._fs, self._path = open_file_system(url, storage_options, "write")

    def __enter__(self) -> Self:
        with self._explained():
            self._fs.start_transaction()
            self._file = self._fs.open(self._path, "wb", block_size=PART)
        return self

    def write(self, data: bytes, /) -> int:
        """Write *data*."""
        with self._explained():
            number: int = self._file.write(data)
        return number

    def flush(self) -> None:
        """Do nothing, because parts have a least size."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with contextlib.ExitStack() as undo:
            undo.callback(self._discard)
            if kind is None:
                with self._explained():
                    self._file.close()
                    self._fs.end_transaction()
                undo.pop_all()

    def _discard(self) -> None:
        with contextlib.suppress(Exception):  # the store may be away
            self._fs.transaction.complete(commit=False)
        with contextlib.suppress(AttributeError):  # else a file completes itself
            self._file.closed = True


class PermanentStoreError(OSError):
    """An error of a store that a retry does not fix."""


@contextlib.contextmanager
def open_object(obj: StoredObject) -> Iterator[ObjectFile]:
    """Open *obj* with a thread of its own, which ends with the block."""
    with prefetch_thread() as thread:
        yield ObjectFile(obj, thread)


@contextlib.contextmanager
def prefetch_thread() -> Iterator[Executor]:
    """Return a thread for `ObjectFile`, which ends after the block."""
    thread = ThreadPoolExecutor(1, "braze-heap-prefetch")
    try:
        yield thread
    finally:
        # The garbage collector may run this, in any thread: waiting could deadlock.
        thread.shutdown(wait=False, cancel_futures=True)


def call_store(
    url: str,
    storage_options: Mapping[str, Any],
    function: Callable[..., Any],
    *args: Any,
    **more: Any,
) -> Any:
    """Call *function* of a file system, and repeat it after an error that may pass."""
    for delay in DELAYS:
        try:
            with explain_errors(url, storage_options):
                return function(*args, **more)
        except (FileNotFoundError, PermissionError, PermanentStoreError):
            raise
        except OSError as error:
            logger.warning("%s; the next attempt is in %g seconds", error, delay)
        time.sleep(delay)
    with explain_errors(url, storage_options):
        return function(*args, **more)


_ADVICE: Final[tuple[tuple[str, type[OSError], str], ...]] = (
    (
        (
            r"(FileNotFound|NotADirectory|ResourceNotFound)Error|\w+ 404"
            r"|.*(NoSuchBucket|NoSuchKey|bucket does not exist)"
        ),
        FileNotFoundError,
        "there is no such bucket, container, folder or object. Check its name",
    ),
    (
        r"TypeError",
        PermanentStoreError,
        "an option of the client in storage_options is wrong",
    ),
    (
        r"\w+ 301|.*(PermanentRedirect|HeaderMalformed|IllegalLocation|\bregion\b)",
        PermanentStoreError,
        (
            "the bucket is in another region. Set AWS_REGION, or region_name in "
            "client_kwargs of storage_options"
        ),
    ),
    (
        (
            r"PermissionError|\w+ 40[13]|.*(NoCredentials|locate credentials"
            r"|InvalidAccess|PartialCredentials|CredentialRetrieval|ProfileNotFound"
            r"|TokenRetrieval|ExpiredToken|SignatureDoesNotMatch|DefaultCredentials"
            r"|RefreshError|ClientAuthentication|AuthenticationFailed"
            r"|with credentials|account_name|Access ?Denied|Forbidden)"
        ),
        PermissionError,
        (
            "credentials are missing, expired, or do not allow it. Set them "
            "as the client of the store expects (AWS_PROFILE, "
            "GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_CONNECTION_STRING) or in "
            "storage_options"
        ),
    ),
)
"""Beginning of an error of a store, class to raise instead, and advice."""


@contextlib.contextmanager
def explain_errors(
    url: str, storage_options: Mapping[str, Any] = _NO_OPTIONS, doing: str = "read"
) -> Iterator[None]:
    """Raise errors of a store as `OSError`, with the URL and advice, but no secret."""
    try:
        yield
    except (ImportError, PermanentStoreError):
        raise
    except Exception as error:
        if isinstance(error, ValueError) and "rotocol not known" in str(error):
            scheme = url.partition("://")[0]
            hint = did_you_mean(scheme.lower(), _PLACES)
            raise ValueError(
                f"{shown(url)} has an unknown scheme, {scheme!r}{hint and '.' + hint}"
            ) from None
        if isinstance(error, PermissionError) and "://" not in url:
            raise PermissionError(
                f"cannot {doing} {url}: {error.strerror}. Check the permissions of the "
                "file and of the folders above it"
            ) from error
        codes = (getattr(error, name, "") for name in ("status", "code", "status_code"))
        status = next((f" {code}" for code in codes if isinstance(code, int)), "")
        detail = _without(" ".join(str(error).split()), storage_options)
        text = _SECRET.sub("…", f"{type(error).__name__}{status}: {detail}"[:_MAX_TEXT])
        raise _explained(f"cannot {doing} {shown(url)}", text) from error


def _without(text: str, options: object) -> str:
    """Return *text* without the values of *options*."""
    if isinstance(options, Mapping):
        for value in options.values():
            text = _without(text, value)
    elif isinstance(options, str) and options:
        text = re.sub(rf"(?<!\w){re.escape(options)}(?!\w)", "…", text)
    return text


def _explained(failure: str, text: str) -> OSError:
    for pattern, kind, advice in _ADVICE:
        if re.match(pattern, text):
            return kind(f"{failure}: {advice} ({text})")
    return OSError(f"{failure}: {text}")


def is_same_url(first: str, second: str) -> bool:
    """Return whether two URLs are the same, such as ``s3://a/b`` and ``s3a://a/b``."""
    (kind, _, path), (other, _, rest) = (u.partition("://") for u in (first, second))
    return path == rest and _EXTRAS.get(kind, kind) == _EXTRAS.get(other, other)


_MAX_TEXT: Final = 300
_SECRET: Final = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)|(?<=\?)\S+")


def shown(url: str) -> str:
    """Return *url* without passwords and signatures."""
    return _SECRET.sub("…", url) if "://" in url else os.fspath(url)
