"""All the logins of a server: the accounts of each listener, and the threads that check their passwords."""

from __future__ import annotations

from smtpdsl.ir.resolved import Auth, Table
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.accounts import Accounts
from smtpdsl.runtime.credentials.pam_library import has_pam
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.program_accounts import LoginTables, ProgramAccounts
from smtpdsl.runtime.credentials.system_accounts import PAM_THREADS, SystemAccounts, Verify
from smtpdsl.runtime.credentials.table_accounts import TableAccounts


class Directory:
    """Finds out who may log in where."""

    def __init__(self, index: TableIndex, verify: Verify | None = None, elsewhere: LoginTables | None = None) -> None:
        """Look tables up in *index*.

        Args:
            index: Knows those whose entries are known.
            verify: Checks passwords of the system, if this process does not.
            elsewhere: Answers for tables that live elsewhere.
        """
        self._index = index
        self._verify = verify
        self._elsewhere = elsewhere
        # Reading each of 100,000 entries takes a second, and several listeners may ask the same table.
        self._tables: dict[int, Accounts] = {}
        self._pool = CheckPool()
        # PAM waits more than it computes, and must not keep the others waiting.
        self._system_pool = CheckPool(PAM_THREADS) if has_pam() else self._pool

    def accounts(self, auth: Auth) -> Accounts:
        """Return the logins of a listener with the option *auth*."""
        if auth.table is None:
            return SystemAccounts(self._system_pool, verify=self._verify)
        # By identity; the accounts keep the table, so that no other one can get its place.
        known = self._tables.get(id(auth.table))
        if known is None:
            known = self._tables[id(auth.table)] = self._accounts(auth.table)
        return known

    def _accounts(self, table: Table) -> Accounts:
        elsewhere = self._elsewhere
        if elsewhere is not None and elsewhere.has(table):
            return ProgramAccounts(table, elsewhere, self._pool)
        return TableAccounts(table, self._index, self._pool)

    def close(self) -> None:
        """Check no more passwords; who still waits for an answer is told to try again."""
        self._pool.close()
        self._system_pool.close()
