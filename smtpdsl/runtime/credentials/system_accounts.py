"""The logins of this system: ``auth`` without a table.

Passwords are checked by root (`system_passwords`): by this process, in a thread, or by one that
still is root when this one has given that up.
"""

from __future__ import annotations

import pwd
from collections.abc import Awaitable, Callable
from functools import partial

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.pool import CheckPool
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.credentials.system_passwords import Check, system_check

PAM_THREADS = 16
"""Threads of the pool where PAM is asked: it waits for others, and for two seconds after each wrong password."""

Verify = Callable[[str, Secret], Awaitable[bool]]
"""Whether a login has a password, as another process says; it may raise `CheckError`."""


class SystemAccounts:
    """The accounts of this system."""

    has_scram = False

    def __init__(self, pool: CheckPool, check: Check | None = None, *, verify: Verify | None = None) -> None:
        """Check in *pool*, by default as this system can; with *verify*, passwords are checked elsewhere."""
        self._pool = pool
        self._check = check or system_check()
        self._verify = verify

    async def verify(self, login: str, password: Secret) -> bool:
        """Whether *password* is that of the account *login*.

        Raises:
            CheckError: This system cannot tell.
        """
        if self._verify is not None:
            return await self._verify(login, password)
        return await self._pool.ask(partial(_ask, self._check, login, password))

    async def scram_keys(self, login: str) -> ScramKeys:
        """Say that no account has any; `has_scram` keeps it from being asked."""
        del login
        message = "the accounts of this system have no keys for SCRAM"
        raise CheckError(message)

    async def admits(self, login: str) -> bool:
        """Whether there is such an account.

        Raises:
            CheckError: Whoever knows the accounts does not answer.
        """
        return await self._pool.ask(partial(_exists, login))


def _ask(check: Check, login: str, password: Secret) -> bool:
    return check(login, password.reveal())


def _exists(login: str) -> bool:
    try:
        pwd.getpwnam(login)
    except KeyError:
        return False
    return True
