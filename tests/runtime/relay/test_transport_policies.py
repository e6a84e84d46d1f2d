"""What DANE, MTA-STS, an action and a sender demand, put together."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.ir.resolved import RelayAction
from smtpdsl.mail.mta_sts import Mode, Policy
from smtpdsl.mail.tls_report import PolicyType
from smtpdsl.runtime.mta_sts import Found, KnownPolicy
from smtpdsl.runtime.net.tlsa import Tlsa
from smtpdsl.runtime.protocol.client import Security, Verdict
from smtpdsl.runtime.protocol.client_verdicts import Judgement
from smtpdsl.runtime.relay.dane import Finding, HostTlsa
from smtpdsl.runtime.relay.exchangers import Host
from smtpdsl.runtime.relay.host_security import HostSecurity, Verification
from smtpdsl.runtime.relay.plan import way_of
from smtpdsl.runtime.relay.transport_policies import TransportPolicies
from smtpdsl.runtime.tls_reports import SessionResult
from tests.runtime.relay.relaying import actions_of

HOST = Host("mx.test", ("192.0.2.1",))
RECORD = Tlsa(3, 1, 1, b"\x5e" * 32)
NEVER, OFFERED, REQUIRED = Security.NEVER, Security.OFFERED, Security.REQUIRED
NONE, PKIX, DANE, MTA_STS = Verification.NONE, Verification.PKIX, Verification.DANE, Verification.MTA_STS


class Zone:
    """What a zone has of TLSA records."""

    def __init__(self, finding: Finding, record: Tlsa = RECORD) -> None:
        """Have that."""
        self.found = HostTlsa(finding, f"it is {finding.value}", "mx.test", (record,))

    async def find(self, host: Host, port: int) -> HostTlsa:
        """Return it."""
        del host, port
        return self.found


class Published:
    """What a domain has published."""

    def __init__(self, mode: Mode | None, *hosts: str) -> None:
        """Have a policy of that mode, or none."""
        policy = None if mode is None else KnownPolicy(Policy(mode, hosts or ("mx.test",), 86400), "1", 0.0)
        self.found = Found(policy, "it has none" if policy is None else "it has one")

    async def find(self, domain: str) -> Found:
        """Return it."""
        del domain
        return self.found


def secure(
    options: str,
    finding: Finding,
    published: Published,
    *,
    host: Host = HOST,
    domain: str = "test",
    is_for_whole_way: bool = False,
    results: list[SessionResult] | None = None,
    record: Tlsa = RECORD,
) -> HostSecurity | Verdict:
    """Return how *host* is secured for an action with *options*."""
    action = actions_of(f"action out relay {options}")["out"]
    assert isinstance(action, RelayAction)
    kept: list[SessionResult] = [] if results is None else results
    policies = TransportPolicies(Zone(finding, record), published, kept.append)
    way = way_of(action, action.smarthosts[0].url if action.smarthosts else None)
    [found] = asyncio.run(policies.of_hosts(action, way, domain, [host], is_for_whole_way=is_for_whole_way))
    return found


ABSENT, USABLE, UNUSABLE, FAILED = Finding.ABSENT, Finding.USABLE, Finding.UNUSABLE, Finding.FAILED
NOTHING, ENFORCED, TESTED, ELSEWHERE = (
    Published(None),
    Published(Mode.ENFORCE),
    Published(Mode.TESTING),
    Published(Mode.ENFORCE, "b.test"),
)
COMPOSED = [
    # action              TLSA      MTA-STS    what is tried, and by what it is verified
    ("", ABSENT, NOTHING, [OFFERED, NEVER], NONE),
    ("", ABSENT, Published(Mode.NONE), [OFFERED, NEVER], NONE),
    ("", ABSENT, ENFORCED, [REQUIRED], MTA_STS),
    ("", ABSENT, ELSEWHERE, None, None),
    ("", ABSENT, TESTED, [REQUIRED, OFFERED, NEVER], MTA_STS),
    ("", ABSENT, Published(Mode.TESTING, "b.test"), [OFFERED, NEVER], NONE),
    ("", USABLE, NOTHING, [REQUIRED], DANE),
    # RFC 8461 §2: DANE decides, whatever the policy says.
    ("", USABLE, ENFORCED, [REQUIRED], DANE),
    ("", USABLE, ELSEWHERE, [REQUIRED], DANE),
    ("", USABLE, TESTED, [REQUIRED], DANE),
    ("", UNUSABLE, NOTHING, [REQUIRED], NONE),
    ("", UNUSABLE, ENFORCED, [REQUIRED], MTA_STS),
    ("", UNUSABLE, TESTED, [REQUIRED, REQUIRED], MTA_STS),
    # Nor does a policy help where DANE fails.
    ("", FAILED, NOTHING, None, None),
    ("", FAILED, ENFORCED, None, None),
    ("tls", ABSENT, NOTHING, [REQUIRED], PKIX),
    ("tls", ABSENT, TESTED, [REQUIRED], MTA_STS),
    ("tls", USABLE, NOTHING, [REQUIRED], DANE),
    ("tls", FAILED, NOTHING, None, None),
    ("tls no-verify", ABSENT, NOTHING, [REQUIRED], NONE),
    ("tls no-verify", ABSENT, ENFORCED, [REQUIRED], MTA_STS),
    ("tls no-verify", ABSENT, TESTED, [REQUIRED, REQUIRED], MTA_STS),
    ("no-dane", USABLE, NOTHING, [OFFERED, NEVER], NONE),
    ("no-dane", FAILED, ENFORCED, [REQUIRED], MTA_STS),
    ("no-mta-sts", ABSENT, ENFORCED, [OFFERED, NEVER], NONE),
    ("no-mta-sts", USABLE, ELSEWHERE, [REQUIRED], DANE),
    ("require-dane", ABSENT, ENFORCED, None, None),
    ("require-dane", UNUSABLE, NOTHING, None, None),
    ("require-dane", USABLE, NOTHING, [REQUIRED], DANE),
    ("require-mta-sts", ABSENT, NOTHING, None, None),
    ("require-mta-sts", ABSENT, Published(Mode.NONE), None, None),
    ("require-mta-sts", USABLE, NOTHING, None, None),
    ("require-mta-sts", ABSENT, TESTED, [REQUIRED], MTA_STS),
    ("require-mta-sts", ABSENT, Published(Mode.TESTING, "b.test"), None, None),
    ("require-mta-sts", USABLE, ELSEWHERE, None, None),
    ("require-dane require-mta-sts", USABLE, ENFORCED, [REQUIRED], DANE),
    # What the configuration names is the configuration's affair.
    ("host smtp://mx.test", FAILED, ELSEWHERE, [OFFERED, NEVER], NONE),
    ("host smtp+tls://mx.test", FAILED, ELSEWHERE, [REQUIRED], PKIX),
    ("host smtp+notls://mx.test", USABLE, ENFORCED, [NEVER], NONE),
]


@pytest.mark.parametrize(("options", "finding", "published", "tried", "verification"), COMPOSED)
def test_what_is_demanded(
    options: str,
    finding: Finding,
    published: Published,
    tried: list[Security] | None,
    verification: Verification | None,
) -> None:
    """A host is spoken to in these ways, one after the other, or gets nothing for now."""
    found = secure(options, finding, published)

    if isinstance(found, Verdict):
        assert (tried, found.judgement, found.status) == (None, Judgement.TEMPORARY, "4.7.5")
        assert "mx.test" in found.text or "demands MTA-STS" in found.text
        return
    assert [way.security for way in found.ways] == tried
    assert found.verification is verification
    # Only the first of them is verified, and only by one thing.
    assert [way.verifies for way in found.ways] == [verification in {PKIX, MTA_STS}, *[False] * (len(found.ways) - 1)]
    assert [way.tlsa is not None for way in found.ways] == [verification is DANE, *[False] * (len(found.ways) - 1)]
    assert found.is_verified == (verification is not NONE and len(found.ways) == 1)


def test_a_domain_has_a_name_for_authorities_alone() -> None:
    """RFC 7672 §3.2: with a record of the server's own certificate no name matters, so sessions can be shared."""
    own, above = RECORD, RECORD._replace(usage=2)
    domains = []
    for record in (own, above):
        found = secure("", USABLE, NOTHING, record=record)
        assert isinstance(found, HostSecurity)
        domains.append(found.way.domain)

    assert domains == ["", "test"]


def test_an_address_has_no_policy() -> None:
    """And what demands one sends nothing there."""
    host = Host("192.0.2.1", ("192.0.2.1",))
    found = secure("", FAILED, ELSEWHERE, host=host, domain="[192.0.2.1]")
    assert isinstance(found, HostSecurity)
    assert [way.security for way in found.ways] == [OFFERED, NEVER]
    for demand in ("require-dane", "require-mta-sts"):
        assert isinstance(secure(demand, USABLE, ENFORCED, host=host, domain="[192.0.2.1]"), Verdict)


def test_what_is_refused_before_a_session_is_counted() -> None:
    """Who publishes records that fail, or a policy that does not name its hosts, can read of it."""
    results: list[SessionResult] = []
    secure("", FAILED, NOTHING, results=results)
    secure("", ABSENT, Published(Mode.ENFORCE, "b.test"), results=results)
    secure("require-dane", ABSENT, NOTHING, results=results)

    counted = [(each.policy.kind, each.failure.result.value) for each in results if each.failure is not None]
    assert counted == [
        (PolicyType.TLSA, "dnssec-invalid"),
        (PolicyType.STS, "validation-failure"),
        (PolicyType.TLSA, "dane-required"),
    ]


WHOLE_WAY = [
    ("", ABSENT, NOTHING, HOST, "5.7.30"),
    ("", ABSENT, TESTED, HOST, "5.7.30"),
    ("", ABSENT, NOTHING, HOST._replace(is_authentic=True), PKIX),
    ("", ABSENT, ENFORCED, HOST, MTA_STS),
    ("", USABLE, NOTHING, HOST, DANE),
    ("", FAILED, NOTHING, HOST, "4.7.5"),
    ("tls", ABSENT, NOTHING, HOST, "5.7.30"),
    ("tls", ABSENT, NOTHING, HOST._replace(is_authentic=True), PKIX),
    ("tls no-verify", ABSENT, NOTHING, HOST, "5.7.30"),
    ("host smtp://mx.test", ABSENT, NOTHING, HOST, PKIX),
    ("host smtp+notls://mx.test", ABSENT, NOTHING, HOST, "5.7.10"),
]


@pytest.mark.parametrize(("options", "finding", "published", "host", "expected"), WHOLE_WAY)
def test_a_sender_may_demand_more(
    options: str, finding: Finding, published: Published, host: Host, expected: Verification | str
) -> None:
    """RFC 8689 §4.2.1: TLS, a certificate for a name that somebody vouches for, and nothing less."""
    found = secure(options, finding, published, host=host, is_for_whole_way=True)

    if isinstance(found, Verdict):
        assert found.status == expected
        return
    assert found.verification is expected
    # Failures count where it is the domain that demands, or the administrator.
    assert (found.policy is not None) is (options == "tls" or finding is USABLE or published is ENFORCED)
    assert [(way.security, way.is_for_whole_way) for way in found.ways] == [(REQUIRED, True)]
