"""The passwords of system accounts where PAM is not used: shadow(5).

    ann:$y$j9T$…:19700:0:99999:7:::
    ben:!:19700:0:99999:7::19800:        locked, and expired on a day that is counted from 1970

Read afresh for each login: the file is short, and a password that was changed counts at once.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.runtime.credentials.stored import Checked, CheckError, Locked, Stored, read_stored, typical

SHADOW = "/etc/shadow"

_HASH = 1
_EXPIRES = 7


class ShadowFile(NamedTuple):
    """What the file says: the usable accounts, and what to check everybody else against."""

    stored: dict[str, Stored]
    decoy: Checked


def read_shadow(path: str, today: int) -> ShadowFile:
    """Read *path*; *today* is the number of days since 1970.

    Raises:
        CheckError: It cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - a path of the system
            lines = file.read().splitlines()
    except OSError as error:
        message = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise CheckError(message) from None
    stored: dict[str, Stored] = {}
    for line in lines:
        fields = line.split(":")
        held = read_stored(fields[_HASH]) if len(fields) > _EXPIRES else None
        if held is not None:
            stored[fields[0]] = Locked(is_shut=True) if _is_expired(fields[_EXPIRES], today) else held
    return ShadowFile(stored, typical([each for each in stored.values() if not isinstance(each, Locked)]))


def _is_expired(day: str, today: int) -> bool:
    return day.isascii() and day.isdigit() and int(day) <= today
