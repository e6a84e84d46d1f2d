"""Mail servers of other projects that take our mail, each as its own program, on a host that the test lends.

    exim, postfix (its logins are checked by Dovecot)      STARTTLS and a login are demanded
    opensmtpd, smtp-sink                                   in the clear, from everybody

Debian's OpenSMTPD 6.8 cannot sign a handshake: it keeps its keys in a process of their own, in a
way that OpenSSL 3 knows no more.

All listen on a port of 127.0.0.1, are called mx.far.example, and keep a file for each message.  Their accounts,
and the few files that they look for at fixed places, are laid over those of the system, for this host alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.accounts import Accounts
from tests.conftest import RequirePeer
from tests.e2e.receiver_texts import DOVECOT, EXIM, OPENSMTPD, POSTFIX, SERVICES
from tests.namespaces import Host
from tests.peers import Peer
from tests.tls_peers import TlsFolder

NAME = "mx.far.example"
LOGIN, PASSWORD = "ann", "s3cret pass"
PORT = 2500
_PATIENCE_SECONDS = 30
_ACCOUNTS = ("joe", "Debian-exim", "postfix", "postdrop", "opensmtpd", "opensmtpq")
_FOLDERS = {"inbox": "joe", "data": "postfix", "spool": "Debian-exim", "queue": "root", "run": "root", "state": "root"}


class Receiver(NamedTuple):
    """A server that runs, and where it keeps what it gets."""

    log: Path
    inbox: Path

    def messages(self, count: int) -> list[bytes]:
        """Return what has come, when there are *count*; a message is put into its folder when it is complete."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found := list(self.inbox.glob("new/*"))) < count:
            assert time.monotonic() < deadline, self._said()
        return [each.read_bytes() for each in found]

    def wait_for(self, words: str) -> None:
        """Return when the log has *words*."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while words not in self._said():
            assert time.monotonic() < deadline, f'no "{words}" in: {self._said()}'

    def _said(self) -> str:
        return "".join(each.read_text() for each in (self.log, self.log.parent / "spool/mainlog") if each.exists())


class Field:
    """Where a receiver is set up: a host, the folder of everything, and the accounts that all of them want."""

    def __init__(self, host: Host, folder: Path) -> None:
        """Make the accounts, and a certificate whose authority is ``FOLDER/ca.crt``."""
        self.host = host
        self.folder = folder
        self._accounts = Accounts(folder / "etc", **dict.fromkeys(_ACCOUNTS, "/"))
        for name, owner in _FOLDERS.items():
            (folder / name).mkdir()
            self.give(folder / name, owner)
        (folder / "etc/hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
        tls = TlsFolder(folder)
        authority = tls.authority("ca")
        for cert in (authority.cert, tls.pair("mx", NAME, by=authority).cert):
            cert.chmod(0o644)

    def give(self, path: Path, owner: str) -> None:
        """Give *path* to the account *owner*."""
        os.chown(path, self._accounts.ids.get(owner, 0), 0)

    def write(self, name: str, text: str, peer: Peer) -> Path:
        """Write *text*, with what its words in capitals stand for, to the file *name*."""
        known = {
            "FOLDER": str(self.folder),
            "ROOT": str(peer.root).rstrip("/"),
            "LIBRARIES": peer.environment.get("LD_LIBRARY_PATH", ""),
            "PORT": str(PORT),
            "LOGIN": LOGIN,
            "PASSWORD": PASSWORD,
            "UID": str(self._accounts.ids["joe"]),
        }
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub("|".join(known), lambda found: known[found[0]], text))
        return path

    def lay(self, folder: Path, over: str) -> None:
        """Show what is in *folder* among what is in the folder *over* of this host."""
        done = self.host.run(["mount", "-t", "overlay", "none", "-o", f"lowerdir={folder}:{over}", over])
        assert done.returncode == 0, done.stderr

    def lay_package(self, peer: Peer, folder: str) -> None:
        """Show what *peer* was unpacked with in *folder* where it looks for it."""
        for name in {folder, folder.removeprefix("usr/")}:
            if peer.root != Path("/") and (peer.root / name).is_dir():
                self.lay(peer.root / name, f"/{folder}")

    def start(self, peer: Peer, *command: str | Path, listens: Callable[[], bool]) -> None:
        """Start *command*, and return when it *listens*."""
        log = self.folder / "log"
        with log.open("ab") as said:
            process = self.host.popen(
                command,
                env=peer.environment,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        while not listens():
            assert process.poll() is None, log.read_text()

    def is_port_open(self) -> bool:
        """Whether somebody listens at the port of receivers."""
        connections = Path(f"/proc/{self.host.anchor}/net/tcp").read_text(encoding="ascii")
        # The local address in hexadecimal, any other, and the number of the state "listen".
        return re.search(rf":{PORT:04X} \S+ 0A ", connections) is not None


def _start_exim(field: Field, peer: Peer) -> None:
    field.write("etc/exim4/exim4.conf", EXIM, peer)
    # It starts itself anew, without its environment.
    field.lay_package(peer, "usr/lib")
    # It is root no more when it reads it.
    field.give(field.folder / "mx.key", "Debian-exim")
    field.lay(field.folder / "etc", "/etc")
    field.start(peer, peer.program, "-bdf", "-oX", f"[127.0.0.1]:{PORT}", listens=field.is_port_open)


def _start_postfix(field: Field, peer: Peer) -> None:
    field.lay(field.folder / "etc", "/etc")
    field.write("conf/main.cf", POSTFIX, peer)
    field.write("conf/master.cf", SERVICES, peer)
    # Its script would look at every file that it has, and take seconds for that.
    for name in ("pid", "private", "public", "active", "bounce", "defer", "deferred", "incoming", "maildrop", "trace"):
        (field.folder / "queue" / name).mkdir()
        field.give(field.folder / "queue" / name, "root" if name == "pid" else "postfix")
    field.start(peer, peer.program, "-c", field.folder / "conf", "-d", listens=field.is_port_open)


def start_dovecot(field: Field, peer: Peer, mechanisms: str) -> None:
    """Let Dovecot say who may log in at Postfix, by *mechanisms*."""
    field.write("users", "LOGIN:{PLAIN}PASSWORD::::::\n", peer)
    configuration = field.write("dovecot", DOVECOT.replace("MECHANISMS", mechanisms), peer)
    field.lay_package(peer, "usr/lib")
    doveconf: list[str | Path] = [
        peer.root / "usr/bin/doveconf",
        "-f",
        "service=master",
        "-c",
        configuration,
        "-p",
        "-e",
    ]
    dovecot: list[str | Path] = [peer.program, "-F", "-c", configuration]
    field.start(peer, *doveconf, *dovecot, listens=(field.folder / "auth").exists)


def _start_opensmtpd(field: Field, peer: Peer) -> None:
    field.lay(field.folder / "etc", "/etc")
    field.lay_package(peer, "usr/libexec")
    (field.folder / "lib/opensmtpd/empty").mkdir(parents=True)
    for name, place in (("lib", "/var/lib"), ("queue", "/var/spool"), ("run", "/run")):
        field.host.bind(field.folder / name, place)
    configuration = field.write("smtpd.conf", OPENSMTPD, peer)
    field.start(peer, peer.program, "-d", "-f", configuration, listens=field.is_port_open)


def _start_sink(field: Field, peer: Peer) -> None:
    new = field.folder / "inbox/new"
    new.mkdir()
    field.give(new, "joe")
    field.lay(field.folder / "etc", "/etc")
    field.start(
        peer,
        peer.program,
        "-u",
        "joe",
        "-d",
        f"{field.folder}/inbox/new/",
        f"127.0.0.1:{PORT}",
        "9",
        listens=field.is_port_open,
    )


STARTS: Mapping[str, Callable[[Field, Peer], None]] = {
    "exim": _start_exim,
    "postfix": _start_postfix,
    "opensmtpd": _start_opensmtpd,
    "smtp-sink": _start_sink,
}


def receiver(name: str, host: Host, folder: Path, require_peer: RequirePeer, mechanisms: str = "plain") -> Receiver:
    """Start the receiver *name* on *host*; *mechanisms* are those of Postfix."""
    field = Field(host, folder)
    if name == "postfix":
        start_dovecot(field, require_peer("dovecot"), mechanisms)
    STARTS[name](field, require_peer(name))
    return Receiver(folder / "log", folder / "inbox")
