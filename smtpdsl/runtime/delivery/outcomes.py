"""What became of a local delivery, in words that log tools of OpenSMTPD know.

    Delivered
    Error (user unknown: "no mailbox for joe")
    Error (temporary failure: "/home/joe/Maildir/tmp: No space left on device")

Whatever a program or a file system has said becomes one line of printable characters.
"""

from __future__ import annotations

import errno

from smtpdsl.diagnostics.cells import visible
from smtpdsl.runtime.interfaces import Outcome, Result

# What is kept of something said; more would only fill the log.
_MAX_SAID_CHARACTERS = 500
# RFC 3463: mailbox full, mail system full; otherwise some status of the mailbox.
_STORAGE_STATUS = {errno.EDQUOT: "4.2.2", errno.ENOSPC: "4.3.1"}
MAILBOX_STATUS = "4.2.0"

DELIVERED = Outcome(Result.OK, "Delivered", "2.0.0")


def one_line(said: str | bytes) -> str:
    """Return *said* as printable characters on one line; octets that are no UTF-8 are spelt out."""
    text = said if isinstance(said, str) else said.decode("utf-8", "backslashreplace")
    line = visible(text[: _MAX_SAID_CHARACTERS + 1])
    return line if len(line) <= _MAX_SAID_CHARACTERS else line[:_MAX_SAID_CHARACTERS] + " …"


def temporary(said: str | bytes, *, status: str = "4.3.0", meaning: str = "temporary failure") -> Outcome:
    """Return the outcome of something that may go well at another time."""
    return Outcome(Result.TEMPORARY, _error(meaning, said), status)


def storage_failure(path: str, error: OSError) -> Outcome:
    """Return the outcome of a mailbox at *path*, or a part of it that *error* names, that cannot be written."""
    said = f"{error.filename or path}: {error.strerror}"
    return temporary(said, status=_STORAGE_STATUS.get(error.errno or 0, MAILBOX_STATUS))


def permanent(said: str | bytes, *, status: str = "5.3.0", meaning: str = "permanent failure") -> Outcome:
    """Return the outcome of something that will never go well."""
    return Outcome(Result.PERMANENT, _error(meaning, said), status)


def _error(meaning: str, said: str | bytes) -> str:
    line = one_line(said)
    return f'Error ({meaning}: "{line}")' if line else f"Error ({meaning})"
