"""Whether a host of the DNS is to be verified by DANE, and by what (RFC 7672 §2.2).

    the zone of the domain, or that of the host, is not signed   ABSENT    as without DANE
    _25._tcp.HOST has no TLSA records, and that is proven        ABSENT    as without DANE
    records that a certificate can be verified by                USABLE    TLS, and a certificate that fits
    records, but none that SMTP has a use for                    UNUSABLE  TLS, whatever the certificate
    nobody can tell, or the answer is forged                     FAILED    the host is not used, for now

The last one is what whoever wants to read the mail would bring about, so it is never taken
for one of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple, Protocol

from smtpdsl.runtime.net.dane import Check, dane_problem
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError
from smtpdsl.runtime.net.tlsa import Tlsa, usable
from smtpdsl.runtime.relay.exchangers import Host

_MAX_KNOWN = 1000
# How long an answer is kept, whatever its zone says.
_MIN_SECONDS, _MAX_SECONDS = 5.0, 3600.0


class Finding(Enum):
    """What there is of TLSA records."""

    ABSENT = "absent"
    USABLE = "usable"
    UNUSABLE = "unusable"
    FAILED = "failed"


class HostTlsa(NamedTuple):
    """What a host's zone says of its certificates.

    *why* is one line for the log, for `explain` and for a report.  *base* is the name that the
    records were found under: whom the handshake asks for (SNI); empty without records.
    """

    finding: Finding
    why: str
    base: str = ""
    records: tuple[Tlsa, ...] = ()

    def check(self, host: str, domain: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Check:
        """Return what a certificate of *host* has to pass, if the finding is USABLE; for `TlsTerms`.

        Args:
            host: Its name.
            domain: The one that the mail is for; empty if it does not matter.
            now: The time, with a time zone.
        """
        names = tuple(filter(None, dict.fromkeys([self.base, host, domain])))
        return lambda chain: dane_problem(self.records, chain, names, now())


class TlsaDns(Protocol):
    """Who is asked; `NameServers` is one."""

    async def tlsa(self, host: str, port: int) -> Records:
        """Return the TLSA records of *host* as a zone has them; raises `ResolveError`."""

    def doubt(self) -> str:
        """Say why no answer can be authentic; empty if one can be."""


class _Known(NamedTuple):
    records: Records
    until: float


class TlsaLookup:
    """Asks for TLSA records, and remembers what it was told for as long as that is good."""

    def __init__(self, dns: TlsaDns, clock: Callable[[], float]) -> None:
        """Ask *dns*; *clock* gives seconds."""
        self._dns = dns
        self._clock = clock
        self._known: dict[tuple[str, int], _Known] = {}

    async def find(self, host: Host, port: int) -> HostTlsa:
        """Return what the zone of *host*, which `Exchangers` has found, says of its certificate at *port*."""
        if not host.bases:
            return _absent(f"no signatures (DNSSEC) prove the addresses of {host.name}", self._dns.doubt())
        if not host.is_authentic:
            why = f"no signatures (DNSSEC) prove the exchangers of the domain, only the addresses of {host.name}"
            return _absent(why, self._dns.doubt())
        for base in host.bases:
            try:
                records = await self._records(base, port)
            except ResolveError as error:
                return HostTlsa(Finding.FAILED, f"the TLSA records of {base} cannot be found out: {error}", base)
            if records.values and records.is_authentic:
                return _found(base, tuple(map(Tlsa.parse, records.values)))
        return _absent(f"{host.name} has no TLSA records for port {port}")

    async def _records(self, base: str, port: int) -> Records:
        key = base.lower(), port
        known = self._known.get(key)
        if known is not None and known.until > self._clock():
            return known.records
        records = await self._dns.tlsa(base, port)
        self._known.pop(key, None)
        if len(self._known) >= _MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = _Known(records, self._clock() + min(max(records.seconds, _MIN_SECONDS), _MAX_SECONDS))
        return records


def _found(base: str, records: tuple[Tlsa, ...]) -> HostTlsa:
    if usable(records):
        return HostTlsa(Finding.USABLE, f"{base} has TLSA records", base, records)
    why = f"{base} has TLSA records, but none that a certificate can be verified by: {records[0].problem}"
    return HostTlsa(Finding.UNUSABLE, why, base, records)


def _absent(why: str, doubt: str = "") -> HostTlsa:
    return HostTlsa(Finding.ABSENT, f"{why}: {doubt}" if doubt else why)
