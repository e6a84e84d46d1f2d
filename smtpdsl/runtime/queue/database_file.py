"""What the file of the queue says of itself, looked at before SQLite opens it, which could change it.

no header             damaged
another application   none of ours
a newer schema        for the version that wrote it
"""

from __future__ import annotations

from pathlib import Path

from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.schema import APPLICATION_ID, SCHEMA

_MAGIC = b"SQLite format 3\0"
# Where the header of a database file has the number of its schema, and what application it belongs to.
_HEADER_OCTETS = 100
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)


def look_at_header(path: Path) -> None:
    """Refuse the file *path* if it is no queue.

    Raises:
        SpoolError: It is none, damaged, or newer.
        OSError: It cannot be read and written.
    """
    # Nothing is written, but it must be possible to.
    with path.open("r+b") as file:
        header = file.read(_HEADER_OCTETS)
    if not header:
        raise problem(path, f"is damaged: {path.name} is empty")
    application = int.from_bytes(header[_APPLICATION_ID])
    if not header.startswith(_MAGIC) or application != APPLICATION_ID:
        raise problem(path, f"is none of smtpdsl: {path.name} is the file of another program")
    if len(header) < _HEADER_OCTETS:
        raise problem(path, f"is damaged: {path.name} ends after {len(header)} octets")
    refuse_newer(path, int.from_bytes(header[_USER_VERSION]))


def refuse_newer(path: Path, schema: int) -> None:
    """Refuse a queue with a *schema* that this version does not know.

    Raises:
        SpoolError: It has one.
    """
    if schema > SCHEMA:
        known = f"this version of smtpdsl knows up to {SCHEMA}: run the version that wrote it"
        raise problem(path, f"has schema {schema}, and {known}")


def problem(path: Path, text: str) -> SpoolError:
    """Say what is wrong with the spool that has the file *path*."""
    return SpoolError(f"the spool {path.parent} {text}")
