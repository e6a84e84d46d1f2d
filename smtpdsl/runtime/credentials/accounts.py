"""What a listener asks about those who log in, wherever they are kept."""

from __future__ import annotations

from typing import Protocol

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.credentials.secret import Secret


class Accounts(Protocol):
    """The logins of a listener.

    Each question raises `CheckError` if it has no answer now, and takes as long for a
    login that does not exist as for others.
    """

    @property
    def has_scram(self) -> bool:
        """Whether everybody can log in with SCRAM-SHA-256."""

    async def verify(self, login: str, password: Secret) -> bool:
        """Whether *password* is that of *login*."""

    async def scram_keys(self, login: str) -> ScramKeys:
        """Return the keys of *login*; of one that does not exist, keys that fit no password."""

    async def admits(self, login: str) -> bool:
        """Whether *login*, who has proved by other means who it is, may log in."""
