"""Table programs for OpenSMTPD 7.5 and earlier, told by what is in their files.

    table-passwd of Debian 12     has "table-api: imsg", and no "register|"     it never understands us

Whatever is no such program for sure, is started.
"""

from __future__ import annotations

import shlex

from smtpdsl.runtime.programs.command import ProgramError, shell_line

INSTALL_NEWER = "install the program as OpenSMTPD 7.6 and later have it, or write one: the manual of tables shows how"
# What their library complains with.
_OLD_WORDS = b"table-api: imsg"
# What every program says that speaks the text protocol.
_NEW_WORDS = b"register|"
_MAX_OCTETS = 4 * 1024 * 1024


def speaks_binary_protocol(command: str) -> bool:
    """Whether the program that *command* starts is one of those that speak no text."""
    try:
        program = shlex.split(shell_line(command))[1]
        with open(program, "rb") as file:  # noqa: PTH123 - as everywhere: no path is built
            octets = file.read(_MAX_OCTETS)
    except (OSError, ValueError, IndexError, ProgramError):
        return False
    return _OLD_WORDS in octets and _NEW_WORDS not in octets
