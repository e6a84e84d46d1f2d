"""Wiring: what the analysis asks about this machine."""

from __future__ import annotations

import pwd

from smtpdsl.compiler.interfaces import local_addresses
from smtpdsl.compiler.world import Machine
from smtpdsl.ir.answers import Site
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Ruleset, Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import Service


def site_of(ruleset: Ruleset) -> Site:
    """Return what "local" means on this machine."""
    return Site(
        server_name=ruleset.server_name,
        addresses=tuple(f"[{each}]" if ":" in each else each for each in local_addresses()),
        delimiter=ruleset.settings.sub_addr_delim.value,
        is_legacy=ruleset.dialect is Dialect.LEGACY,
    )


class MachineSources:
    """Accounts and files of this machine; tables behind programs are not asked here."""

    def __init__(self, root: str) -> None:
        """Find absolute paths under *root*."""
        self._machine = Machine(root)

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """A table that only a program knows cannot be asked without the server."""
        del table, service, key
        return Answer.UNAVAILABLE

    def system_account(self, name: str) -> Account | None:
        """Look *name* up in the password database: the one under the root, if there is one."""
        if self._machine.root:
            octets = self._machine.read("/etc/passwd")
            if isinstance(octets, bytes):
                return _passwd_account(octets.decode("utf-8", "surrogateescape"), name)
        try:
            found = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid, home=found.pw_dir)

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Read a file of targets; `#` begins a comment unless a backslash protects it."""
        octets = self._machine.read(path)
        if not isinstance(octets, bytes):
            return None
        text = octets.decode("utf-8", "surrogateescape")
        lines = (_without_comment(line).strip() for line in text.split("\n"))
        return tuple(line for line in lines if line)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the `.forward` of a user, with the rights of this process."""
        from smtpdsl.runtime.forward import read_forward  # noqa: PLC0415 - not every recipient has an account

        return read_forward(account, self._machine.locate, is_test_bed=self._machine.is_test_bed)


def _passwd_account(text: str, name: str) -> Account | None:
    """Find *name* in the text of a passwd(5) file."""
    for line in text.split("\n"):
        login, *fields = line.split(":")
        if login == name and len(fields) >= len(("password", "uid", "gid", "name", "home")):
            uid, gid, home = fields[1], fields[2], fields[4]
            if uid.isdecimal() and gid.isdecimal():
                return Account(name=login, uid=int(uid), gid=int(gid), home=home)
    return None


def _without_comment(line: str) -> str:
    at = line.find("#")
    while at > 0 and line[at - 1] == "\\":
        at = line.find("#", at + 1)
    return line if at < 0 else line[:at]
