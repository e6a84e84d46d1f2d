r"""Logging in at another server: the client's side of SCRAM-SHA-256 and -PLUS, PLAIN and LOGIN.

    Account("ann", Secret(b"s3cret")).begin({"PLAIN", "LOGIN"}, ...)    an exchange with PLAIN
        respond(None)                                                   b"\0ann\0s3cret"

The best mechanism goes first.  A server may offer SCRAM and have no keys for this login, so
one that refuses SCRAM is told the password; one that refuses the password is told it once.
Nothing here asks whether the channel is secure: whoever begins an exchange has seen to it.
"""

from __future__ import annotations

from base64 import b64encode

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.protocol.client_login import EndPoint, Exchange, LoginError
from smtpdsl.runtime.sasl.scram_client import ScramKeyCache, ScramSha256, binding_of


class Plain:
    """RFC 4616: login and password in one response."""

    mechanism = "PLAIN"

    def __init__(self, account: Account) -> None:
        """Say nothing yet."""
        self._account = account
        self.is_complete = False

    def respond(self, challenge: bytes | None) -> bytes:
        """Tell login and password, whatever is asked."""
        if self.is_complete:
            message = "it asks for more than PLAIN has"
            raise LoginError(message)
        del challenge
        self.is_complete = True
        return b"\0%b\0%b" % (self._account.user.encode(), self._account.password.reveal())


class LoginMechanism:
    """What Outlook began: the login, then the password; what the server asks is for people to read."""

    mechanism = "LOGIN"

    def __init__(self, account: Account) -> None:
        """Say nothing yet."""
        self._left = [account.password.reveal(), account.user.encode()]

    @property
    def is_complete(self) -> bool:
        """Whether both were told."""
        return not self._left

    def respond(self, challenge: bytes | None) -> bytes | None:
        """Tell what comes next; the server asks first."""
        if challenge is None:
            return None
        if not self._left:
            message = "it asks for more than LOGIN has"
            raise LoginError(message)
        return self._left.pop()


class Account:
    """A login at another server, for any number of sessions."""

    def __init__(self, user: str, password: Secret) -> None:
        """Log in as *user*."""
        self.user = user
        self.password = password
        self._keys = ScramKeyCache(password)

    def __repr__(self) -> str:
        return f"Account({self.user!r})"

    def begin(self, offered: frozenset[str], refused: frozenset[str], end_point: EndPoint) -> Exchange | None:
        """Choose a mechanism, see `protocol.client_login.Login`."""
        binding = binding_of(offered, refused, end_point)
        if binding is not None:
            return ScramSha256(self.user, self._keys, binding)
        if refused & {Plain.mechanism, LoginMechanism.mechanism}:
            return None
        if Plain.mechanism in offered:
            return Plain(self)
        return LoginMechanism(self) if LoginMechanism.mechanism in offered else None

    def is_told_by(self, text: str) -> bool:
        """Whether *text*, printable ASCII, has the password, as it is or as an exchange spells it."""
        password, user = self.password.reveal(), self.user.encode()
        spelled = [b64encode(each).decode("ascii").rstrip("=") for each in (password, b"\0%b\0%b" % (user, password))]
        return any(each in text for each in (password.decode("utf-8", "replace"), *spelled))
