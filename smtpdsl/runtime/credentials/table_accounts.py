"""The logins of a table: ``auth <t>``.

Ann  ──folded──▶  ann   $2b$12$…    checked
Eve  ──folded──▶  none              checked against the hash of somebody else, and refused all the same
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial

from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import NOBODY, CheckError, Locked, Stored, matches, read_stored, typical


class TableAccounts:
    """The logins of a table whose entries are known."""

    def __init__(self, table: Table, index: TableIndex, pool: CheckPool) -> None:
        """Look logins up in *table*, and check their passwords in *pool*."""
        self._table = table
        self._index = index
        self._pool = pool
        readable = [stored for stored in map(read_stored, _held(table)) if stored is not None]
        checked = [stored for stored in readable if not isinstance(stored, Locked)]
        self._decoy = typical(checked)
        # A client takes the best that is offered, and whoever has other entries could not log in any more.
        self._has_scram = bool(checked) and all(isinstance(stored, ScramKeys) for stored in checked)

    @property
    def has_scram(self) -> bool:
        """Whether every entry that a password can open has keys for it."""
        return self._has_scram

    async def verify(self, login: str, password: Secret) -> bool:
        """Whether *password* is that of *login*.

        Raises:
            CheckError: Its entry cannot be used, or the check failed.
        """
        stored = self._stored(login)
        if stored is None or isinstance(stored, Locked):
            # Its outcome is of no interest, only its duration.
            await self._pool.ask(partial(matches, self._decoy, password))
            return False
        return await self._pool.ask(partial(matches, stored, password))

    async def scram_keys(self, login: str) -> ScramKeys:
        """Return the keys of *login*, or some that no proof fits.

        Raises:
            CheckError: Its entry cannot be used.
        """
        stored = self._stored(login)
        return stored if isinstance(stored, ScramKeys) else self._invented(login)

    async def admits(self, login: str) -> bool:
        """Whether *login* is in the table and not shut.

        Raises:
            CheckError: Its entry cannot be used.
        """
        stored = self._stored(login)
        return stored is not None and not (isinstance(stored, Locked) and stored.is_shut)

    def _stored(self, login: str) -> Stored | None:
        if not self._table.is_known:
            message = f"what is in {self._table.shown} is not known"
            raise CheckError(message)
        entry = self._index.find(self._table, login)
        if entry is None:
            return None
        stored = read_stored(entry.value or "")
        if stored is None:
            message = f"the entry of {entry.key} in {self._table.shown} holds no hash of a password"
            raise CheckError(message)
        return stored

    def _invented(self, login: str) -> ScramKeys:
        """Make up keys for a login that has none, the same whenever it is asked for (RFC 5802 §9).

        The salt depends on something that the server alone knows and a restart does not
        change, so that nobody can tell it from one that is stored.
        """
        model = self._decoy if isinstance(self._decoy, ScramKeys) else NOBODY
        octets = hashlib.shake_256(hmac.digest(model.server_key, fold(login).encode("utf-8", "replace"), "sha256"))
        return NOBODY.replace(
            iterations=model.iterations,
            salt=octets.digest(len(model.salt)),
            # Nobody knows what they are keys of.
            stored_key=octets.digest(len(model.salt) + 32)[-32:],
        )


def _held(table: Table) -> list[str]:
    """Return the values that hold: the last of several with one key."""
    return list({fold(entry.key): entry.value or "" for entry in table.entries}.values())
