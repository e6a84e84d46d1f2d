"""What filters say, and what a session does about it.

a filter says    Proceed   Report        the next one of the chain is asked
                 Junk   Refuse   Rewrite  the phase has been decided
                 Bypass                   so has the rest of the session
a session hears  Proceed   Junk   Refuse   Rewrite
"""

from __future__ import annotations

from typing import TypeAlias

from smtpdsl.mail.reply import Reply
from smtpdsl.record import Record


class Proceed(Record):
    """Go on as if nobody had been asked."""


class Junk(Record):
    """Go on; `FilterSession.is_junk` remembers that the message is to be marked."""


class Refuse(Record):
    """Answer with *reply*, and end the session if it *closes*.

    *filter* is who says so, *place* its file and line, *why* what the reply does not tell;
    all three are for the log.
    """

    reply: Reply
    closes: bool
    filter: str
    place: str
    why: str = ""


class Rewrite(Record):
    """Take *text* for what the client has said behind the command; see `filters.rewriting`."""

    text: str
    filter: str
    place: str


class Report(Record):
    """Tell *text* to those who listen, and go on."""

    text: str


class Bypass(Record):
    """Ask no filter of the chain any more."""


Ruling: TypeAlias = Proceed | Junk | Refuse | Rewrite
Said: TypeAlias = Ruling | Report | Bypass

PROCEED = Proceed()
JUNK = Junk()
BYPASS = Bypass()
