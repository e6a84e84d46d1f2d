"""Cut a relay URL at its marks, in either generation of the language.

    tls+auth  ://  ann  @  mx.example  :  587
    scheme         label   host           port

Which schemes there are, and which of them take a label, is for
`ir.relay_url` and `ir.legacy_relay_url` to say.
"""

from __future__ import annotations

import string
from typing import NamedTuple

from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.text_error import TextError

MAX_PORT = 65535

_HOST_CHARACTERS = string.ascii_letters + string.digits + ".-_"


class RelayUrlError(TextError):
    """A text that is no relay URL, or one that nothing can ever be relayed to."""


class Oddity(NamedTuple):
    """Characters of a URL that do something else than they say."""

    start: int
    end: int
    message: str


class UrlParts(NamedTuple):
    """The parts of a URL: *scheme* in lower case, *host* without brackets and starting at *host_start*."""

    scheme: str | None
    label: str | None
    host: str
    port: int | None
    oddities: tuple[Oddity, ...]
    host_start: int

    @property
    def authority(self) -> str:
        """What follows the scheme."""
        return authority_text(self.label, self.host, self.port)

    @property
    def label_span(self) -> tuple[int, int]:
        """Where the label stands in the text."""
        end = self.host_start - 1
        return end - len(self.label or ""), end


def authority_text(label: str | None, host: str, port: int | None) -> str:
    """Write what follows a scheme: ``[label@]host[:port]``."""
    name = f"[{host}]" if ":" in host else host
    return (f"{label}@" if label else "") + name + (f":{port}" if port else "")


def split_url(text: str) -> UrlParts:
    """Cut *text* at its marks; any scheme, label or neither may stand before the host.

    Raises:
        RelayUrlError: The host or the port is wrong.
    """
    before, mark, after = text.partition("://")
    if not mark:
        before, after = "", text
    label, at, _ = after.partition("@")
    label_start = len(before) + len(mark)
    host_start = label_start + len(label) + 1 if at else label_start
    oddities = []
    if at and not label:
        oddities.append(Oddity(label_start, host_start, "an empty label means no authentication"))
    host, end = _read_literal(text, host_start) if text.startswith("[", host_start) else _read_name(text, host_start)
    port = None
    if text.startswith(":", end):
        port, end = _read_port(text, end + 1), len(text)
    if end < len(text):
        oddities.append(_ignored(text, host, host_start, end))
    return UrlParts(
        before.lower() if mark else None, label if at and label else None, host, port, tuple(oddities), host_start
    )


def _read_name(text: str, start: int) -> tuple[str, int]:
    """Return the host name or IPv4 address that begins at *start*, and where it ends."""
    rest = text[start:]
    host = rest[: len(rest) - len(rest.lstrip(_HOST_CHARACTERS))]
    if rest.count(":") > 1 and _is_address(rest):
        message = f'expected an IPv6 address in brackets, found "{rest}"'
        raise RelayUrlError(message, start, len(text), f'write "{text[:start]}[{rest}]"')
    if not host:
        raise _no_host(text, start)
    if problem := host_name_problem(host):
        bare = host.rstrip(".")
        advice = f'write "{bare}"' if not host_name_problem(bare) else ""
        raise RelayUrlError(problem, start, start + len(host), advice)
    return host, start + len(host)


def _no_host(text: str, start: int) -> RelayUrlError:
    rest = text[start:]
    if not rest:
        found = f' after "{text}"' if text else ", found nothing"
        return RelayUrlError(f"expected a host{found}", 0, len(text))
    advice = ""
    if rest.startswith("/"):
        advice = f'a Unix socket is reached by the method `lmtp "{rest}"` of an action, not by a URL'
    return RelayUrlError(f'expected a host, found "{rest}"', start, len(text), advice)


def _read_literal(text: str, start: int) -> tuple[str, int]:
    """Return the address in the brackets that open at *start*, and where they end."""
    close = text.find("]", start)
    if close < 0:
        message = f'expected "]" after "{text[start:]}"'
        raise RelayUrlError(message, start, len(text))
    address = text[start + 1 : close]
    # RFC 5321 §4.1.3 writes [IPv6:...]; both forms were always taken.
    if address[:5].lower() == "ipv6:":
        address = address[5:]
    if not _is_address(address):
        message = f'expected an address between the brackets, found "{address}"'
        advice = "" if host_name_problem(address) else f'write "{address}" without brackets'
        raise RelayUrlError(message, start, close + 1, advice)
    return address, close + 1


def _is_address(text: str) -> bool:
    """Whether *text* is an IPv4 address, or an IPv6 address with or without a scope."""
    address, percent, scope = text.partition("%")
    return ipv4_value(text) is not None or (ipv6_value(address) is not None and bool(scope) == bool(percent))


def _read_port(text: str, start: int) -> int:
    """Return the port that is all the text from *start* on."""
    written = text[start:]
    digits = written[: len(written) - len(written.lstrip(string.digits))]
    port = int(digits) if 0 < len(digits) <= len(str(MAX_PORT)) else 0
    if digits == written and 0 < port <= MAX_PORT:
        return port
    message = f'expected a port from 1 to {MAX_PORT}, found "{written}"'
    if digits and digits != written:
        message = f'expected nothing after the port "{digits}", found "{written[len(digits) :]}"'
        start += len(digits)
    advice = ""
    if "://" not in text and not digits:
        advice = f'"://" follows a scheme: write "{text[: start - 1]}://{written.lstrip("/")}"'
    # With nothing after it, the colon is what can be pointed at.
    raise RelayUrlError(message, start if written else start - 1, len(text), advice)


def _ignored(text: str, host: str, host_start: int, end: int) -> Oddity:
    """Say what becomes of *text* from *end* on, where the host is over."""
    rest = text[end:]
    if host_start == 0 and rest.startswith("//"):
        return Oddity(0, len(text), f'the host is "{host}" here: "://" makes a scheme, found "//"')
    if rest.startswith("@"):
        return Oddity(end, len(text), f'the host is "{host}" here: a label holds no "@", and "{rest}" is ignored')
    return Oddity(end, len(text), f'only a port may follow the host: "{rest}" is ignored')
