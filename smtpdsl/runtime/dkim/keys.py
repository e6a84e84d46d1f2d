"""The keys of `dkim-sign`: read when the server starts, and again when their files change.

dkim-sign "s2026._domainkey.example.org" key "/etc/mail/dkim/s2026.key"
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from smtpdsl.ir.resolved import DkimKey
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_renewal import Renewals, Renewed
from smtpdsl.runtime.net.tls_settings import Locate, TlsSetupError

if TYPE_CHECKING:
    from smtpdsl.mail.dkim_key import SigningKey


class DkimSetupError(TlsSetupError):
    """A key that nothing can be signed with; the text is one sentence that names the line."""


class KnownKey(NamedTuple):
    """A key, and the name of its record."""

    domain: str
    selector: str
    key: SigningKey


class Keys:
    """The keys of a configuration."""

    def __init__(
        self,
        statements: Iterable[DkimKey],
        locate: Locate,
        log: Log,
        files: Files = OWN_FILES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read them.

        Args:
            statements: One for each key.
            locate: Turns a path of the configuration into one of this machine.
            log: Where a key that is read anew, or cannot be, is reported.
            files: Who reads keys.
            now: A clock that never goes back, in seconds.

        Raises:
            DkimSetupError: A file cannot be used.
        """
        self._locate = locate
        self._files = files
        self._renewals = Renewals([self._part(each) for each in statements], files, log, now)
        # What was signed with other keys is to be signed anew.
        self.revision = 0

    def look(self) -> None:
        """Read again what has changed, once a second at most."""
        self.revision += self._renewals.look()

    def of(self, domain: str) -> Sequence[KnownKey]:
        """Return the keys of *domain*, in the order of the configuration."""
        return [part.value for part in self._renewals.parts if part.value.domain == domain]

    def _part(self, statement: DkimKey) -> Renewed[KnownKey]:
        name = f'the key of "{statement.selector}._domainkey.{statement.domain}"'
        return Renewed(name, [self._locate(statement.key.text)], partial(self._read, statement), self._files)

    def _read(self, statement: DkimKey) -> KnownKey:
        from smtpdsl.mail.dkim_key import DkimKeyError, read_key  # noqa: PLC0415 - slow, and few servers have one

        word, path = statement.key, self._locate(statement.key.text)
        try:
            key = read_key(self._files.read(path))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        except DkimKeyError as error:
            reason = str(error)
        else:
            return KnownKey(statement.domain, statement.selector, key)
        message = f'cannot use the key "{path}" ({word.span.place}): {reason}'
        raise DkimSetupError(message)
