"""What the DNS and the servers of policies say of next hops now, for `explain --online`.

    relay  MX of example.com      mx1.example.com    over TLS, certificate verified by DANE: it has TLSA records
                                  mx2.example.com    nothing is sent: …

It asks as the server does, but remembers nothing: a policy that the server knows from before may
hold where this one finds none.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.ir.delivery import Plan, PlanKind
from smtpdsl.ir.resolved import RelayAction, Ruleset
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.protocol.client import Verdict
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.outbound_security import OutboundSecurity
from smtpdsl.runtime.relay.plan import way_of
from smtpdsl.runtime.relay.session_log import NoLog


class HostFinding(NamedTuple):
    """How one host would be spoken to; one that gets nothing has no *tls*."""

    host: str
    tls: str | None
    certificate: str | None
    why: str

    @property
    def text(self) -> str:
        """All of it on one line."""
        if self.tls is None:
            return f"nothing is sent: {self.why}"
        return f"{self.tls}, {self.certificate}: {self.why}"


def ask_online(ruleset: Ruleset, plans: Sequence[Plan], site: Site) -> dict[int, list[HostFinding]]:
    """Return what is found of those of *plans* that go to exchangers, by their number."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_ask(ruleset, plans, site, folder))


async def _ask(ruleset: Ruleset, plans: Sequence[Plan], site: Site, folder: str) -> dict[int, list[HostFinding]]:
    dns = NameServers(trusted=[each.text for each in ruleset.settings.trusted_resolvers])
    names = [site.server_name, *(listener.hostname.value for listener in ruleset.listeners)]
    exchangers = Exchangers(dns, Own.of(names, site.addresses), time.monotonic)
    security = OutboundSecurity.of(dns, folder, site.server_name, time.time, NoLog())
    found = {}
    try:
        for number, plan in enumerate(plans):
            action = plan.delivery.rule.action
            if plan.kind is PlanKind.RELAY and isinstance(action, RelayAction) and not (action.hosts or action.domain):
                found[number] = await _findings(action, plan.delivery.dest.domain, exchangers, security)
    finally:
        await security.close()
    return found


async def _findings(
    action: RelayAction, domain: str, exchangers: Exchangers, security: OutboundSecurity
) -> list[HostFinding]:
    hosts = await exchangers.find(domain, action.backup.mx.value if action.backup is not None else None)
    if isinstance(hosts, Verdict):
        return [HostFinding(domain, None, None, hosts.text)]
    secured = await security.policies.of_hosts(action, way_of(action, None), domain, hosts)
    findings = []
    for host, each in zip(hosts, secured, strict=True):
        if isinstance(each, Verdict):
            findings.append(HostFinding(host.name, None, None, each.text))
            continue
        why = f"{each.why}; what fails is only recorded" if each.fallback is not None else each.why
        findings.append(HostFinding(host.name, each.mode.value, each.verification.value, each.violation or why))
    return findings
