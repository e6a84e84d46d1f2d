"""Where `lmtp` delivers: a socket of this machine, or a host and its port.

/var/run/lmtp.sock      a path
localhost:24            host and port; a name of services(5) will do
[::1]:24                brackets around an IPv6 address
localhost               port 25
"""

from __future__ import annotations

import string

from smtpdsl.ir.number import read_number
from smtpdsl.ir.url_parts import MAX_PORT, split_url
from smtpdsl.mail.ip import ipv6_value
from smtpdsl.record import Record
from smtpdsl.text_error import TextError

DEFAULT_PORT = 25

_SERVICE_CHARACTERS = string.ascii_letters + string.digits + "-"
# How other programs write a socket or a host.
_FOREIGN = ("lmtp:unix:", "lmtp:inet:", "lmtp:", "unix:", "inet:")


class LmtpDestination(Record):
    """A socket's `path`, or `host`, without brackets, and `port`, a number or a name of services(5)."""

    path: str | None = None
    host: str = ""
    port: int | str = DEFAULT_PORT


def parse_lmtp_destination(text: str) -> LmtpDestination:
    """Read the argument of `lmtp`, its format specifiers expanded.

    Raises:
        TextError: No delivery to *text* can succeed.
    """
    if text.startswith("/"):
        return LmtpDestination(path=text)
    _refuse_foreign(text)
    host, colon, service = text.rpartition(":")
    if not colon or text.endswith("]"):
        return LmtpDestination(host=_read_host(text))
    if ipv6_value(host) is not None or ipv6_value(text) is not None:
        # Both ways to read it are common, and nobody can tell which is meant.
        advice = f'write "[{host}]:{service}", or "[{text}]" if all of it is the address'
        message = f'expected an IPv6 address in brackets, found "{text}"'
        raise TextError(message, 0, len(text), advice)
    return LmtpDestination(host=_read_host(host), port=_read_port(service, len(host) + 1))


def _read_host(text: str) -> str:
    parts = split_url(text)
    for odd in parts.oddities:
        raise TextError(odd.message, odd.start, odd.end)
    if parts.label is not None:
        message = f'expected a host, found "@" after "{parts.label}"'
        raise TextError(message, *parts.label_span)
    return parts.host


def _read_port(text: str, start: int) -> int | str:
    port = read_number(text, MAX_PORT)
    if port:
        return port
    if text[:1].isalpha() and not text.strip(_SERVICE_CHARACTERS):
        return text
    message = f'expected a port from 1 to {MAX_PORT} after the colon, found "{text}"'
    # With nothing after it, the colon is what can be pointed at.
    raise TextError(message, start if text else start - 1, start + len(text))


def _refuse_foreign(text: str) -> None:
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme = next((foreign for foreign in _FOREIGN if text.lower().startswith(foreign)), "")
        rest = text[len(scheme) :]
        # A host may be called "lmtp", and its port follows a colon.
        mark = "" if rest.isdecimal() else scheme
    if mark and rest:
        message = f'expected a path or a host, found "{text[: len(text) - len(rest)]}"'
        raise TextError(message, 0, len(text) - len(rest), f'write "{rest}"')
