"""
Files in object stores and folders, found by event type and hour, and streamed.

>>> for obj in find("s3://bucket/braze", include="engagement", since=date(2026, 1, 15)):
>>>     pipeline.run(read(obj))

Any URL of fsspec works; ``s3:``, ``gs:`` and ``abfs:`` need the extras ``s3``, ``gcs``
and ``azure``. A path without a scheme is a local file or folder. To read the URL of one
object, use `read_events`.
"""

from braze_heap.storage._find import find, read, read_each
from braze_heap.storage._objects import StoredObject

__all__ = ["StoredObject", "find", "read", "read_each"]
