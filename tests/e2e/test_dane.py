"""Mail to exchangers that their zone vouches for (RFC 7672): knot signs the zone, unbound verifies it, we go by it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import RequirePeer
from tests.e2e.housed import Housed
from tests.namespaces import Host, private
from tests.peers import ROOT, Peer
from tests.signed_zones import Anchor, Zone, Zones
from tests.tls_peers import TlsFolder

# Two exchangers on another host: one with STARTTLS, and one from whose answers somebody has cut it.
SECURE, STRIPPED = "1.2.3.5", "1.2.3.6"
EXCHANGERS = """
import asyncio, json, ssl, sys
from tests.runtime.net.bad_peer import GOOD, BadPeer

async def serve(folder, secure, stripped):
    asked = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/chain.pem", f"{folder}/mx.key")
    context.sni_callback = lambda tls, name, context: asked.append(name)
    offers = {"EHLO": {"reply": "250-peer.example\\r\\n250 STARTTLS\\r\\n"}, "STARTTLS": {"reply": "220 go\\r\\n"}}
    async with BadPeer(GOOD | offers, secure, context, port=25) as one, BadPeer(GOOD, stripped, port=25) as other:
        print(flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        found = {"messages": {secure: len(one.messages), stripped: len(other.messages)}, "asked for": asked}
        print(json.dumps(found | {"secured": len(one.secured), "verbs": other.verbs}))

asyncio.run(serve(*sys.argv[1:]))
"""
CONFIGURATION = """
listen on 127.0.0.1 port 25 hostname mx.test
action "out" relay helo mx.test
match from any for any action "out"
"""
CLIENT = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25, local_hostname="client.example") as client:
    client.sendmail("", sys.argv[1:], b"Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""
# Of Postfix, which looks as its clients do: what it wants to know before it looks at anything.
MAIN_CF = """
compatibility_level = 3.6
myhostname = mx.test
inet_protocols = ipv4
smtp_host_lookup = dns
mail_owner = nobody
setgid_group = mail
default_privs = daemon
"""
# What unbound has: everything below good.test is signed, but for a part of it that has been forged.
GOOD = """
mx A SECURE
stripped A STRIPPED
_25._tcp.mx TLSA 3 1 1 KEY
ee MX 10 mx
alias MX 10 other
other CNAME mx
ta MX 10 mx.ta
mx.ta A SECURE
_25._tcp.mx.ta TLSA 2 0 1 AUTHORITY
wrong MX 10 mx.wrong
mx.wrong A SECURE
_25._tcp.mx.wrong TLSA 3 1 1 OTHER
unnamed MX 10 mx.unnamed
mx.unnamed A SECURE
_25._tcp.mx.unnamed TLSA 2 0 1 AUTHORITY
odd MX 10 mx.odd
mx.odd A SECURE
_25._tcp.mx.odd TLSA 1 1 1 OTHER
cut MX 10 mx.cut
mx.cut A STRIPPED
_25._tcp.mx.cut TLSA 3 1 1 KEY
oddly-cut MX 10 mx.oddly-cut
mx.oddly-cut A STRIPPED
_25._tcp.mx.oddly-cut TLSA 1 1 1 OTHER
none MX 10 stripped
forged MX 10 mx.forged
mx.forged A STRIPPED
_tcp.mx.forged NS ns
_tcp.mx.forged DS 1 13 2 OTHER
next MX 10 mx.wrong
next MX 20 mx
"""
PLAIN = "@ MX 10 mx\nmx A SECURE\n_25._tcp.mx TLSA 3 1 1 OTHER\n"
# Without records it is as ever: whoever has TLS gets it, whatever its certificate.
ACCEPTED = [f"{name}.good.test" for name in ("ee", "alias", "ta", "odd", "next", "none")] + ["plain.test"]
NO_PROOF = "the DNSSEC signatures of its zone are wrong, says the name server 127.0.0.1"
REFUSED = {
    "wrong.good.test": "its certificate is not the one that its TLSA records give",
    "unnamed.good.test": "its certificate names mx.ta.good.test, and none of mx.unnamed.good.test, unnamed.good.test",
    "cut.good.test": "does not offer the TLS that is demanded of it",
    "oddly-cut.good.test": "does not offer the TLS that is demanded of it",
    "forged.good.test": NO_PROOF,
    "forged.test": NO_PROOF,
}

pytestmark = pytest.mark.usefixtures("private_namespaces")


def zones_of(folder: Path) -> list[Zone]:
    """Make the certificate of mx.ta.good.test and its authority, and return zones that have their digests."""
    files = TlsFolder(folder)
    authority = files.authority("ca")
    own = files.pair("mx", "mx.ta.good.test", by=authority)
    (folder / "chain.pem").write_bytes(own.cert.read_bytes() + authority.cert.read_bytes())
    key = own.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    words = {
        "AUTHORITY": hashlib.sha256(authority.certificate.public_bytes(Encoding.DER)).hexdigest(),
        "KEY": hashlib.sha256(key).hexdigest(),
        "OTHER": "5e" * 32,
        "SECURE": SECURE,
        "STRIPPED": STRIPPED,
    }

    def filled(text: str) -> str:
        return re.sub("|".join(words), lambda found: words[found[0]], text)

    return [
        Zone("good.test", filled(GOOD)),
        Zone("_tcp.mx.forged.good.test", "_25 TLSA 3 1 1 " + words["KEY"] + "\n", Anchor.WRONG),
        Zone("plain.test", filled(PLAIN), Anchor.NONE),
        Zone("forged.test", filled(PLAIN), Anchor.WRONG),
    ]


class Town:
    """A server of ours, and what is around it."""

    def __init__(self, host: Host, server: Housed, exchangers: subprocess.Popen[str]) -> None:
        """Know them."""
        self.server = server
        self._host = host
        self._exchangers = exchangers

    def send(self, *domains: str) -> dict[str, str]:
        """Send a report to *domains*, and return what the log says of each delivery."""
        sent = self._host.run([sys.executable, "-c", CLIENT, *(f"joe@{domain}" for domain in domains)])
        assert sent.returncode == 0, sent.stderr
        return {domain: self.server.wait_for(f"to=<joe@{domain}>", count=2)[1] for domain in domains}

    def verified(self) -> set[str]:
        """Return the hosts whose certificate we have accepted as one that is verified."""
        hosts = {line.split()[0]: line.split("host=")[1].strip() for line in self.server.log_lines(" mta connecting ")}
        return {hosts[line.split()[0]] for line in self.server.log_lines(' mta cert-check result="valid"')}

    def verified_by(self, postfix: Peer, folder: Path) -> set[str]:
        """Return the hosts that Postfix calls verified, when it looks at the domains one after the other."""
        (folder / "main.cf").write_text(MAIN_CF)
        finger: list[str | Path] = [postfix.beside("usr/sbin/posttls-finger").program, "-c", "-l", "dane"]
        environment = {**postfix.environment, "MAIL_CONFIG": str(folder)}
        looks = [self._host.run([*finger, domain], env=environment) for domain in (*ACCEPTED, *REFUSED)]
        said = "".join(each.stdout + each.stderr for each in looks)
        return set(re.findall(r"Verified TLS connection established to ([^[]+)\[", said))

    def seen(self) -> Mapping[str, Any]:
        """End the exchangers, and return what they have seen."""
        printed, _ = self._exchangers.communicate("\n", timeout=30)
        found: Mapping[str, Any] = json.loads(printed)
        return found


@contextmanager
def town(folder: Path, require_peer: RequirePeer, resolver: str = "127.0.0.1", settings: str = "") -> Iterator[Town]:
    """Serve with *settings*; the *resolver* is here, or on the other host."""
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text(f"nameserver {resolver}\n")
    with private({resolv_conf: "/etc/resolv.conf"}) as host:
        other = host.connect("1.2.3.4/24", f"{SECURE}/24")
        other.run(["ip", "address", "add", f"{STRIPPED}/24", "dev", "veth0"])
        place = host if resolver == "127.0.0.1" else other
        Zones(place, folder, require_peer("knot"), require_peer("unbound"), resolver).serve(zones_of(folder))
        server = Housed(folder, settings + CONFIGURATION, host, {})
        exchangers = other.popen(
            [sys.executable, "-c", EXCHANGERS, folder, SECURE, STRIPPED],
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert exchangers.stdout is not None, "a pipe"
        assert exchangers.stdout.readline() == "\n"
        server.start()
        yield Town(host, server, exchangers)
        server.stop()


def test_mail_goes_to_nobody_but_whom_the_zone_means(open_path: Path, require_peer: RequirePeer) -> None:
    """Whoever stands in between can keep mail from going, and does not get any."""
    with town(open_path, require_peer) as around:
        found = around.send(*ACCEPTED, *REFUSED)
        seen = around.seen()

    assert [domain for domain, line in found.items() if 'result="Ok"' in line] == ACCEPTED
    for domain, reason in REFUSED.items():
        assert 'result="TempFail"' in found[domain]
        assert reason in found[domain]
    assert seen["messages"] == {SECURE: 6, STRIPPED: 1}
    assert seen["verbs"].count("MAIL") == 1
    # The handshake asks for the name that the records were found under (RFC 7672 §8.1), and not for an alias.
    assert {"mx.good.test", "mx.ta.good.test"} < set(seen["asked for"])
    assert "other.good.test" not in seen["asked for"]


def test_postfix_verifies_the_same(open_path: Path, require_peer: RequirePeer) -> None:
    """Its client of DANE is the oldest one."""
    postfix = require_peer("postfix")
    with town(open_path, require_peer) as around:
        around.send(*ACCEPTED, *REFUSED)
        assert around.verified() == {"mx.good.test", "other.good.test", "mx.ta.good.test"}
        assert around.verified_by(postfix, open_path) == around.verified()


@pytest.mark.parametrize(("settings", "result"), [("", "Ok"), (f"mta trust-resolver {SECURE}", "TempFail")])
def test_a_resolver_elsewhere_is_believed_if_it_is_named(
    settings: str, result: str, open_path: Path, require_peer: RequirePeer
) -> None:
    """Without that nobody knows who answers, and the records that do not fit are not even asked for."""
    with town(open_path, require_peer, SECURE, settings) as around:
        found = around.send("wrong.good.test", "ee.good.test")
        assert f'result="{result}"' in found["wrong.good.test"]
        assert 'result="Ok"' in found["ee.good.test"]
