"""The public key of a certificate, as the octets that stand in it (X.690 §8.1, RFC 5280 §4.1).

    Certificate ─▶ TBSCertificate ─▶ [version] serial signature issuer validity subject ─▶ SubjectPublicKeyInfo

A digest is about these octets.  A library that reads the key and writes it anew may write
others, and knows no key of a kind that is newer than itself.
"""

from __future__ import annotations

from typing import NamedTuple

_SEQUENCE = 0x30
# [0] EXPLICIT Version DEFAULT v1
_VERSION = 0xA0
_FIELDS_BEFORE_KEY = 5
_LONG = 0x80
_MAX_LENGTH_OCTETS = 4


class DerError(ValueError):
    """Octets that are no certificate."""


class _Element(NamedTuple):
    tag: int
    start: int
    content: int
    end: int


def public_key_of(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of *certificate*.

    Raises:
        DerError: It has none.
    """
    whole = _sequence(certificate, 0, len(certificate))
    fields = _sequence(certificate, whole.content, whole.end)
    position = fields.content
    first = _element(certificate, position, fields.end)
    if first.tag == _VERSION:
        position = first.end
    for _ in range(_FIELDS_BEFORE_KEY):
        position = _element(certificate, position, fields.end).end
    key = _sequence(certificate, position, fields.end)
    return certificate[key.start : key.end]


def _sequence(octets: bytes, start: int, end: int) -> _Element:
    found = _element(octets, start, end)
    if found.tag != _SEQUENCE:
        message = "a part of it is no sequence"
        raise DerError(message)
    return found


def _element(octets: bytes, start: int, end: int) -> _Element:
    """Return the element at *start*, which is over at *end* at the latest."""
    content = start + 2
    if content > end:
        message = "it ends too early"
        raise DerError(message)
    length = octets[start + 1]
    if length & _LONG:
        count = length & ~_LONG
        # No length of indefinite form in DER; nothing in a certificate is that long.
        if not 1 <= count <= _MAX_LENGTH_OCTETS:
            message = "the length of a part of it is none"
            raise DerError(message)
        length = int.from_bytes(octets[content : content + count], "big")
        content += count
    if content + length > end:
        message = "it ends too early"
        raise DerError(message)
    return _Element(octets[start], start, content, content + length)
