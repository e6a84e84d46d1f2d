"""A program as the configuration declares it, and what a shell is told to start it.

    /usr/local/bin/spam -v      exec /usr/local/bin/spam -v
    filter-rspamd               exec /usr/libexec/opensmtpd/filter-rspamd, or in another folder of helpers

The words are a shell's: quotes mean what they mean there, and ``|`` is a pipe.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from smtpdsl.ir.system_paths import HELPER_FOLDERS

# No account has this number (POSIX): whoever runs the server.
NOBODY_ELSE = -1


class ProgramCommand(NamedTuple):
    """What is run, and as whom.

    *name* is what the configuration calls it, and the log.  Where a server is root's it runs as
    the *user* with the numbers *uid* and *gid*, and no other groups; elsewhere as whoever runs the
    server.  *chroot* is its root folder; empty if that is the system's.
    """

    name: str
    command: str
    user: str = ""
    uid: int = NOBODY_ELSE
    gid: int = NOBODY_ELSE
    chroot: str = ""


class ProgramError(Exception):
    """A program cannot be started, or does not do what it should; the text is a clause for the log."""


def shell_line(command: str) -> str:
    """Return what a shell is told for *command*; to be asked where the program will run.

    Raises:
        ProgramError: No folder of helpers has it.
    """
    words = command.lstrip()
    if words.startswith("/"):
        return f"exec {words}"
    if not words:
        message = "its command is empty"
        raise ProgramError(message)
    program, *rest = words.split(maxsplit=1)
    places = [f"{folder}/{program}" for folder in HELPER_FOLDERS]
    found = next(filter(os.path.exists, places), None)
    if found is None:
        message = f"there is no {places[0]}, and it is in no other folder of helpers"
        raise ProgramError(message)
    return " ".join(["exec", found, *rest])
