r"""A domain on loopback: its DNS, its server of policies, and its exchanger; and a relay that sends mail there.

    with Town(tmp_path) as town:
        town.publish(mode="enforce")
        [outcome] = town.send()                town.peer.messages, town.log.lines, town.reports()

All certificates are signed by one authority, which the relay believes.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Outcome
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.outbound_security import OutboundSecurity, Web
from tests.dns_server import DnsServer, Zone
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script
from tests.runtime.relay.relaying import SERVER_NAME, Events, actions_of, attempt_of
from tests.runtime.web_server import Trouble, WebServer, answer
from tests.tls_peers import Clock, TlsFolder, client_context

DOMAIN, MX, WEB = "away.test", "mx.away.test", "mta-sts.away.test"
OFFERED: Script = GOOD | {
    "EHLO": {"reply": "250-peer.example\r\n250 STARTTLS\r\n"},
    "STARTTLS": {"reply": "220 go\r\n"},
}

T = TypeVar("T")


def policy(mode: str, *hosts: str, seconds: int = 604800) -> str:
    """Write a policy."""
    names = "".join(f"mx: {each}\n" for each in hosts)
    return f"version: STSv1\nmode: {mode}\n{names}max_age: {seconds}\n"


class Diary(Events):
    """A log of events and of sentences."""

    def info(self, text: str) -> None:
        """Keep it."""
        self.lines.append(f"info: {text}")

    def warn(self, text: str) -> None:
        """Keep it."""
        self.lines.append(f"warn: {text}")


class Town:
    """What is on loopback while `live` runs."""

    def __init__(self, folder: Path) -> None:
        """Make certificates."""
        self.folder = folder
        self.tls = TlsFolder(folder)
        self.authority = self.tls.authority("ca")
        self.tls.pair("mx", MX, by=self.authority)
        self.tls.pair("web", WEB, by=self.authority)
        self.clock = Clock()
        self.clock.time = time.time()
        self.log = Diary()
        self.zone: dict[tuple[str, str], Any] = {
            (DOMAIN, "MX"): [f"10 {MX}."],
            (MX, "A"): ["127.0.0.1"],
            (WEB, "A"): ["127.0.0.1"],
        }
        self.script: Script = OFFERED
        self.certificate = "mx"

    def publish(self, mode: str, *hosts: str, identifier: str = "1") -> None:
        """Let the domain have a policy."""
        self.zone[f"_mta-sts.{DOMAIN}", "TXT"] = [f'"v=STSv1; id={identifier};"']
        self.said: bytes | Trouble = answer(policy(mode, *(hosts or (MX,))))

    def octets(self, name: str) -> bytes:
        """Return the certificate called *name*, in DER."""
        return ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.crt").read_text())

    def context(self, name: str) -> ssl.SSLContext:
        """Return the context of a server with the certificate *name*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        return context

    def live(self, scene: Callable[[Sender], Coroutine[None, None, T]]) -> T:
        """Run *scene* while everybody serves."""

        async def run() -> T:
            web = WebServer(self.context("web"), getattr(self, "said", Trouble.END))
            peer = BadPeer(self.script, "127.0.0.1", self.context(self.certificate))
            async with DnsServer(self.zone) as dns, web, peer:
                sender = Sender(self, dns, web, peer)
                try:
                    return await scene(sender)
                finally:
                    await sender.agent.close()

        return asyncio.run(run())


class Sender:
    """A relay, and those it speaks to."""

    def __init__(self, town: Town, dns: DnsServer, web: WebServer, peer: BadPeer) -> None:
        """Begin with what is on the disk."""
        self.town = town
        self.dns = dns
        self.web = web
        self.peer = peer
        self.start("")

    def start(self, options: str) -> None:
        """Begin to relay with *options*."""
        town = self.town
        servers = NameServers(self.dns.resolv_conf(town.folder), self.dns.port)
        trust = client_context(town.folder / "ca.crt")
        web = Web(lambda: trust, self.web.port, lambda _: True)
        spool = town.folder / "spool"
        spool.mkdir(exist_ok=True)
        self.security = OutboundSecurity.of(
            servers, str(spool), SERVER_NAME, town.clock, town.log, web=web, ticks=town.clock
        )
        self.agent = RelayAgent(
            actions_of(f'ca own cert "{town.folder}/ca.crt"\naction out relay ca own {options}\n'),
            SERVER_NAME,
            exchangers=Exchangers(servers, Own(), town.clock, is_usable=lambda _: True),
            security=self.security,
            smtp_port=self.peer.port,
            clock=town.clock,
            log=town.log,
        )

    async def restart(self, options: str = "") -> None:
        """Stop, and begin again."""
        await self.agent.close()
        self.start(options)

    async def send(self, domain: str = DOMAIN, *, requiretls: bool = False) -> Outcome:
        """Send a message to *domain*."""
        attempt = attempt_of(f"x@{domain}")
        message = attempt.message._replace(options=MailOptions(requiretls=requiretls))
        [outcome] = await self.agent.deliver(attempt._replace(message=message))
        return outcome

    def sign(self, name: str) -> None:
        """Let the zone be signed, and say that the certificate of the exchanger is the one called *name*."""
        digest = hashlib.sha256(self.town.octets(name)).hexdigest()
        self.dns.zone[f"_{self.peer.port}._tcp.{MX}", "TLSA"] = [f"3 0 1 {digest}"]
        self.dns.signed = {"test"}

    async def policies(self) -> list[dict[str, Any]]:
        """Return the part of today's report that is about policies."""
        found = await self.agent.tls_reports()
        return [part for each in found for part in each["report"]["policies"]]


__all__ = ["DOMAIN", "MX", "OFFERED", "WEB", "Sender", "Town", "Zone", "policy"]
