"""When filters are asked, and what is known then.

    CONNECT ▶ HELO | EHLO ▶ STARTTLS ▶ AUTH ▶ MAIL_FROM ▶ RCPT_TO … ▶ DATA ▶ DATA_LINE … ▶ COMMIT
                                              RSET, NOOP and QUIT at any time

The names are those of the filter protocol; built-in filters know the phases of the
language only, which are some of them.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client


class Hook(Enum):
    """A moment of a session; the value is its word in the language and in the filter protocol."""

    # A member is equal to itself only; hashing its name, as Enum does, costs a call for each command.
    __hash__ = object.__hash__

    CONNECT = "connect"
    """Before the greeting."""
    HELO = "helo"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    """The command, before any password is looked at."""
    MAIL_FROM = "mail-from"
    RCPT_TO = "rcpt-to"
    DATA = "data"
    """The command, before 354."""
    DATA_LINE = "data-line"
    """Each line of the mail data, the Received field included."""
    COMMIT = "commit"
    """The mail data has ended, and nothing is stored yet."""
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


class Facts(NamedTuple):
    """What is known of a session when a filter is asked.

    *client* has the name that HELO or EHLO just gave.  *fcrdns* says whether the reverse DNS
    name of the client leads back to its address; None means that nobody could tell, which
    holds of the name too then.  The paths are those of the transaction and of this RCPT.
    *argument* is what AUTH has: it may be a password, and only programs are asked about it.
    """

    client: Client
    fcrdns: bool | None = False
    reverse_path: ReversePath | None = None
    recipient: Mailbox | None = None
    argument: str = ""

    def __repr__(self) -> str:
        # What a client says of its password is shown nowhere.
        return f"Facts({self.client!r}, …)"
