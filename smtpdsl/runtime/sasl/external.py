"""EXTERNAL (RFC 4422 appendix A): the client's certificate has already said who it is.

C: AUTH EXTERNAL =                              whoever the certificate names
C: AUTH EXTERNAL YW5uQGV4YW1wbGUub3Jn           the same, if it names ann@example.org
"""

from __future__ import annotations

from smtpdsl.ir.matching import fold
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.sasl.moves import Asserted, Challenge, Failed, Malformed, Move
from smtpdsl.runtime.sasl.names import MalformedError, read_login


def certified_login(facts: TlsFacts) -> str | None:
    """Return the login that the client's certificate gives it: its first mail address, else its common name."""
    certificate = facts.certificate
    if certificate is None or not certificate.is_verified:
        return None
    name = certificate.emails[0] if certificate.emails else certificate.common_name
    try:
        return read_login(name.encode("utf-8", "surrogatepass")) if name else None
    except MalformedError:
        return None


class External:
    """One message, which may only repeat what is known."""

    def __init__(self, login: str) -> None:
        """Let the client be *login*."""
        self._login = login

    def step(self, octets: bytes | None) -> Move:
        """Read whom the client wants to act for."""
        if octets is None:
            return Challenge(b"")
        try:
            acts_for = read_login(octets) if octets else self._login
        except MalformedError as error:
            return Malformed(str(error))
        if fold(acts_for) != fold(self._login):
            return Failed(self._login, "its certificate names somebody else")
        return Asserted(self._login)
