"""Zones with signatures (DNSSEC): knot signs and serves them, unbound verifies what it hears; both on loopback.

    zones = Zones(host, folder, knot, unbound)
    zones.serve([Zone("good.test", "@ MX 10 mx"), Zone("plain.test", "@ MX 10 mx", Anchor.NONE)])

Whoever asks 127.0.0.1 at port 53 of *host*, a private one, or another address of it, then knows these zones and no
others.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from tests.namespaces import Host
from tests.peers import Peer

_KNOT = """
server:
  rundir: "FOLDER"
  listen: 127.0.0.1@5353
database:
  storage: "FOLDER"
policy:
  - id: own-keys
    manual: on
template:
  - id: default
    dnssec-policy: own-keys
    storage: "FOLDER"
    file: "%s.zone"
zone:
"""
_UNBOUND = """
server:
  interface: ADDRESS
  access-control: 0.0.0.0/0 allow
  directory: "FOLDER"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-signaling: no
  local-zone: "test." nodefault
"""
_HEAD = "$TTL 60\n@ SOA ns admin 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n"
# Asks until somebody answers, and that is soon.
_PROBE = """
import sys, time, dns.exception, dns.message, dns.query, dns.rcode
for name in sys.argv[2:]:
    while True:
        try:
            answer = dns.query.udp(dns.message.make_query(name, "SOA"), sys.argv[1], timeout=1)
            if answer.rcode() == dns.rcode.NOERROR:
                break
        except (OSError, dns.exception.DNSException):
            pass
        time.sleep(0.02)
"""


class Anchor(Enum):
    """What unbound knows of the key of a zone."""

    RIGHT = "its digest"
    WRONG = "that of another key"
    NONE = "nothing: it is not signed"


class Zone(NamedTuple):
    """A zone: its name, its records as a master file has them, and who vouches for it."""

    name: str
    records: str
    anchor: Anchor = Anchor.RIGHT


class Zones:
    """Both servers, until the host is gone."""

    def __init__(self, host: Host, folder: Path, knot: Peer, unbound: Peer, address: str = "127.0.0.1") -> None:
        """Keep files in *folder*, and answer at *address*."""
        self._host = host
        self._folder = folder
        self._knot = knot
        self._unbound = unbound
        self._address = address

    def serve(self, zones: Sequence[Zone]) -> None:
        """Sign and serve *zones*, and return when they are known."""
        text = _KNOT
        for zone in zones:
            is_signed = zone.anchor is not Anchor.NONE
            text += f"  - domain: {zone.name}\n    dnssec-signing: {'on' if is_signed else 'off'}\n"
            (self._folder / f"{zone.name}.zone").write_text(_HEAD + zone.records)
        self._configuration = self._write("knot.conf", text)
        anchors = "".join(self._anchor(zone) for zone in zones if zone.anchor is not Anchor.NONE)
        stubs = "".join(f'stub-zone:\n  name: "{zone.name}"\n  stub-addr: 127.0.0.1@5353\n' for zone in zones)
        self._start(self._knot, "-c", self._configuration)
        self._start(self._unbound, "-d", "-c", self._write("unbound.conf", _UNBOUND + anchors + stubs))
        known = [zone.name for zone in zones if zone.anchor is not Anchor.WRONG]
        asked = self._host.run([sys.executable, "-c", _PROBE, self._address, *known])
        assert asked.returncode == 0, asked.stderr

    def _anchor(self, zone: Zone) -> str:
        """Make the key of *zone*, and say what is known of it."""
        keymgr: list[str | Path] = [self._knot.beside("usr/sbin/keymgr").program, "-c", self._configuration, zone.name]
        made = self._host.run([*keymgr, "generate", "ksk=yes", "zsk=yes"], env=self._knot.environment)
        assert made.returncode == 0, made.stderr
        digests = self._host.run([*keymgr, "ds"], env=self._knot.environment).stdout.splitlines()
        # Of several kinds of digests that of SHA-256.
        (words,) = (words for words in map(str.split, digests) if words[-2] == "2")
        digest = "00" * 32 if zone.anchor is Anchor.WRONG else words[-1]
        return f'  trust-anchor: "{" ".join([*words[:-1], digest])}"\n'

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text.replace("FOLDER", str(self._folder)).replace("ADDRESS", self._address))
        return path

    def _start(self, peer: Peer, *arguments: str | Path) -> None:
        with (self._folder / f"{peer.program.name}.log").open("wb") as log:
            self._host.popen(
                [peer.program, *arguments],
                env=peer.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
