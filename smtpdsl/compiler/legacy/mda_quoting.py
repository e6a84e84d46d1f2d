"""The command of a legacy `mda` as a real OpenSMTPD of today must be given it.

Up to 6.3 one shell read the command.  Since 6.4 it stands in double quotes in the
command line of a first shell, and a second one reads what is left:

    legacy     sh -c  COMMAND
    modern     sh -c  'mail.mda "COMMAND"'   ->   sh -c  COMMAND

Our own engine keeps the command and gives it to one shell, so only printed modern text
needs this.
"""

from __future__ import annotations

# What a shell does not take literally between double quotes (POSIX, Shell Command Language 2.2.3).
_SPECIAL = '"\\$`'


def requote_mda(command: str) -> str:
    """Return the command that means behind two shells what *command* meant behind one."""
    if not any(character in command for character in "'\\$`") and command.count('"') % 2 == 0:
        # Nothing in these quotes is special, so the other kind does the same and needs no escapes.
        return command.replace('"', "'")
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in command)
