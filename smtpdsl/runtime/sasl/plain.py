"""The mechanisms that send a password: PLAIN (RFC 4616) and LOGIN (of no RFC, and of many clients).

S: 334                          S: 334 Username:
C: [authzid] NUL login NUL pw   C: login
                                S: 334 Password:
                                C: password
"""

from __future__ import annotations

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sasl.moves import Challenge, CheckPassword, Failed, Malformed, Move
from smtpdsl.runtime.sasl.names import MalformedError, read_login, read_password

_USERNAME = Challenge(b"Username:")
_PASSWORD = Challenge(b"Password:")


class Plain:
    """One message that says it all."""

    def step(self, octets: bytes | None) -> Move:
        """Read the message; ask for it if it did not come with the command."""
        if octets is None:
            return Challenge(b"")
        # message = [authzid] UTF8NUL authcid UTF8NUL passwd          RFC 4616 §2
        parts = octets.split(b"\0")
        if len(parts) != len(("authzid", "authcid", "passwd")):
            return Malformed("the message of PLAIN has three parts")
        return _check(*parts)


def _check(authzid: bytes, authcid: bytes, passwd: bytes) -> Move:
    try:
        login, password = read_login(authcid), read_password(passwd)
        acts_for = read_login(authzid) if authzid else login
    except MalformedError as error:
        return Malformed(str(error))
    # RFC 4616 §2 lets a server allow it; nothing in our language says who may act for whom.
    if acts_for != login:
        return Failed(login, "it wants to act for somebody else")
    return CheckPassword(login, password)


class Login:
    """Two questions; the first may be answered with the command."""

    def __init__(self) -> None:
        """Begin with the name."""
        self._login: str | None = None

    def step(self, octets: bytes | None) -> Move:
        """Read the name, then the password."""
        if octets is None:
            return _USERNAME
        try:
            if self._login is None:
                self._login = read_login(octets)
                return _PASSWORD
            password: Secret = read_password(octets)
        except MalformedError as error:
            return Malformed(str(error))
        return CheckPassword(self._login, password)
