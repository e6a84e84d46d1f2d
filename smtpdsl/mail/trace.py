"""Trace fields: who took a message from whom, and when (RFC 5321 §4.4).

    Received: from client.example (<unknown> [192.0.2.9])
    <TAB>by mx.example (smtpdsl) with ESMTP id 5f1e02aa
    <TAB>for <joe@example.org>;
    <TAB>Sun, 22 Nov 2026 12:46:37 +0000 (UTC)

Lines end in LF, as mail data is kept.
"""

from __future__ import annotations

import time

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.record import Record

# How the loop of a message shows (RFC 5321 §6.3 asks for a limit of at least 100).
MAX_RECEIVED_FIELDS = 100

# RFC 5322 §3.3 knows these names only, whatever the locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Reception(Record):
    """What the Received field of a message tells.

    *recipient* is named only if there is a single one, so that nobody learns of others.
    With *masks_source* the client is left out; with *tells_login* its login is told, or
    that there is none.
    """

    client: Client
    server_name: str
    protocol: str
    identifier: str
    time: float
    recipient: Mailbox | None = None
    masks_source: bool = False
    tells_login: bool = False


def received_field(reception: Reception) -> bytes:
    """Return the Received field of *reception*, folded, with its line ends."""
    client = reception.client
    origin = (
        "" if reception.masks_source else f"from {client.helo} ({client.rdns or '<unknown>'} {_literal(client)})\n\t"
    )
    text = f"Received: {origin}by {reception.server_name} (smtpdsl) with {reception.protocol} id {reception.identifier}"
    if reception.tells_login:
        text += " auth=no" if client.login is None else f" auth=yes user={client.login}"
    if reception.recipient is not None:
        text += f"\n\tfor <{reception.recipient}>"
    return f"{text};\n\t{date_time(reception.time)}\n".encode()


def date_time(moment: float) -> str:
    """Return *moment* (seconds since 1970) as a date-time of RFC 5322 §3.3, in local time."""
    here = time.localtime(moment)
    minutes = here.tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02} ({here.tm_zone})"
    day = f"{_DAYS[here.tm_wday]}, {here.tm_mday} {_MONTHS[here.tm_mon - 1]} {here.tm_year}"
    return f"{day} {here.tm_hour:02}:{here.tm_min:02}:{here.tm_sec:02} {zone}"


def _literal(client: Client) -> str:
    """The client's address in one pair of brackets."""
    return client.source if client.source.startswith("[") else f"[{LOCAL if client.is_socket else client.source}]"
