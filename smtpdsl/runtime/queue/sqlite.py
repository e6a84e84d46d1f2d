"""SQLite, as the embedded store uses it: opening, transactions, and what its errors mean.

    queue.db missing      made as queue.db.new, complete and synced, then renamed: an empty one is always damage
    another application   refused, and not touched
    a newer schema        refused, and not touched
    an older schema       gets what it has not, and is kept by the newer one from now on
    a damaged log         refused where it is needed (`log_damage`), and not touched
    a queue               opened for this process alone, until it ends

The only module that imports apsw, which brings a current SQLite of its own: that of the system may be a
release that damages databases in WAL mode.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import apsw

from smtpdsl.runtime.interfaces import StorageError, StorageFullError
from smtpdsl.runtime.queue.database_file import look_at_header, problem, refuse_newer
from smtpdsl.runtime.queue.folder import SpoolError, sync_folder
from smtpdsl.runtime.queue.log_damage import damaged_octet
from smtpdsl.runtime.queue.schema import (
    CHECKPOINT_PAGES,
    CONNECTION,
    CONVERT,
    CREATE,
    FIRST_ROW,
    SCHEMA,
)
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals

Value: TypeAlias = "int | float | str | bytes | None"
Row: TypeAlias = Sequence[Value]

# How long another program may hold the database when the server starts, in milliseconds.
_PATIENCE = 1000
_MAX_REASON_CHARACTERS = 160
# Few statements are enough for any number of rows, and SQLite keeps them all prepared.
_ROWS_AT_ONCE = (16, 4, 1)


class UnfitError(StorageError):
    """This request cannot be carried out; the others can."""


class DamagedPageError(UnfitError):
    """A part of the database cannot be read; the others can."""


class UnreadableMessageError(DamagedPageError):
    """That part has the row of a message."""

    def __init__(self, message_id: int, text: str) -> None:
        """Tell which."""
        super().__init__(text)
        self.message_id = message_id


def _nothing() -> None:
    pass


@cache
def _for_rows(statement: str, count: int) -> str:
    head, values = statement.rsplit("VALUES", 1)
    return f"{head}VALUES {', '.join([values.strip()] * count)}"


class Database:
    """An open database, for one thread at a time."""

    def __init__(self, connection: apsw.Connection, seals: Seals) -> None:
        """Use *connection*; *seals* are those of the rows."""
        self._connection = connection
        self.seals = seals
        self._log_pages = 0
        connection.set_wal_hook(self._on_commit)
        # How many transactions were committed.
        self.transactions = 0

    def transaction(self, work: Callable[[], None]) -> None:
        """Do *work* in a transaction, which is on stable storage afterwards, or has changed nothing.

        Raises:
            UnfitError: *work* wanted something that cannot be stored.
            StorageFullError: There is no room for it.
            StorageError: The database cannot be read or written.
        """
        self.begin()
        self.end(work)

    def begin(self, work: Callable[[], None] = _nothing) -> None:
        """Begin a transaction with *work*; `end` has to follow, unless this raises what `transaction` does."""
        with self._undone_if_it_fails():
            # A rollback can fail with the disk; then it is made up for here.
            self._roll_back()
            self._connection.execute("BEGIN IMMEDIATE")
            work()

    def end(self, work: Callable[[], None]) -> None:
        """Do the rest of the *work*, and commit; raises what `transaction` does."""
        with self._undone_if_it_fails():
            work()
            self._connection.execute("COMMIT")
        self.transactions += 1

    @contextlib.contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except (apsw.Error, UnfitError, OSError, ValueError, OverflowError, MemoryError) as error:
            failure = error if isinstance(error, UnfitError) else self._failure(error)
            with contextlib.suppress(apsw.Error):
                self._roll_back()
            raise failure from error

    def rows(self, statement: str, values: Row = ()) -> Iterator[tuple[Value, ...]]:
        """Run *statement* and yield its rows as they are found.

        Raises:
            DamagedPageError: A part of the database that it needs is damaged.
        """
        try:
            yield from self._connection.execute(statement, values)
        except apsw.CorruptError as error:
            raise DamagedPageError(_reason(error)) from error

    def number(self, statement: str, values: Row = ()) -> int:
        """Run *statement*, whose result is one number."""
        ((number,),) = self._connection.execute(statement, values).fetchall()
        assert isinstance(number, int), "the tables are strict"
        return number

    def run_for_each(self, statement: str, rows: Sequence[Row]) -> list[tuple[Value, ...]]:
        """Run *statement* once for each of *rows*, and return what it returns."""
        return self._connection.executemany(statement, rows).fetchall() if rows else []

    def insert(self, statement: str, rows: Sequence[Row]) -> None:
        """Run *statement*, which ends with the VALUES of one row, for all of *rows*, many rows at a time.

        Each time SQLite is entered and left, other threads of Python may come between.
        """
        begin = 0
        for count in _ROWS_AT_ONCE:
            while len(rows) - begin >= count:
                values = tuple(chain.from_iterable(rows[begin : begin + count]))
                self._connection.execute(_for_rows(statement, count), values)
                begin += count

    @property
    def has_long_log(self) -> bool:
        """Whether the log should be copied into the database."""
        return self._log_pages >= CHECKPOINT_PAGES

    def checkpoint(self) -> None:
        """Copy the log into the database; whatever fails is done another time.

        Not left to SQLite, which would let the commit wait for it that happens to make the log too long.
        """
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Close; what is in the log is copied into the database if possible, and stays in the log otherwise."""
        _close(self._connection)

    def leave(self) -> None:
        """Close, and leave the database and its log as they are: they may be damaged."""
        with contextlib.suppress(apsw.Error):
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        _close(self._connection)

    def _on_commit(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _failure(self, error: BaseException) -> StorageError:
        # What a quota or a late write says arrives as an error of input and output.
        is_late = isinstance(error, apsw.IOError) and self._connection.system_errno in (errno.ENOSPC, errno.EDQUOT)
        if isinstance(error, apsw.FullError) or is_late:
            return StorageFullError("no space is left for the spool")
        if isinstance(error, apsw.CorruptError):
            return DamagedPageError(f"the spool cannot be read or written: {_reason(error)}")
        if isinstance(error, (apsw.ConstraintError, apsw.TooBigError, ValueError, OverflowError)):
            return UnfitError(f"the queue cannot hold this: {error}")
        return StorageError(f"the spool cannot be read or written: {_reason(error)}")


def open_database(path: Path, first_number: int, vfs: str | None = None, seals: Seals = PLAIN_SEALS) -> Database:
    """Open the database at *path*, and make it if it is missing.

    Args:
        path: The file, in a folder that this process has locked.
        first_number: Where the numbers of messages begin in a new database.
        vfs: What SQLite does its input and output with, if not with the operating system.
        seals: How its rows are sealed.

    Raises:
        SpoolError: It is none of ours, damaged, newer, or cannot be read and written.
    """
    try:
        if path.exists():
            look_at_header(path)
        else:
            _create(path, first_number, vfs)
        return Database(_connect(path, vfs), seals)
    except apsw.Error as error:
        raise problem(path, _complaint(path.name, error)) from error
    except OSError as error:
        raise SpoolError.of(path.parent, error) from error


def look_into_database(path: Path, seals: Seals) -> Database | None:
    """Open the database at *path*, which no server has, only to read; None if an older version wrote it.

    It must not be open for long: a server that starts meanwhile waits a second for it.

    Raises:
        SpoolError: It is not there, none of ours, in use, damaged, newer, or cannot be read.
    """
    try:
        look_at_header(path)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # What is in the log stays there.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            ((schema,),) = connection.execute("PRAGMA user_version").fetchall()
            assert isinstance(schema, int), "it is four octets of the header"
            refuse_newer(path, schema)
        except BaseException:
            _close(connection)
            raise
        if schema < SCHEMA:
            _close(connection)
            return None
        return Database(connection, seals)
    except apsw.Error as error:
        raise problem(path, _complaint(path.name, error)) from error
    except OSError as error:
        raise SpoolError.of(path.parent, error) from error


def _create(path: Path, first_number: int, vfs: str | None) -> None:
    """Make the database under another name, so that it is there as a whole or not at all."""
    if Path(f"{path}-wal").exists():
        # SQLite would take what is in it for a part of the new database.
        raise problem(path, f"is damaged: {path.name} is gone, and {path.name}-wal is there")
    new = Path(f"{path}.new")
    for left_behind in (new, Path(f"{new}-wal"), Path(f"{new}-journal"), Path(f"{new}-shm")):
        left_behind.unlink(missing_ok=True)
    # SQLite takes the mode of its other files from this one.
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(str(new), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.execute(CREATE).fetchall()
        connection.execute(FIRST_ROW, (first_number,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        _close(connection)
    new.rename(path)
    sync_folder(path.parent)


def _connect(path: Path, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.set_busy_timeout(_PATIENCE)
        # Until it is known to be ours, closing leaves everything as it is.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        ((schema,),) = connection.execute("PRAGMA user_version").fetchall()
        assert isinstance(schema, int), "it is four octets of the header"
        refuse_newer(path, schema)
        _refuse_damaged_log(path, connection)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        connection.execute(CONNECTION).fetchall()
        if schema < SCHEMA:
            connection.execute(CONVERT).fetchall()
    except BaseException:
        _close(connection)
        raise
    return connection


def _refuse_damaged_log(path: Path, connection: apsw.Connection) -> None:
    ((page_octets,),) = connection.execute("PRAGMA page_size").fetchall()
    assert isinstance(page_octets, int), "it is a number of the header"
    frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    octet = damaged_octet(path, page_octets, max(0, frames))
    if octet is not None:
        what = f"{path.name}-wal cannot be read from octet {octet} on, and there are messages behind it"
        way = f"once the spool is copied, `truncate -s {octet} {path}-wal` goes on without them"
        raise problem(path, f"is damaged: {what}; {way}")


def _close(connection: apsw.Connection) -> None:
    # What fails leaves the log as it is, for the next start.
    with contextlib.suppress(apsw.Error):
        connection.close()


def _complaint(name: str, error: apsw.Error) -> str:
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return f"is in use: another program has opened {name}"
        case apsw.NotADBError() | apsw.CorruptError():
            return f"is damaged: {name}: {_reason(error)}"
        case apsw.ReadOnlyError():
            return f"cannot be used: {name} can only be read"
        case apsw.FullError():
            return f"cannot be used: no space left on device, {name}"
        case apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return f"cannot be used: permission denied, {name}"
    return f"cannot be read or written: {name}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """Say on one line what SQLite says; it may quote a whole table."""
    return " ".join(str(error).split())[:_MAX_REASON_CHARACTERS]
