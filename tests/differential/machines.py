"""A machine for each server: a network, accounts, homes and a queue that nobody else sees.

    192.0.2.1, 2001:db8::1     the machine, beside loopback; its name is mx.here.example
    203.0.113.0/24, …          the world: clients can be anybody there, though no interface has these addresses
    /srv                       the configuration, its tables, a certificate
    /home                      ann, ben, cleo, dan, and whoever else a configuration needs
    /var/spool, /var/lib, /run the server's own

Everything else is as outside, and nothing of it is written to.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from benchmarks.accounts import Accounts
from tests.certificates import make_pair
from tests.differential.configurations import CLIENTS, NAMES, Configuration, File
from tests.namespaces import LIBC, Host, private

NAME = "mx.here.example"
USERS = ("ann", "ben", "cleo", "dan")
# The accounts that the servers talk to the network as.
_SERVICES = {"opensmtpd": "/var/lib/opensmtpd/empty", "opensmtpq": "/var/lib/opensmtpd/empty", "_smtpdsl": "/var/empty"}
# <linux/sched.h>
CLONE_NEWNET = 0x40000000
# <linux/in6.h>
_IPV6_FREEBIND = 78

_SETUP = """
echo mx.here.example >/proc/sys/kernel/hostname
ip link set lo up
ip address add 192.0.2.1/32 dev lo
ip address add 2001:db8::1/128 dev lo nodad
ip route add local 203.0.113.0/24 dev lo
ip route add local 198.51.100.0/24 dev lo
ip -6 route add local 2001:db8:9::/48 dev lo
for folder in srv home run var/spool var/lib; do mount --bind "$1/$folder" "/$folder"; done
shift
exec "$@"
"""


class Country(NamedTuple):
    """Where machines can be: what all of them share."""

    folder: Path
    host: Host
    ids: dict[str, int]
    certificate: str
    key: str

    def machine(self, name: str, configuration: Configuration) -> Path:
        """Make the folders of a machine with the files of *configuration*."""
        root = self.folder / name
        for folder in ("srv", "run", "var/spool", "var/lib/opensmtpd/empty"):
            (root / folder).mkdir(parents=True)
        for user in USERS:
            self._give(root / "home" / user, user).chmod(0o755)
        for path, text in (
            ("mail.crt", self.certificate),
            ("mail.key", self.key),
            ("smtpd.conf", self._filled(configuration.text)),
        ):
            (root / "srv" / path).write_text(text, encoding="utf-8")
            (root / "srv" / path).chmod(0o600)
        for file in configuration.files:
            self._write(root, file)
        return root

    def _filled(self, text: str) -> str:
        return text.replace("UID", str(self.ids["ann"]))

    def _give(self, path: Path, user: str) -> Path:
        if not path.exists() and not path.is_symlink():
            path.mkdir(parents=True)
        number = self.ids[user] if user != "root" else 0
        os.chown(path, number, number, follow_symlinks=False)
        return path

    def _write(self, root: Path, file: File) -> None:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        options = dict(file.options)
        if "folder" in options:
            path.mkdir(exist_ok=True)
        elif "link" in options:
            path.symlink_to(options["link"])
        else:
            path.write_text(self._filled(file.text), encoding="utf-8")
        parts = file.path.split("/")
        self._give(path, options.get("owner", parts[2] if parts[1] == "home" else "root"))
        if "mode" in options:
            path.chmod(int(options["mode"], 8))

    def start(self, root: Path, *command: str | Path, **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401 - Popen's
        """Start *command* on the machine *root*."""
        inside: list[str | Path] = ["unshare", "--net", "--mount", "--uts", "sh", "-ec", _SETUP, "sh", root]
        return self.host.popen([*inside, *command], start_new_session=True, **options)


@contextmanager
def country(folder: Path) -> Iterator[Country]:
    """Yield a place for machines in *folder*, which every account can enter."""
    accounts = Accounts(folder / "etc", **_SERVICES, **{user: f"/home/{user}" for user in USERS}, vmail="/home/vmail")
    hosts = folder / "etc" / "hosts"
    known = {"127.0.0.1": "localhost", "192.0.2.1": NAME, **NAMES}
    hosts.write_text("".join(f"{address} {name}\n" for address, name in known.items()), encoding="ascii")
    resolver = folder / "etc" / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    binds = {**accounts.binds, hosts: Path("/etc/hosts"), resolver: Path("/etc/resolv.conf")}
    pair = make_pair(NAME)
    with private(binds) as host:
        yield Country(folder, host, accounts.ids, pair.certificate, pair.key)


def connect(process: subprocess.Popen[Any], client: str, port: int) -> socket.socket:
    """Connect to a server, which runs as *process*, as *client* does."""
    source, target = CLIENTS[client]
    with socket_of(process, socket.AF_INET6 if ":" in source else socket.AF_INET) as made:
        made.settimeout(30)
        # The address is routed here, but no interface has it.
        if made.family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        made.bind((source, 0))
        made.connect((target, port))
        return made.dup()


@contextmanager
def name_server(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Be the name server of a machine: nothing exists, beside what its file of hosts has."""
    with (
        socket_of(process, socket.AF_INET, socket.SOCK_DGRAM) as made,
        socket_of(process, socket.AF_INET, socket.SOCK_DGRAM) as closing,
    ):
        made.bind(("127.0.0.1", 53))
        thread = Thread(target=_answer_questions, args=(made,))
        thread.start()
        try:
            yield
        finally:
            closing.sendto(b"", made.getsockname())
            thread.join()


def _answer_questions(server: socket.socket) -> None:
    """Answer until a datagram is empty."""
    while True:
        octets, client = server.recvfrom(512)
        if not octets:
            return
        # RFC 1035 §4.1.1: QR, RD, RA and RCODE 3, which is NXDOMAIN; nothing but the question follows.
        server.sendto(octets[:2] + b"\x81\x83" + octets[4:6] + bytes(6) + octets[12:], client)


def socket_of(
    process: subprocess.Popen[Any], family: socket.AddressFamily, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """Make a socket in the network of *process*; only the thread that asks is there, and not for long."""
    ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    theirs = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY)
    try:
        enter(theirs, CLONE_NEWNET)
        try:
            return socket.socket(family, kind)
        finally:
            enter(ours, CLONE_NEWNET)
    finally:
        os.close(theirs)
        os.close(ours)


def enter(descriptor: int, kind: int) -> None:
    """Let this thread be in a namespace of a *kind*, one of the numbers `CLONE_NEW…` of <linux/sched.h>."""
    if LIBC.setns(descriptor, kind):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
