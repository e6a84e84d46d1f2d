"""Mail for domains that say how it is to be secured: a server of ours, and the world on another host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.homes import UID, make_home
from tests.e2e.housed import Housed
from tests.namespaces import Host, private
from tests.peers import ROOT
from tests.tls_peers import TlsFolder

# This server has 1.2.3.4; everybody else is at 1.2.3.5, whose certificate is that of mx.away.test.
ZONE = (
    "mx.away.test A 1.2.3.5; mx.other.test A 1.2.3.5; down.away.test A 1.2.3.9;"
    "kept.test MX 10 mx.away.test; mta-sts.kept.test A 1.2.3.5;"
    "broken.test MX 10 mx.other.test; mta-sts.broken.test A 1.2.3.5;"
    "free.test MX 10 mx.other.test"
)
POLICIES = ("kept.test", "broken.test")
# The DNS, and the servers of policies.
OTHERS = """
import asyncio, ssl, sys
from tests.runtime.web_server import WebServer, answer
from tests.vectors.names import Answer, Names, Zone

POLICY = "version: STSv1\\nmode: enforce\\nmx: *.away.test\\nmx: *.other.test\\nmax_age: 86400\\n"

async def serve(zone, cert, key, *domains):
    known = Zone(zone)
    for domain in domains:
        known.answers[f"_mta-sts.{domain}", "TXT"] = Answer(('"v=STSv1; id=1;"',))
    known.answers["_smtp._tls.kept.test", "TXT"] = Answer(('"v=TLSRPTv1; rua=mailto:tls@kept.test"',))
    await Names(known).start("1.2.3.5", 53)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with WebServer(context, answer(POLICY), "1.2.3.5", 443):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve(*sys.argv[1:]))
"""
MX = f"""
pki away cert "/etc/mx.crt" key "/etc/mx.key"
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 1.2.3.5 tls pki away hostname mx.away.test
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from any for any action "deliver"
"""
HOME = """
listen on 127.0.0.1 hostname mx.home.test
action "out" relay helo mx.home.test
match from any for any action "out"
"""
CLIENT = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25, local_hostname="client.example") as client:
    client.sendmail("", sys.argv[1:], b"Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""

pytestmark = pytest.mark.usefixtures("private_namespaces")


class World:
    """Our server, and what is around it."""

    def __init__(self, folder: Path, host: Host) -> None:
        """Let the others be there."""
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": str(folder / "ca.crt")}
        self.host, other = host, host.connect("1.2.3.4/24", "1.2.3.5/24")
        others = other.popen(
            [sys.executable, "-c", OTHERS, ZONE, folder / "web.crt", folder / "web.key", *POLICIES],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert others.stdout is not None, "a pipe"
        assert others.stdout.readline() == "ready\n"
        authorities = {"SSL_CERT_FILE": str(folder / "ca.crt")}
        (folder / "home").mkdir()
        self.home = Housed(folder / "home", HOME, host, authorities)
        self.mx = Housed(folder / "mx", MX, other, authorities)

    def serve(self) -> None:
        """Serve on both hosts."""
        for each in (self.mx, self.home):
            each.start()

    @property
    def spool(self) -> Path:
        """What our server keeps."""
        return self.folder / "home/root/var/spool/smtpdsl"

    def run(self, *command: str) -> str:
        """Run *command* beside our server, and return what it prints."""
        done = self.host.run([sys.executable, *command], env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def send(self, domain: str) -> str:
        """Send a message, and return what the log says of its delivery."""
        self.run("-c", CLIENT, f"joe@{domain}")
        return self.home.wait_for(f"to=<joe@{domain}> rcpt=")[-1]


@pytest.fixture
def world(open_path: Path) -> Iterator[World]:
    """Two hosts on one cable."""
    tls = TlsFolder(open_path)
    authority = tls.authority("ca")
    # Those of the system can be read by everybody.
    authority.cert.chmod(0o644)
    mx = tls.pair("mx", "mx.away.test", by=authority)
    tls.pair("web", *(f"mta-sts.{domain}" for domain in POLICIES), by=authority)
    etc = open_path / "mx/root/etc"
    etc.mkdir(parents=True)
    for each in (mx.cert, mx.key):
        each.rename(etc / each.name)
    make_home(open_path / "mx/root")
    (open_path / "resolv.conf").write_text("nameserver 1.2.3.5\n")
    with private({open_path / "resolv.conf": "/etc/resolv.conf"}) as host:
        yield World(open_path, host)


def test_mail_goes_as_the_domain_demands(world: World) -> None:
    """To who is verified, or nowhere; and without a policy to whoever is there."""
    world.serve()
    kept, broken, free = (world.send(domain) for domain in ("kept.test", "broken.test", "free.test"))

    assert 'result="Ok"' in kept
    assert world.home.log_lines('mta cert-check result="valid"')
    assert 'result="TempFail" stat="mail goes only to who is verified (the domain has an MTA-STS policy): ' in broken
    assert "Hostname mismatch" in broken
    assert world.home.log_lines("mta tls-policy domain=broken.test policy=sts result=certificate-host-mismatch")
    assert 'result="Ok"' in free
    assert json.loads((world.spool / "mta-sts/kept.test").read_text())["id"] == "1"

    ctl = ("-m", "smtpdsl", "ctl", "--root", str(world.home.root), "show", "tls-reports")
    reports = [json.loads(line) for line in world.run(*ctl, "--json").splitlines()]
    assert [(each["domain"], each["rua"]) for each in reports] == [
        ("broken.test", []),
        ("free.test", []),
        ("kept.test", ["mailto:tls@kept.test"]),
    ]
    assert reports[2]["report"]["policies"][0]["summary"]["total-successful-session-count"] == 1
    assert world.run(*ctl, "2020-02-02") == "no reports\n"

    world.home.stop()
    [file] = (world.spool / "tls-reports").iterdir()
    results = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted((each["domain"], each["policy"], each.get("result")) for each in results) == [
        ("broken.test", "sts", "certificate-host-mismatch"),
        ("free.test", "no-policy-found", None),
        ("kept.test", "sts", None),
    ]


def test_explain_asks_who_knows(world: World) -> None:
    """With `--online`, for people and for programs; what the server knows it leaves alone."""
    command = ("-m", "smtpdsl", "explain", "--online", "-f", str(world.home.file), "<>")
    text = world.run(*command, "joe@kept.test")
    [delivery] = json.loads(world.run(*command, "--json", "joe@free.test"))["deliveries"]
    [missing] = json.loads(world.run(*command, "--json", "joe@gone.test"))["deliveries"]

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[-1] == (
        "mx.away.test over TLS, certificate verified, as MTA-STS demands: MTA-STS policy 1, mode enforce"
    )
    assert delivery["hosts"] == [
        {
            "host": "mx.other.test",
            "tls": "over TLS if it is offered",
            "certificate": "certificate not verified",
            "why": delivery["hosts"][0]["why"],
        }
    ]
    assert delivery["hosts"][0]["why"].endswith("; free.test has no MTA-STS policy")
    assert missing["hosts"] == [
        {"host": "gone.test", "tls": None, "certificate": None, "why": "the domain gone.test does not exist"}
    ]
    assert not (world.spool / "mta-sts").exists()
