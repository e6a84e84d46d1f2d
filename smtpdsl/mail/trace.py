"""Trace fields: who took a message from whom, and when (RFC 5321 §4.4).

    X-Spam: Yes
    Received: from client.example (<unknown> [192.0.2.9])
    <TAB>by mx.example (smtpdsl) with ESMTPSA id 5f1e02aa (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) auth=yes user=joe
    <TAB>for <joe@example.org>;
    <TAB>Sun, 22 Nov 2026 12:46:37 +0000 (UTC)

Lines end in LF, as mail data is kept.  Whatever a client says of itself is one word here: it
can neither end the field nor look like another part of it.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import LOCAL, Client

# How the loop of a message shows (RFC 5321 §6.3 asks for a limit of at least 100).
MAX_RECEIVED_FIELDS = 100
# What a filter that takes a message for junk leaves for the delivery.
SPAM_FIELD = b"X-Spam: Yes\n"

# RFC 5322 §3.3 knows these names only, whatever the locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# What can stand anywhere in the field: printable ASCII but for what begins or ends a comment, a quoted pair or the
# date.  Longer words than a domain may be would only make long lines.
_MAX_WORD_CHARACTERS = 255
_IS_WORD = re.compile(rf"[!-'*-:<-\[\]-~]{{1,{_MAX_WORD_CHARACTERS}}}").fullmatch
_STRANGER = re.compile(r"[^!-'*-:<-\[\]-~]")


class TraceTls(NamedTuple):
    """The TLS of a connection: ``TLSv1.3``, the cipher, its bits, and whether the client's certificate was verified."""

    version: str
    cipher: str
    bits: int
    is_verified: bool = False


class Passage(NamedTuple):
    """How the messages of a client come: what their Received fields have in common.

    `protocol` is what `with_protocol` says.  With `masks_source` the client is left out; with
    `tells_login` its login is told, or that there is none.  One that `is_utf8` may name the client
    and its login in UTF-8.
    """

    client: Client
    server_name: str
    protocol: str
    masks_source: bool = False
    tells_login: bool = False
    channel: TraceTls | None = None
    is_utf8: bool = False


def with_protocol(
    *,
    is_esmtp: bool,
    is_secure: bool = False,
    is_authenticated: bool = False,
    is_utf8: bool = False,
    is_lmtp: bool = False,
) -> str:
    """Return the name of what was spoken, as IANA keeps them (RFC 3848 §1, RFC 6531 §4.3).

    After HELO it is ``SMTP`` whatever the channel: there is no name for that with TLS.
    """
    if not is_esmtp and not is_lmtp:
        return "SMTP"
    name = "LMTP" if is_lmtp else "SMTP" if is_utf8 else "ESMTP"
    return f"{'UTF8' if is_utf8 else ''}{name}{'S' if is_secure else ''}{'A' if is_authenticated else ''}"


class TraceFields:
    """The Received fields of messages that come the same way, which differ in little."""

    __slots__ = ("_before", "_behind")

    def __init__(self, passage: Passage) -> None:
        """Tell of *passage*."""
        client, is_utf8 = passage.client, passage.is_utf8
        before, behind = "Received: ", ""
        if not passage.masks_source:
            name = _word(client.rdns, is_utf8=is_utf8) if client.rdns else "<unknown>"
            before += f"from {_word(client.helo, is_utf8=is_utf8)} ({name} {_literal(client)})\n\t"
        before += f"by {passage.server_name} (smtpdsl) with {passage.protocol} id "
        if passage.channel is not None:
            version, cipher, bits, is_verified = passage.channel
            behind += f" ({_word(version)}:{_word(cipher)}:{bits}:{'YES' if is_verified else 'NO'})"
        if passage.tells_login:
            behind += " auth=no" if client.login is None else f" auth=yes user={_word(client.login, is_utf8=is_utf8)}"
        self._before, self._behind = before, behind

    def received(
        self, identifier: str, moment: float, recipient: Mailbox | None = None, *, is_junk: bool = False
    ) -> bytes:
        """Return the field of a message, folded, with its line ends.

        Args:
            identifier: What the message is called here.
            moment: When it came, in seconds since 1970.
            recipient: Named only if there is a single one, so that nobody learns of others.
            is_junk: The message is to be marked, before the field.
        """
        whom = "" if recipient is None else f"\n\tfor <{recipient}>"
        text = f"{self._before}{identifier}{self._behind}{whom};\n\t{date_time(moment)}\n"
        field = text.encode("utf-8", "replace")
        return SPAM_FIELD + field if is_junk else field


def date_time(moment: float) -> str:
    """Return *moment* (seconds since 1970) as a date-time of RFC 5322 §3.3, in local time."""
    return _second(int(moment // 1), time.tzname)


# Many messages come in one second, and most of them are told the time twice.
@lru_cache(maxsize=4)
def _second(second: int, _zone: tuple[str, str]) -> str:
    here = time.localtime(second)
    minutes = here.tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02} ({here.tm_zone})"
    day = f"{_DAYS[here.tm_wday]}, {here.tm_mday} {_MONTHS[here.tm_mon - 1]} {here.tm_year}"
    return f"{day} {here.tm_hour:02}:{here.tm_min:02}:{here.tm_sec:02} {zone}"


def _word(text: str, *, is_utf8: bool = False) -> str:
    """Return *text* as one word, a question mark in the place of what cannot be in it."""
    if _IS_WORD(text):
        return text

    def stand_in(found: re.Match[str]) -> str:
        return found[0] if is_utf8 and found[0] > "~" and found[0].isprintable() else "?"

    return _STRANGER.sub(stand_in, text[:_MAX_WORD_CHARACTERS]) or "?"


def _literal(client: Client) -> str:
    """The client's address in one pair of brackets."""
    return client.source if client.source.startswith("[") else f"[{LOCAL if client.is_socket else client.source}]"
