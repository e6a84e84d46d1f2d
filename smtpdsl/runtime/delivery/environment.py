"""The environment of a command that gets a message: these variables and no others."""

from __future__ import annotations

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.interfaces import Identity

PATH = "/usr/bin:/bin"
SHELL = "/bin/sh"


def command_environment(
    identity: Identity, login: str, recipient: Mailbox, dest: Mailbox, reverse_path: ReversePath, extension: str = ""
) -> tuple[tuple[str, str], ...]:
    """Return the variables as OpenSMTPD has them.

    Args:
        identity: Who runs the command: its home directory.
        login: The user whose mail it is, also where the action delivers as another one.
        recipient: What RCPT named.
        dest: What became of it by virtual users and aliases.
        reverse_path: What MAIL named; ``SENDER`` is empty if it is null.
        extension: The sub-address.  Without one there is no ``EXTENSION``; commands from
            aliases and .forward files never get it.
    """
    variables = (
        ("PATH", PATH),
        ("HOME", identity.home),
        ("SHELL", SHELL),
        ("USER", login),
        ("LOGNAME", login),
        ("LOCAL", recipient.local_part),
        ("DOMAIN", recipient.domain),
        ("RECIPIENT", str(dest)),
        ("ORIGINAL_RECIPIENT", str(recipient)),
        ("SENDER", str(reverse_path.mailbox or "")),
    )
    return (*variables, ("EXTENSION", extension)) if extension else variables
