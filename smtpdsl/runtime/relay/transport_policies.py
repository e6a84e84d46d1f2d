"""What a domain and an action demand of sessions with an exchanger, put together (RFC 7672, RFC 8461).

    TLSA records, authentic         TLS, certificate verified by them; it does not matter what MTA-STS says
    TLSA records that fail          not this host: whoever wants to read the mail would bring that about
    MTA-STS policy, enforce         TLS, certificate verified; and only hosts that the policy names
    MTA-STS policy, testing         the same, but what fails is only recorded
    none of these                   TLS if it is offered

What the action demands on top, and is not there, keeps the message waiting; the text says what is missing.
Nothing of it applies to a host that the configuration names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from smtpdsl.ir.resolved import Demand, RelayAction, RelayTls
from smtpdsl.mail.address import AddressError
from smtpdsl.mail.idn import ascii_domain, folded_name
from smtpdsl.mail.mta_sts import Mode, Policy
from smtpdsl.mail.tls_report import PolicyType, ResultType
from smtpdsl.runtime.mta_sts.policies import Found
from smtpdsl.runtime.net.tlsa import DANE_TA
from smtpdsl.runtime.protocol.client import Security, Verdict
from smtpdsl.runtime.protocol.client_verdicts import temporary
from smtpdsl.runtime.relay.dane import Finding, HostTlsa
from smtpdsl.runtime.relay.exchangers import Host
from smtpdsl.runtime.relay.host_security import HostSecurity, Verification
from smtpdsl.runtime.relay.plan import Way
from smtpdsl.runtime.tls_reports.results import AppliedPolicy, Failure, SessionResult

# RFC 3463 §3.8: what was to protect the message cannot be had.
_UNPROTECTED = "4.7.5"
# A record may have a whole certificate, and is kept with each result.
_MAX_LINE = 600
_NO_POLICY = Found(None, "MTA-STS is not asked for")


class Tlsa(Protocol):
    """Who knows TLSA records; `TlsaLookup` is one."""

    async def find(self, host: Host, port: int) -> HostTlsa:
        """Return what the zone of *host* says of its certificate."""


class Sts(Protocol):
    """Who knows policies; `mta_sts.Policies` is one."""

    async def find(self, domain: str) -> Found:
        """Return what holds for mail to *domain*."""


class Refusal(NamedTuple):
    """Why a host gets nothing, and how a report calls it, if it is one of those things."""

    verdict: Verdict
    policy: AppliedPolicy
    result: ResultType | None = None


class TransportPolicies:
    """Puts together what is demanded."""

    def __init__(
        self,
        tlsa: Tlsa | None = None,
        sts: Sts | None = None,
        record: Callable[[SessionResult], None] = lambda _: None,
    ) -> None:
        """Ask *tlsa* and *sts*; what is not there is not known of any domain.  Results are for *record*."""
        self._tlsa = tlsa
        self._sts = sts
        self.record = record

    async def of_hosts(
        self, action: RelayAction, way: Way, domain: str, hosts: Sequence[Host], *, is_for_whole_way: bool = False
    ) -> list[HostSecurity | Verdict]:
        """Return how each of *hosts* is secured for mail to *domain*, or why it gets nothing.

        Args:
            action: What is demanded.
            way: How *action* has it.
            domain: As in an address.
            hosts: Exchangers of the domain, or the host of the URL of *way*.
            is_for_whole_way: Whether the sender demands TLS on the whole way.
        """
        policy = await self.of_domain(action, way, domain)
        # One host is what most ways lead to, and needs no task.
        found = [await policy.of_host(hosts[0])] if len(hosts) == 1 else await _gathered(policy, hosts)
        return [
            self._judged(host, each, is_for_whole_way=is_for_whole_way) for host, each in zip(hosts, found, strict=True)
        ]

    def _judged(self, host: Host, found: HostSecurity | Refusal, *, is_for_whole_way: bool) -> HostSecurity | Verdict:
        if isinstance(found, Refusal):
            if found.result is not None:
                self.record(SessionResult(found.policy, Failure(found.result, found.verdict.text, host.name)))
            return found.verdict
        return found.for_whole_way(host.name) if is_for_whole_way else found

    async def of_domain(self, action: RelayAction, way: Way, domain: str) -> DomainPolicy:
        """Return what holds for mail to *domain*; raises nothing but cancellation."""
        name = _ascii(domain)
        if way.url is not None:
            return DomainPolicy(action, way, "", None, _NO_POLICY)
        is_asked = self._sts is not None and action.mta_sts is not Demand.OFF and not domain.startswith("[")
        found = await self._sts.find(name) if is_asked and self._sts is not None else _NO_POLICY
        tlsa = self._tlsa if action.dane is not Demand.OFF and not domain.startswith("[") else None
        return DomainPolicy(action, way, name, tlsa, found)


class DomainPolicy:
    """What holds for the exchangers of one domain."""

    def __init__(self, action: RelayAction, way: Way, domain: str, tlsa: Tlsa | None, sts: Found) -> None:
        """Know what *action* demands of *way*, and what *domain* has; it is empty for a host that has a URL."""
        self._action = action
        self._way = way
        self._domain = domain
        self._tlsa = tlsa
        self._sts = sts

    async def of_host(self, host: Host) -> HostSecurity | Refusal:
        """Return how *host* is secured, or why it gets nothing; raises nothing but cancellation."""
        if not self._domain:
            return _configured(self._way)
        tlsa = await self._tlsa.find(host, self._way.port) if self._tlsa is not None else None
        return self._without_tlsa(host, tlsa) or self._compose(host, tlsa)

    # ------------------------------------------------------------ what is demanded, and missing

    def _without_tlsa(self, host: Host, tlsa: HostTlsa | None) -> Refusal | None:
        """Say why *host* gets nothing for want of TLSA records."""
        action, policy = self._action, AppliedPolicy(self._domain, PolicyType.TLSA, hosts=(host.name,))
        if tlsa is not None and tlsa.finding is Finding.FAILED:
            text = f"{host.name} is not used, because nobody can tell how to verify it: {tlsa.why}"
            return Refusal(temporary(text, _UNPROTECTED), policy, ResultType.DNSSEC_INVALID)
        if action.dane is Demand.REQUIRED and (tlsa is None or tlsa.finding is not Finding.USABLE):
            why = tlsa.why if tlsa is not None else "there is none here"
            text = f'action "{action.name}" demands DANE, which {host.name} does not have: {why}'
            return Refusal(temporary(text, _UNPROTECTED), policy, ResultType.DANE_REQUIRED)
        return None

    def _without_policy(self) -> Refusal | None:
        """Say why nobody gets anything for want of a policy."""
        action, known = self._action, self._sts.known
        if action.mta_sts is not Demand.REQUIRED or (known is not None and known.policy.mode is not Mode.NONE):
            return None
        text = f'action "{action.name}" demands MTA-STS, which {self._domain} does not have: {self._sts.why}'
        return Refusal(temporary(text, _UNPROTECTED), AppliedPolicy(self._domain))

    # ------------------------------------------------------------ what is composed

    def _compose(self, host: Host, tlsa: HostTlsa | None) -> HostSecurity | Refusal:
        refusal = self._without_policy()
        if refusal is not None:
            return refusal
        known = self._sts.known
        is_demanded = self._action.mta_sts is Demand.REQUIRED
        has_tlsa = tlsa is not None and tlsa.finding is Finding.USABLE
        if known is not None and known.policy.mode is not Mode.NONE and (is_demanded or not has_tlsa):
            secured = self._by_policy(host, known.policy, is_demanded=is_demanded)
        else:
            secured = self._by_action(host)
        if tlsa is None or not isinstance(secured, HostSecurity):
            return secured
        return self._by_tlsa(host, tlsa, secured)

    def _by_tlsa(self, host: Host, tlsa: HostTlsa, other: HostSecurity) -> HostSecurity:
        """Let the records decide, where there are some (RFC 8461 §2); *other* is what holds without."""
        if tlsa.finding is not Finding.USABLE:
            if tlsa.finding is Finding.UNUSABLE:
                # RFC 7672 §2.2: then TLS is demanded all the same.
                fallback = _demanded(other.fallback) if other.fallback is not None else None
                other = other._replace(way=_demanded(other.way), fallback=fallback)
            is_open = other.policy is None or other.policy.kind is PolicyType.NONE
            return other._replace(why=f"{tlsa.why}; {other.why}") if is_open else other
        # RFC 7672 §3.2.2: below an authority the certificate may have the name of the domain, too.
        domain = self._domain if any(each.usage == DANE_TA for each in tlsa.records) else ""
        way = _demanded(self._way)._replace(verifies=False, tlsa=tlsa, domain=domain)
        lines = tuple(f"_{way.port}._tcp.{tlsa.base}. IN TLSA {each}"[:_MAX_LINE] for each in tlsa.records)
        policy = AppliedPolicy(self._domain, PolicyType.TLSA, lines, (host.name,))
        return HostSecurity(way, Verification.DANE, tlsa.why, policy, is_vouched_for=True)

    def _by_policy(self, host: Host, policy: Policy, *, is_demanded: bool) -> HostSecurity | Refusal:
        """Follow the *policy* of the domain; one that is only to be tested is followed if that *is_demanded*."""
        applied = AppliedPolicy(self._domain, PolicyType.STS, policy.lines, policy.patterns)
        # What the action demands by itself is not given up for a test.
        is_tested = policy.mode is Mode.TESTING and not is_demanded and not self._way.verifies
        if not policy.names(host.name):
            text = f"the MTA-STS policy of {self._domain} does not name {host.name} as one of its exchangers"
            if policy.mode is Mode.TESTING and not is_demanded:
                return self._by_action(host)._replace(policy=applied, violation=text)
            return Refusal(temporary(text, _UNPROTECTED), applied, ResultType.VALIDATION_FAILURE)
        way = _demanded(self._way)._replace(verifies=True)
        fallback = self._way if is_tested else None
        return HostSecurity(way, Verification.MTA_STS, self._sts.why, applied, fallback, is_vouched_for=not is_tested)

    def _by_action(self, host: Host) -> HostSecurity:
        """Do what the action says, for want of anything that the domain has said."""
        is_asked = self._action.tls is RelayTls.REQUIRED
        why = f'action "{self._action.name}" has `tls`' if is_asked else self._sts.why
        verification = Verification.PKIX if self._way.verifies else Verification.NONE
        return HostSecurity(self._way, verification, why, AppliedPolicy(self._domain), is_vouched_for=host.is_authentic)


async def _gathered(policy: DomainPolicy, hosts: Sequence[Host]) -> list[HostSecurity | Refusal]:
    return await asyncio.gather(*map(policy.of_host, hosts))


def _configured(way: Way) -> HostSecurity:
    """Secure a host that the configuration names: nobody else has to vouch for it."""
    verification = Verification.PKIX if way.verifies else Verification.NONE
    return HostSecurity(way, verification, "the configuration names the host", is_vouched_for=True)


def _demanded(way: Way) -> Way:
    """Return *way* with TLS, whether or not it is offered."""
    return way._replace(security=Security.REQUIRED) if way.security is Security.OFFERED else way


def _ascii(domain: str) -> str:
    try:
        return folded_name(ascii_domain(domain))
    except AddressError:
        return domain
