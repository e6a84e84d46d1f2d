"""Whose tokens are logins: the issuers of the configuration, with their keys.

    "eyJhbGciOi…" ──▶ issuer https://id.example.org: signed, for us, not too old ──▶ "ann@example.org"

An issuer changes its keys now and then: whoever fetches its key set may put it in the place of the
old file at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smtpdsl.ir.resolved import OAuthIssuer
from smtpdsl.runtime.credentials.jwt_library import KeySet, TokenError, prepare
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.changing_file import ChangingFile
from smtpdsl.runtime.sasl.names import MalformedError, read_login


class Tokens:
    """The tokens that are believed."""

    def __init__(self, issuers: Iterable[OAuthIssuer], locate: Callable[[str], str], log: Log) -> None:
        """Believe *issuers*; *locate* finds their keys, and a bad key set is told to *log*."""
        prepare()
        self._issuers = [_Issuer(each, locate(each.key.text), log) for each in issuers]

    def login(self, token: str) -> str:
        """Return the login that *token* gives.

        Raises:
            TokenError: It gives none.
        """
        problems = []
        for issuer in self._issuers:
            try:
                return issuer.login(token)
            except TokenError as error:
                problems.append(str(error))
        # Of several issuers all but one say that it is not theirs.
        raise TokenError("; ".join(dict.fromkeys(problems)))


class _Issuer:
    """One of them."""

    def __init__(self, issuer: OAuthIssuer, path: str, log: Log) -> None:
        self._issuer = issuer
        self._path = path
        self._file = ChangingFile(path)
        self._log = log
        self._keys: KeySet | None = None
        # Now, and not at the first login: whoever starts the server sees what is wrong, and root may read more.
        self._renew()
        if self._keys is None:
            log.warn(f"nobody can log in with a token of {issuer.issuer} until {path} has its keys")

    def login(self, token: str) -> str:
        self._renew()
        if self._keys is None:
            message = f"the keys of {self._issuer.issuer} are not there"
            raise TokenError(message)
        claims = self._keys.claims(token, self._issuer.issuer, self._issuer.audience)
        # OpenID Connect Core §5.1: anybody may have written an address that nobody has looked at.
        if self._issuer.claim == "email" and claims.get("email_verified", True) not in {True, "true"}:
            message = "its issuer has not verified the address in the token"
            raise TokenError(message)
        named = claims.get(self._issuer.claim)
        try:
            return read_login(named.encode("utf-8", "surrogatepass") if isinstance(named, str) else b"")
        except MalformedError:
            message = f"the token has no login in its claim {self._issuer.claim}"
            raise TokenError(message) from None

    def _renew(self) -> None:
        """Read the key set if it has changed; what cannot be read changes nothing."""
        text = self._file.news()
        if text is None:
            return
        try:
            self._keys = KeySet(text)
        except TokenError as error:
            self._log.warn(f"the keys of {self._issuer.issuer} in {self._path} cannot be used: {error}")
