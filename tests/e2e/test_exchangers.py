"""Mail for the world: exchangers on port 25, and a DNS that knows them; all of it in a network of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import RequirePeer
from tests.namespaces import Host, private
from tests.peers import ROOT

# This server has 1.2.3.4; 1.2.3.5 takes mail, and nobody has 1.2.3.9.
ZONE = (
    "good.test MX 10 mx.good.test; mx.good.test A 1.2.3.5;"
    "second.test MX 10 dead.second.test; second.test MX 20 mx.good.test; dead.second.test A 1.2.3.9;"
    "own.test A 1.2.3.5;"
    "null.test MX 0 .;"
    "loop.test MX 10 here.loop.test; here.loop.test A 1.2.3.4;"
    "near.test MX 10 here.near.test; here.near.test A 127.0.0.1;"
    "failing.test MX SERVFAIL;"
)
NAME_SERVER = """
import asyncio, sys
from tests.vectors.names import Names, Zone

async def serve():
    await Names(Zone(sys.argv[1])).start("1.2.3.5", 53)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
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
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

pytestmark = pytest.mark.usefixtures("private_namespaces")


class World:
    """A server of ours, and what is around it."""

    def __init__(self, host: Host, log: Iterator[str]) -> None:
        """Read what *log* says from now on."""
        self.host = host
        self._log = log

    def send(self, recipient: str) -> str:
        """Hand a report for *recipient* over, and return what the log says of its delivery."""
        sent = self.host.run([sys.executable, "-c", CLIENT, recipient])
        assert sent.returncode == 0, sent.stderr
        return next(line for line in self._log if " mta delivery " in line and f"to=<{recipient}>" in line)


@contextmanager
def serving(folder: Path, sink: list[str | Path], environment: dict[str, str]) -> Iterator[World]:
    """Serve, with the exchanger *sink* and the name server on another host."""
    resolv_conf, configuration = folder / "resolv.conf", folder / "smtpd.conf"
    resolv_conf.write_text("nameserver 1.2.3.5\n")
    configuration.write_text(CONFIGURATION)
    (folder / "root").mkdir()
    with private({resolv_conf: "/etc/resolv.conf"}) as host:
        other = host.connect("1.2.3.4/24", "1.2.3.5/24")
        names = other.popen(
            [sys.executable, "-c", NAME_SERVER, ZONE], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert names.stdout is not None, "a pipe"
        assert names.stdout.readline() == "ready\n"
        other.popen(sink, env=environment, stdin=subprocess.DEVNULL)
        command = [sys.executable, "-m", "smtpdsl", "run", "--root", str(folder / "root"), str(configuration)]
        server = host.popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert server.stderr is not None, "a pipe"
        log = iter(server.stderr)
        assert any(line == "info: ready\n" for line in log)
        yield World(host, log)


def test_mail_goes_where_the_dns_says(open_path: Path, require_peer: RequirePeer) -> None:
    """To the best exchanger that is there, or to the domain itself; and never to this machine."""
    peer = require_peer("smtp-sink")
    dump = open_path / "mail"
    sink: list[str | Path] = [peer.program, "-u", "root", "-D", dump, "1.2.3.5:25", "10"]
    with serving(open_path, sink, peer.environment) as world:
        for domain, host in (("good.test", "mx.good.test"), ("second.test", "mx.good.test"), ("own.test", "own.test")):
            line = world.send(f"joe@{domain}")
            assert re.search(r' source="1\.2\.3\.4" relay="1\.2\.3\.5 \(.*\)" .* result="Ok" ', line), (host, line)
        for domain, result, words in (
            ("null.test", "PermFail", "the domain null.test accepts no mail: it says so with a null MX"),
            ("gone.test", "PermFail", "the domain gone.test does not exist"),
            ("loop.test", "PermFail", "the best exchanger of loop.test is this server"),
            ("near.test", "TempFail", "no exchanger of near.test has an address that mail could be sent to"),
            ("failing.test", "TempFail", "the exchangers of failing.test cannot be found out"),
        ):
            line = world.send(f"joe@{domain}")
            assert f'result="{result}" stat="{words}' in line
        assert 'result="Ok"' in world.send("joe@[1.2.3.5]")
        assert 'result="PermFail"' in world.send("joe@[127.0.0.1]")

    assert dump.read_bytes().count(b"X-Rcpt-Args: <joe@") == 4
