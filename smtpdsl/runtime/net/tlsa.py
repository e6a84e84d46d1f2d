r"""TLSA records: which certificates a host has, as its zone says (RFC 6698 §2.1).

    _25._tcp.mx.example.  TLSA  3 1 1 5e88…      Tlsa(usage=3, selector=1, matching=1, data=b"\x5e\x88…")
                                │ │ └ SHA-256 of it, 2: SHA-512, 0: the octets themselves
                                │ └ of the public key, 0: of the whole certificate
                                └ its own certificate (DANE-EE), 2: one above it (DANE-TA)

A record can be signed as it should be, and still say nothing that SMTP has a use for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from smtpdsl.runtime.net.der import DerError, public_key_of

DANE_TA, DANE_EE = 2, 3
_CERTIFICATE, _PUBLIC_KEY = 0, 1
FULL, _SHA256, _SHA512 = 0, 1, 2
_DIGESTS: dict[int, Callable[[bytes], bytes]] = {
    FULL: bytes,
    _SHA256: lambda octets: hashlib.sha256(octets).digest(),
    _SHA512: lambda octets: hashlib.sha512(octets).digest(),
}
_DIGEST_OCTETS = {_SHA256: 32, _SHA512: 64}


class Tlsa(NamedTuple):
    """What one record says: which certificate, which part of it, what is given of the part, and that."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a record as a zone has it: three numbers, and hexadecimal digits.

        Raises:
            ValueError: It is none.
        """
        usage, selector, matching, *data = text.split()
        return cls(int(usage), int(selector), int(matching), bytes.fromhex("".join(data)))

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    @property
    def problem(self) -> str:
        """Why SMTP has no use for the record; empty if it has.

        RFC 7672 §3.1.3: the usages 0 and 1 ask for authorities that everybody believes, and no
        two servers believe the same ones.
        """
        if self.usage not in {DANE_TA, DANE_EE}:
            return f"nobody verifies mail servers by usage {self.usage}"
        if self.selector not in {_CERTIFICATE, _PUBLIC_KEY}:
            return f"selector {self.selector} is unknown"
        if self.matching not in _DIGESTS:
            return f"matching type {self.matching} is unknown"
        if self.matching in _DIGEST_OCTETS and len(self.data) != _DIGEST_OCTETS[self.matching]:
            return f"{len(self.data)} octets are no digest of matching type {self.matching}"
        return "" if self.data else "it gives nothing to compare with"

    @property
    def is_public_key(self) -> bool:
        """Whether it is about the public key, and not the whole certificate."""
        return self.selector == _PUBLIC_KEY

    def matches(self, certificate: bytes) -> bool:
        """Whether it means *certificate*, in DER."""
        try:
            part = public_key_of(certificate) if self.is_public_key else certificate
        except DerError:
            return False
        return _DIGESTS[self.matching](part) == self.data


def usable(records: Iterable[Tlsa]) -> Sequence[Tlsa]:
    """Return those of *records* that a certificate may be verified by; none of them is no reason to trust it.

    Of several digests of the same part only the strongest kind counts (RFC 7671 §9), so a weak
    one that somebody learns to forge does no harm; what is given in full always counts.
    """
    known = [each for each in records if not each.problem]
    strongest: dict[tuple[int, int], int] = {}
    for each in known:
        # SHA-512 has the greater number of the two.
        kind = each.usage, each.selector
        strongest[kind] = max(strongest.get(kind, FULL), each.matching)
    return [each for each in known if each.matching in {FULL, strongest[each.usage, each.selector]}]
