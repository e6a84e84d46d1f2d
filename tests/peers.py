"""Programs of other projects that smtpdsl is compared with, and how to find them.

A peer is in `.peers/PACKAGE`, where `.ci/peers` unpacks it, or installed on the system.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent


class Peer(NamedTuple):
    """A program of another project."""

    program: Path
    root: Path
    """What its package is unpacked into; ``/`` if it is installed."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it finds its libraries in."""
        if self.root == Path("/"):
            return {**os.environ}
        return {
            **os.environ,
            "LD_LIBRARY_PATH": self._found(
                "usr/lib/*-linux-*", "lib/*-linux-*", "usr/lib", "usr/lib/postfix", "usr/lib/dovecot"
            ),
            "PERL5LIB": self._found("usr/share/perl5", "usr/lib/*-linux-*/perl5/*"),
        }

    def _found(self, *patterns: str) -> str:
        return ":".join(str(each) for one in patterns for each in self.root.glob(one))

    def beside(self, program: str) -> Peer:
        """Return another program of its package, named by its path below the root."""
        return Peer(self.root / program, self.root)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it with *arguments*, and collect what it prints."""
        command = [self.program, *arguments]
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401 - what Popen takes
        """Start it with *arguments*; *options* are those of `subprocess.Popen`."""
        return subprocess.Popen([self.program, *arguments], env=self.environment, **options)


class Wanted(NamedTuple):
    """How to recognise a peer: where Debian's *package* puts it, and what *question* has to print."""

    package: str
    program: str
    question: tuple[str, ...]
    version: str


POSTFIX = (("usr/sbin/postconf", "-d", "mail_version"), "mail_version = 3.")

PEERS = {
    # The vectors were recorded with this release.
    "opensmtpd": Wanted("opensmtpd", "usr/sbin/smtpd", ("usr/sbin/smtpd", "-h"), "OpenSMTPD 6.8.0p2"),
    # A mail store, which is spoken to by LMTP.
    "dovecot": Wanted("dovecot-lmtpd", "usr/sbin/dovecot", ("usr/sbin/dovecot", "--version"), "2."),
    # Where the account of its package is missing, all that it says is that.
    "exim": Wanted("exim4-daemon-heavy", "usr/sbin/exim4", ("usr/sbin/exim4", "-bV"), "exim"),
    "postfix": Wanted("postfix", "usr/lib/postfix/sbin/master", *POSTFIX),
    "smtp-sink": Wanted("postfix", "usr/sbin/smtp-sink", *POSTFIX),
    "smtp-source": Wanted("postfix", "usr/sbin/smtp-source", *POSTFIX),
    "openssl": Wanted("openssl", "usr/bin/openssl", ("usr/bin/openssl", "version"), "OpenSSL 3."),
    # Filters that are programs; what they say of themselves is how they are used.
    "filter-dkimsign": Wanted(
        "opensmtpd-filter-dkimsign",
        "usr/libexec/opensmtpd/filter-dkimsign",
        ("usr/libexec/opensmtpd/filter-dkimsign", "-?"),
        "usage: filter-dkimsign",
    ),
    "filter-rspamd": Wanted(
        "opensmtpd-filter-rspamd",
        "usr/libexec/opensmtpd/filter-rspamd",
        ("usr/libexec/opensmtpd/filter-rspamd", "-help"),
        "rspamd base url",
    ),
    "filter-senderscore": Wanted(
        "opensmtpd-filter-senderscore",
        "usr/libexec/opensmtpd/filter-senderscore",
        ("usr/libexec/opensmtpd/filter-senderscore", "-help"),
        "blockBelow",
    ),
    # Verifies signatures.
    "mail-dkim": Wanted(
        "libmail-dkim-perl",
        "usr/share/perl5/Mail/DKIM.pm",
        ("/usr/bin/perl", "-MMail::DKIM", "-e", "print $Mail::DKIM::VERSION"),
        "1.",
    ),
    # Editors, and the engine of one: what highlights configurations is run in them.
    "emacs": Wanted("emacs-nox", "usr/bin/emacs-nox", ("usr/bin/emacs-nox", "--version"), "GNU Emacs"),
    "textmate": Wanted("textmate", "node_modules/vscode-textmate/release/main.js", ("node", "--version"), "v"),
    "vim": Wanted("vim", "usr/bin/vim.basic", ("usr/bin/vim.basic", "--version"), "VIM - Vi IMproved"),
    # A server of zones that signs them, and a resolver that verifies what was signed.
    "knot": Wanted("knot", "usr/sbin/knotd", ("usr/sbin/knotd", "--version"), "(Knot DNS), version 3."),
    "unbound": Wanted("unbound", "usr/sbin/unbound", ("usr/sbin/unbound", "-V"), "Version 1."),
    "swaks": Wanted("swaks", "usr/bin/swaks", ("usr/bin/swaks", "--version"), "swaks version 20"),
}


@cache
def find_peer(name: str) -> Peer | str:
    """Find the peer *name* in ``.peers`` or on the system; a text says why there is none."""
    return look_for(name, (ROOT / ".peers" / PEERS[name].package, Path("/")))


def look_for(name: str, roots: Iterable[Path]) -> Peer | str:
    """Find the peer *name* below one of *roots*, or say why it is not there."""
    wanted = PEERS[name]
    reason = f"{name} is not here; `.ci/peers {wanted.package}` unpacks it into .peers/{wanted.package}"
    for root in roots:
        peer = Peer(root / wanted.program, root)
        if not peer.program.exists():
            continue
        answer = _answer(peer, wanted)
        if wanted.version in answer:
            return peer
        reason = f"{peer.program} is not what is wanted ({wanted.version}); it says: {answer.splitlines()[:1]}"
    return reason


def _answer(peer: Peer, wanted: Wanted) -> str:
    """Ask *peer* for its version."""
    program, *options = wanted.question
    try:
        done = peer.beside(program).run(*options)
    except OSError as error:  # its interpreter is missing, or it is for another machine
        return str(error)
    return (done.stdout + done.stderr).strip()


def wait_until_listening(address: str | Path | tuple[str, int], server: subprocess.Popen[Any]) -> None:
    """Return when *server* takes connections at *address*: a host and a port, or a socket of the file system.

    Raises:
        ConnectionError: It has ended instead; the text has what it wrote to its standard error, if that is a pipe.
    """
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    while server.poll() is None:
        with socket.socket(family) as probe, suppress(OSError):
            probe.connect(address if isinstance(address, tuple) else str(address))
            return
    said = server.stderr.read() if server.stderr else ""
    text = said if isinstance(said, str) else said.decode("utf-8", "replace")
    message = f"{server.args!r} ended with status {server.returncode}: {text.strip()}"
    raise ConnectionError(message)
