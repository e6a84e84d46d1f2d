"""Wiring: what the analysis asks about this machine."""

from __future__ import annotations

from smtpdsl.compiler.interfaces import local_addresses
from smtpdsl.compiler.world import Machine
from smtpdsl.ir.answers import Site
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Ruleset, Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.system_account import RecentAccounts
from smtpdsl.runtime.target_lines import target_lines


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
        self._accounts = RecentAccounts(self._machine.root)

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """A table that only a program knows cannot be asked without the server."""
        del table, service, key
        return Answer.UNAVAILABLE

    def system_account(self, name: str) -> Account | None:
        """Look *name* up in the password database: the one under the root, if there is one."""
        return self._accounts.find(name)

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Read a file of targets."""
        octets = self._machine.read(path)
        return target_lines(octets) if isinstance(octets, bytes) else None

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the `.forward` of a user, with the rights of this process."""
        from smtpdsl.runtime.forward import read_forward  # noqa: PLC0415 - not every recipient has an account

        return read_forward(account, self._machine.locate, is_test_bed=self._machine.is_test_bed)
