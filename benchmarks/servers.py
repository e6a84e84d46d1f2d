"""The mail servers that are measured: each whole, with its logging and limits, and in namespaces of its own.

    scratch/NAME/etc/passwd, group   over the system's, with the accounts of the server, of joe and of others
    scratch/NAME/…                   its configuration, its queue, homes, and `log`

All listen on 127.0.0.1:25 of their own network and take mail for joe@example.org, who is looked up
as on any system: in the aliases, then among the accounts.  No mail leaves the queue, unless the server
is one that *delivers*: then it goes to the maildir in the home of whoever it is for.

Each writes its log itself, and that work counts: 3 % of Postfix's, which on most systems leaves it to syslog.

Nothing outside is touched: what a server expects at a fixed place is mounted there for it alone, and when
the namespaces end, all its processes do.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.accounting import CpuMeter, control_group
from benchmarks.accounts import Accounts
from tests.certificates import make_pair
from tests.namespaces import Command, Host, UnavailableError, private
from tests.peers import Peer, find_peer

ROOT = Path(__file__).parent.parent
START_SECONDS = 30

RECIPIENT = "joe@example.org"
# Whom mail can be for.
USERS = ("joe", *(f"user{number}" for number in range(1, 21)))
ALIASES = "postmaster: joe\nalice: joe\n"
# As a small site would have it; a relay that is never asked stands for the rest of the world.
RULES = """\
table aliases file:{aliases}
pki mx.example.org cert "{certificate}"
pki mx.example.org key "{key}"
listen on 127.0.0.1 port 25 tls pki mx.example.org
action "local" maildir alias <aliases>
action "out" relay host smtp+notls://relay.example.net
match from any for domain {{ "example.org", "local.test" }} action "local"
match for local action "local"
match from local for any action "out"
"""
# All mail goes on, to the exchangers that the DNS has.
RELAY_RULES = """\
listen on 127.0.0.1 port 25
action "out" relay
match from any for any action "out"
"""
# No mail leaves the queue of ours, and of the original.
PAUSED = ("-P", "mda", "-P", "mta")
# One connection may carry more than 100 mails: where the kernel lets some of the clients wait, others do their work.
LIMITS = "smtp limit max-mails 100000\n"

MAIN_CF = """
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {folder}/conf
sendmail_path = {root}/usr/sbin/sendmail
newaliases_path = {root}/usr/sbin/sendmail
mailq_path = {root}/usr/sbin/sendmail
import_environment = LD_LIBRARY_PATH={libraries} MAIL_CONFIG MAIL_LOGTAG POSTLOG_SERVICE POSTLOG_HOSTNAME LANG=C TZ
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.org
mydestination = example.org
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
alias_maps = texthash:{folder}/conf/aliases
alias_database =
message_size_limit = 36700160
mailbox_size_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/mx.crt
smtpd_tls_key_file = {folder}/mx.key
"""


# What is added to the above if mail is to stay in the queue, or is to be delivered.
POSTFIX_HOLDS = "smtpd_sender_restrictions = static:hold\n"
POSTFIX_DELIVERS = "home_mailbox = Maildir/\n"


class Running(NamedTuple):
    """A server that is ready; *homes* has those of its users, and *process* is its first one."""

    name: str
    host: Host
    meter: CpuMeter
    log: Path
    homes: Path
    process: subprocess.Popen[bytes]

    def delivered(self) -> int:
        """Count the messages in the maildirs of all users."""
        return sum(len(os.listdir(new)) for new in self.homes.glob("*/Maildir/new"))  # noqa: PTH208 - for its speed


class AbsentError(Exception):
    """A server cannot be measured; the text says why."""


class ServerError(Exception):
    """A server does not do what it is there for; the text has the end of its log."""


def as_root(work: Callable[[], object]) -> None:
    """Do *work*, and leave nothing behind, whatever ends it; what cannot be done is told in one sentence."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if os.geteuid() != 0:
        sys.exit("mail servers have to be started by root; nothing is installed or left behind")
    try:
        work()
    except (AbsentError, ServerError, UnavailableError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


class Start(Protocol):
    """Runs a server, with everything that it writes in *folder*, which may be there from before.

    It *delivers* mail, or relays it to the exchangers that the name servers of *resolv_conf* know, or keeps it.
    """

    def __call__(
        self, folder: Path, *, delivers: bool = False, resolv_conf: Path | None = None
    ) -> AbstractContextManager[Running]:
        """Return it for a `with` block, which ends it."""


@contextmanager
def smtpdsl(folder: Path, *, delivers: bool = False, resolv_conf: Path | None = None) -> Iterator[Running]:
    """Run ours, as it is in this checkout."""
    command: list[str | Path] = [sys.executable, "-m", "smtpdsl", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = subprocess.run([*command, "--help"], env=environment, capture_output=True, text=True, check=False)
    if "--pause" not in asked.stdout:
        message = "this checkout has no `smtpdsl run -P`"
        raise AbsentError(message)
    homes = folder / "root/home"
    accounts = _accounts(folder, homes, seen_at="/home")
    aliases = folder / "root/etc/aliases"
    aliases.parent.mkdir(parents=True, exist_ok=True)
    aliases.write_text(ALIASES)
    _certify(aliases.parent)
    configuration = folder / "smtpd.conf"
    rules = RULES.format(aliases="/etc/aliases", certificate="/etc/mx.crt", key="/etc/mx.key")
    configuration.write_text(LIMITS + (RELAY_RULES if resolv_conf else rules))
    command += ["--root", folder / "root", *([] if delivers or resolv_conf else PAUSED), configuration]
    binds = accounts.binds | _resolving(resolv_conf)
    with _served("smtpdsl", folder, homes, binds, command, environment) as server:
        yield server


@contextmanager
def postfix(folder: Path, *, delivers: bool = False, resolv_conf: Path | None = None) -> Iterator[Running]:
    """Run Debian's Postfix as it is shipped, but without chroot, which would need a copy of /etc."""
    peer = _peer("postfix")
    homes = folder / "home"
    accounts = _accounts(folder, homes, postfix="/", postdrop="/")
    accounts.make_folder("postfix", folder / "data")
    conf = folder / "conf"
    for path in (folder / "queue", conf):
        path.mkdir(exist_ok=True)
    (conf / "aliases").write_text(ALIASES)
    _certify(folder)
    shutil.copy(peer.root / "etc/postfix/postfix-files", conf)
    services = (peer.root / "usr/share/postfix/master.cf.dist").read_text()
    (conf / "master.cf").write_text(re.sub(r"^(\w\S*(?:\s+\S+){3}\s+)y", r"\1n", services, flags=re.MULTILINE))
    shipped = (peer.root / "usr/share/postfix/main.cf.debian").read_text()
    libraries = peer.environment.get("LD_LIBRARY_PATH", "")
    settings = MAIN_CF.format(folder=folder, root=peer.root, libraries=libraries)
    use = POSTFIX_DELIVERS if delivers else "" if resolv_conf else POSTFIX_HOLDS
    (conf / "main.cf").write_text(shipped + settings + use)
    command: Command = [peer.root / "usr/sbin/postfix", "-c", conf, "start-fg"]
    with _served(
        "postfix", folder, homes, accounts.binds | _resolving(resolv_conf), command, peer.environment
    ) as server:
        yield server


@contextmanager
def opensmtpd(folder: Path, *, delivers: bool = False, resolv_conf: Path | None = None) -> Iterator[Running]:
    """Run Debian's OpenSMTPD."""
    peer = _peer("opensmtpd")
    empty = "/var/lib/opensmtpd/empty"
    homes = folder / "home"
    accounts = _accounts(folder, homes, opensmtpd=empty, opensmtpq=empty)
    binds = {folder / name: Path("/", name) for name in ("var/spool", "var/lib", "run")}
    if delivers and peer.root != Path("/"):
        # What it delivers with.
        binds[peer.root / "usr/libexec"] = Path("/usr/libexec")
    for path in (*binds, Path(f"{folder}{empty}")):
        path.mkdir(parents=True, exist_ok=True)
    aliases = folder / "aliases"
    aliases.write_text(ALIASES)
    _certify(folder)
    configuration = folder / "smtpd.conf"
    rules = RULES.format(aliases=aliases, certificate=folder / "mx.crt", key=folder / "mx.key")
    configuration.write_text(LIMITS + (RELAY_RULES if resolv_conf else rules))
    command: Command = [peer.program, "-d", "-f", configuration, *([] if delivers or resolv_conf else PAUSED)]
    binds |= accounts.binds | _resolving(resolv_conf)
    with _served("opensmtpd", folder, homes, binds, command, peer.environment) as server:
        yield server


SERVERS: dict[str, Start] = {"smtpdsl": smtpdsl, "postfix": postfix, "opensmtpd": opensmtpd}


def _accounts(folder: Path, homes: Path, seen_at: str = "", **others: str) -> Accounts:
    """Make accounts of *others*, with their homes, and of the users, whose homes in *homes* are named *seen_at*."""
    accounts = Accounts(folder / "etc", **others, **{name: f"{seen_at or homes}/{name}" for name in USERS})
    homes.mkdir(parents=True, exist_ok=True)
    for name in USERS:
        accounts.make_folder(name, homes / name)
    return accounts


def _resolving(resolv_conf: Path | None) -> dict[Path, Path]:
    return {resolv_conf: Path("/etc/resolv.conf")} if resolv_conf else {}


def _certify(folder: Path) -> None:
    """Write a certificate and its key into *folder*, of the same kind for each server."""
    pair = make_pair("mx.example.org")
    (folder / "mx.crt").write_text(pair.certificate)
    (folder / "mx.key").touch(mode=0o600)
    (folder / "mx.key").write_text(pair.key)


def _peer(name: str) -> Peer:
    peer = find_peer(name)
    if not isinstance(peer, Peer):
        raise AbsentError(peer)
    return peer


@contextmanager
def _served(
    name: str,
    folder: Path,
    homes: Path,
    binds: dict[Path, Path],
    command: Command,
    environment: dict[str, str],
) -> Iterator[Running]:
    """Run *command* in namespaces of its own, and yield it when it listens."""
    with control_group(f"bench-accept-{name}") as group, private(binds) as host:
        meter, path = CpuMeter(host, group), folder / "log"
        with path.open("ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            # Ctrl-C is for the benchmark alone.
            process = host.popen(meter.counted(command), env=environment, start_new_session=True, **options)
        server = Running(name, host, meter, path, homes, process)
        _wait(server, process)
        yield server


def _wait(server: Running, process: subprocess.Popen[bytes]) -> None:
    """Wait until *process* listens on port 25 of its network."""
    deadline = time.monotonic() + START_SECONDS
    # The local address, in hexadecimal, and the number of the state "listen".
    listening = re.compile(r":0019 \S+ 0A ")
    while not listening.search(Path(f"/proc/{server.host.anchor}/net/tcp").read_text(encoding="ascii")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise failed(server, "does not start")
        time.sleep(0.02)


def failed(server: Running, what: str) -> ServerError:
    """Make the error that says *what* went wrong, and what the server has to say about it."""
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return ServerError("\n".join([f"{server.name} {what}; the end of its log:", *lines[-10:]]))
