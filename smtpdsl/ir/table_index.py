"""Looking keys up in tables whose entries are known.

The last of several equal keys holds, as in the tables of the original; letters are
compared without their case.
"""

from __future__ import annotations

from functools import lru_cache

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Account, Entry
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.table_entry import entry_problem
from smtpdsl.ir.table_file import Service, TableEntry


class TableIndex:
    """An index of each table that was asked, made when it is asked first."""

    def __init__(self) -> None:
        """Know no table yet."""
        # By identity, and with the table, so that no other one can get its place.
        self._indexes: dict[int, tuple[Table, dict[str, TableEntry]]] = {}

    def find(self, table: Table, key: str) -> TableEntry | None:
        """Return the entry of *key* as it is written."""
        known = self._indexes.get(id(table))
        if known is None:
            known = table, {fold(each.key): each for each in table.entries}
            self._indexes[id(table)] = known
        return known[1].get(fold(key))

    def entry(self, table: Table, key: str) -> Entry | None:
        """Return what *table* has for *key*; an entry of a list has the empty value."""
        found = self.find(table, key)
        return Entry(key=found.key, value=found.value or "", span=found.span) if found else None

    def account(self, userbase: Table, name: str) -> Account | Outage | None:
        """Return the user *name*; an entry that cannot be read is an outage, and its owner's to mend."""
        found = self.find(userbase, name)
        if found is None:
            return None
        return account_of(name, found.value)


# A server is asked about the same users again and again.
@lru_cache(maxsize=1024)
def account_of(name: str, value: str | None) -> Account | Outage:
    """Read the *value* that a userbase has for *name*."""
    problem = entry_problem(Service.USERINFO, name, value)
    if value is None or (problem is not None and problem.never_works):
        return Outage.UNAVAILABLE
    uid, gid, home = value.split(":", 2)
    return Account(name=fold(name), uid=int(uid), gid=int(gid), home=home.rstrip("/") or home)


def is_system_userbase(userbase: Table) -> bool:
    """Whether the users of *userbase* are the accounts of the system."""
    return userbase.backend in {"built-in", "getpwnam"}
