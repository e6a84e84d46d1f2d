"""From a message to the signatures that stand before its header.

content ──▶ header, hash of the body ──▶ domain ──▶ its keys ──▶ a field for each

    From: ann@example.org           the keys of example.org
    From: ann@lists.example.org     those of lists.example.org, or if it has none, of example.org

Pure work on octets: whoever calls decides in which thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.dkim import (
    BodyHash,
    Signature,
    Signed,
    author_domain,
    domain_of,
    signature_field,
    signed_fields,
    to_be_signed,
    unsigned_field,
    with_line_ends,
)
from smtpdsl.mail.header import header_end
from smtpdsl.runtime.dkim.keys import KnownKey

Choose: TypeAlias = Callable[[str], Sequence[KnownKey]]

# The server takes no message with a longer one.
_MAX_HEADER_OCTETS = 1024 * 1024


def sign(blocks: Iterable[bytes], reverse_path: ReversePath, choose: Choose, moment: float) -> bytes:
    """Return the fields that sign a message; none if nobody has a key for its sender.

    Args:
        blocks: The message, cut anywhere, with LF at the end of each line.
        reverse_path: Who is said to send it.
        choose: Knows the keys of a domain.
        moment: Now, in seconds since 1970.
    """
    rest = with_line_ends(blocks)
    header, body = _parted(rest)
    keys = _keys(header, reverse_path, choose) if header else ()
    signed = signed_fields(header) if keys else None
    if signed is None:
        return b""
    found = BodyHash()
    found.update(body)
    for block in rest:
        found.update(block)
    digest = found.digest()
    return b"".join(_field(each, signed, digest, moment) for each in keys)


def _parted(blocks: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Take as much from *blocks* as the header needs; return it, and what came of the body with it.

    Of an endless one nothing is returned.
    """
    octets = b""
    for block in blocks:
        octets += block
        end = header_end(octets)
        if end >= 0:
            return octets[:end], octets[end + 1 :]
        if len(octets) > _MAX_HEADER_OCTETS:
            return b"", b""
    return octets if octets.endswith(b"\n") else octets + b"\n", b""


def _keys(header: bytes, reverse_path: ReversePath, choose: Choose) -> Sequence[KnownKey]:
    """Choose the keys of the author's domain, which receivers compare (RFC 7489 §3.1.1), or else of the sender's."""
    domains = [author_domain(header)]
    if reverse_path.mailbox is not None:
        domains.append(domain_of(reverse_path.mailbox.domain))
    return next(filter(None, (_nearest(each, choose) for each in domains if each is not None)), ())


def _nearest(domain: str, choose: Choose) -> Sequence[KnownKey]:
    """Return the keys of *domain*, or of the nearest one above it that has any."""
    while domain and not (found := choose(domain)):
        domain = domain.partition(".")[2]
    return found if domain else ()


def _field(known: KnownKey, signed: Signed, digest: bytes, moment: float) -> bytes:
    signature = Signature(known.domain, known.selector, known.key.algorithm, moment)
    field = unsigned_field(signature, signed.names, digest)
    return signature_field(field, known.key.sign(to_be_signed(signed, field)))
