"""Mailboxes and the paths of MAIL and RCPT, as values (RFC 5321 §4.1.2).

    joe@example.org               Mailbox(local_part="joe", domain="example.org")
    "joe smith"@[192.0.2.1]       Mailbox(local_part="joe smith", domain="[192.0.2.1]")
    <>                            ReversePath(mailbox=None), the null reverse-path
    <postmaster>                  ForwardPath(mailbox=None)

A local part is held without its quoting, so two spellings of one name are equal; a
domain is held as written.  `str` prints the shortest quoting, and
``parse(str(value)) == value``.  Which texts are addresses at all is said by
`mail.address_syntax`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Self

from smtpdsl.mail.address_syntax import (
    ATEXT,
    DOMAIN_CHARACTERS,
    MAX_DOMAIN_OCTETS,
    MAX_LABEL_CHARACTERS,
    MAX_LOCAL_PART_OCTETS,
    AddressError,
    end_of_local_part,
    parse_domain,
    parse_local_part,
    quote_local_part,
)
from smtpdsl.record import Record

__all__ = ["AddressError", "ForwardPath", "Mailbox", "ReversePath"]


def _plain_address(end: str) -> str:
    """Return the addresses that most mail has, before *end*: a Dot-string at a name, in ASCII and not too long."""
    atom, label_start = f"[{re.escape(ATEXT)}]++", "[A-Za-z0-9_]"
    label = rf"{label_start}[{re.escape(DOMAIN_CHARACTERS.replace('.', ''))}]{{0,{MAX_LABEL_CHARACTERS - 1}}}+"
    lengths = rf"(?=.{{1,{MAX_LOCAL_PART_OCTETS}}}@.{{1,{MAX_DOMAIN_OCTETS}}}{end}\Z)"
    # Groups that may fail in their midst are atomic, not possessive, as in header.py.
    return rf"{lengths}({atom}(?>(?:\.{atom})*))@({label}(?>(?:\.{label})*)){end}"


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(_plain_address(""))


@cache
def _plain_path() -> re.Pattern[str]:
    return re.compile(f"<{_plain_address('>')}")


class Mailbox(Record):
    """``local-part@domain``; the domain is a name or an address literal."""

    local_part: str
    domain: str

    @classmethod
    def parse(cls, text: str, *, utf8: bool = False) -> Self:
        """Read ``local-part@domain``.

        Args:
            text: The address alone, without angle brackets.
            utf8: Whether characters beyond ASCII may occur (SMTPUTF8, RFC 6531 §3.3).

        Raises:
            AddressError: *text* is no mailbox.
        """
        plain = _plain().fullmatch(text)
        if plain is not None:
            return cls(local_part=plain[1], domain=plain[2])
        at = end_of_local_part(text)
        local_part = parse_local_part(text[:at], utf8=utf8)
        if at == len(text):
            raise _no_domain(text)
        try:
            return cls(local_part=local_part, domain=parse_domain(text[at + 1 :], utf8=utf8))
        except AddressError as error:
            raise error.moved(at + 1) from None

    def __str__(self) -> str:
        return f"{quote_local_part(self.local_part)}@{self.domain}"


class ReversePath(Record):
    """The argument of MAIL (RFC 5321 §4.1.1.2); without a mailbox it is null."""

    mailbox: Mailbox | None = None

    @classmethod
    def parse(cls, text: str, *, default_domain: str | None = None, utf8: bool = False) -> Self:
        """Read ``<local-part@domain>``, with or without the brackets; ``<>`` and the empty text are null.

        Args:
            text: The path as typed or received; a source route in it is dropped.
            default_domain: The domain of a local part alone; without it none may stand alone.
            utf8: Whether characters beyond ASCII may occur (SMTPUTF8, RFC 6531 §3.3).

        Raises:
            AddressError: *text* is no reverse-path.
        """
        plain = _plain_path().fullmatch(text)
        if plain is not None:
            return cls(mailbox=Mailbox(local_part=plain[1], domain=plain[2]))
        start, inside = _unwrap(text)
        try:
            return cls(mailbox=_sender(inside, default_domain, utf8=utf8) if inside else None)
        except AddressError as error:
            raise error.moved(start) from None

    @property
    def is_null(self) -> bool:
        """Whether nobody is to hear of a failure (RFC 5321 §4.5.5)."""
        return self.mailbox is None

    def __str__(self) -> str:
        return "<>" if self.mailbox is None else f"<{self.mailbox}>"


class ForwardPath(Record):
    """The argument of RCPT (RFC 5321 §4.1.1.3); without a mailbox it is ``<postmaster>``, of no domain."""

    mailbox: Mailbox | None = None

    @classmethod
    def parse(cls, text: str, *, default_domain: str | None = None, utf8: bool = False) -> Self:
        """Read ``<local-part@domain>``, with or without the brackets.

        Args:
            text: The path as typed or received; a source route in it is dropped.
            default_domain: The domain of a local part alone; without it only ``postmaster`` may stand alone.
            utf8: Whether characters beyond ASCII may occur (SMTPUTF8, RFC 6531 §3.3).

        Raises:
            AddressError: *text* is no forward-path.
        """
        plain = _plain_path().fullmatch(text)
        if plain is not None:
            return cls(mailbox=Mailbox(local_part=plain[1], domain=plain[2]))
        start, inside = _unwrap(text)
        try:
            return cls(mailbox=_recipient(inside, default_domain, utf8=utf8))
        except AddressError as error:
            raise error.moved(start) from None

    def __str__(self) -> str:
        return "<postmaster>" if self.mailbox is None else f"<{self.mailbox}>"


def _sender(text: str, default_domain: str | None, *, utf8: bool) -> Mailbox:
    """Read what stands in the brackets of a reverse-path."""
    if default_domain is None or end_of_local_part(text) < len(text):
        return Mailbox.parse(text, utf8=utf8)
    return Mailbox(local_part=parse_local_part(text, utf8=utf8), domain=default_domain)


def _recipient(text: str, default_domain: str | None, *, utf8: bool) -> Mailbox | None:
    """Read what stands in the brackets of a forward-path; None is ``postmaster`` alone."""
    if not text:
        message = "expected a recipient, found none"
        raise AddressError(message, 0, 0)
    if end_of_local_part(text) < len(text):
        return Mailbox.parse(text, utf8=utf8)
    local_part = parse_local_part(text, utf8=utf8)
    if default_domain is not None:
        return Mailbox(local_part=local_part, domain=default_domain)
    # RFC 5321 §4.5.1: "postmaster" needs no domain, in any case of its letters.
    if local_part.lower() == "postmaster":
        return None
    raise _no_domain(text)


def _no_domain(text: str) -> AddressError:
    return AddressError("expected `@` and a domain after the local part", len(text), len(text))


def _unwrap(text: str) -> tuple[int, str]:
    """Return where the address starts and the address, without angle brackets and source route."""
    if not text.startswith("<"):
        if text.endswith(">") and " <" in text:
            message = "expected an address alone, found a name before it"
            raise AddressError(message, 0, text.index(" <"), f'write "{text[text.index(" <") + 1 :]}"')
        return 0, text
    if text.endswith(">"):
        return _drop_source_route(text[1:-1])
    end = text.rfind(">") + 1
    message = "expected nothing after `>`" if end else "expected `>` at the end of the address"
    raise AddressError(message, end or len(text), len(text))


def _drop_source_route(inside: str) -> tuple[int, str]:
    """Skip ``@hop,@hop:`` (RFC 5321 §4.1.1.3: it must be accepted, and should be ignored)."""
    route, colon, rest = inside.partition(":")
    if not inside.startswith("@") or not colon:
        return 1, inside
    position = 1
    for hop in route.split(","):
        if not hop.startswith("@"):
            message = "expected `@` before each host of a source route"
            raise AddressError(message, position, position + 1)
        try:
            parse_domain(hop[1:])
        except AddressError as error:
            raise error.moved(position + 1) from None
        position += len(hop) + 1
    if not rest:
        message = "expected an address behind the source route, found none"
        raise AddressError(message, position, position)
    # Each hop was followed by its comma, the last one by the colon.
    return position, rest
