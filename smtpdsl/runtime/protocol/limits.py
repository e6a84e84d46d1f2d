"""How much a client may ask for in one session."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Limits of a session; the numbers of `smtp limit` and `smtp max-message-size` are among them.

    A command line is counted with its CRLF (RFC 5321 §4.5.3.1.4 and extensions ask for far
    less than 2048), a message with LF at the end of each line.  `max_mails` counts the
    messages that were accepted, `max_recipients` the accepted recipients of one of them,
    `max_errors` the commands that were refused for good because they broke the protocol.
    `max_commands` counts the commands since the last message that was accepted, but neither
    accepted recipients nor chunks (BDAT), which have limits of their own: what a client may
    ask without getting anywhere, recipients that do not exist among it.
    """

    max_command_octets: int = 2048
    max_message_octets: int = 36_700_160
    max_recipients: int = 1000
    max_mails: int = 100
    max_errors: int = 20
    max_commands: int = 1000
