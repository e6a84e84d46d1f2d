"""Opens a spool: its lock, its database and its files, or says in one sentence why not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.folder import SpoolError, SpoolLock, claim_spool
from smtpdsl.runtime.queue.spool import CONTENT, Cleaning, ContentFolder, has_content
from smtpdsl.runtime.queue.sqlite_store import FILE_NAME, SqliteStore
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals


class Spool(NamedTuple):
    """A spool that is ours until the lock is released."""

    store: SqliteStore
    content: ContentFolder
    lock: SpoolLock
    cleaning: Cleaning


def open_spool(path: Path, *, vfs: str | None = None, files: Files | None = None, seals: Seals = PLAIN_SEALS) -> Spool:
    """Open the spool in the folder *path*, and make it if there is none.

    Args:
        path: The folder.
        vfs: What SQLite does its input and output with, if not with the operating system.
        files: What large messages are stored with, if not with the operating system.
        seals: How its entries are sealed.

    Raises:
        SpoolError: It is in use, damaged, newer than this version, needs a key, or cannot be read and written.
    """
    lock = claim_spool(path)
    try:
        _refuse_lost_database(path)
        store = SqliteStore(path, vfs=vfs, seals=seals)
        try:
            content = ContentFolder(path, files, seals)
            return Spool(store, content, lock, content.clean(store.has_file))
        except SpoolError:
            store.abort()
            raise
    except SpoolError:
        lock.release()
        raise


def _refuse_lost_database(path: Path) -> None:
    """Refuse to make a new database for old files: it would know none of them, and cleaning would remove them all."""
    if not (path / FILE_NAME).exists() and has_content(path):
        message = f"the spool {path} is damaged: {FILE_NAME} is gone, and there are messages in {CONTENT}"
        raise SpoolError(message)
