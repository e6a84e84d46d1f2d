"""OAUTHBEARER (RFC 7628): the client shows a token that somebody else has given it.

C: n,a=ann@example.org,^Ahost=mail.example.org^Aport=465^Aauth=Bearer eyJhbGciOi…^A^A
S: {"status":"invalid_token"}            if it is not believed; otherwise this is all
C: ^A
"""

from __future__ import annotations

import re

from smtpdsl.ir.matching import fold
from smtpdsl.runtime.credentials.jwt_library import TokenError
from smtpdsl.runtime.credentials.tokens import Tokens
from smtpdsl.runtime.sasl.moves import Asserted, Challenge, Failed, Malformed, Move
from smtpdsl.runtime.sasl.names import MalformedError, read_login

_SEPARATOR = b"\x01"
# RFC 7628 §3.2.2: what the client gets before the failure, and has to take notice of.
_INVALID = b'{"status":"invalid_token"}'

# gs2-header = [nonstd] (n/y/p) "," [ "a=" saslname ] ","        RFC 5801 §4, without a channel binding here
_HEADER = re.compile(rb"[ny],(?:a=([^,\x00-\x1f]*))?,")
# b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="        RFC 6750 §2.1
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


class Bearer:
    """One message, and a second one if the first was in vain."""

    def __init__(self, tokens: Tokens) -> None:
        """Believe *tokens*."""
        self._tokens = tokens
        self._failed: Failed | None = None

    def step(self, octets: bytes | None) -> Move:
        """Read the token, or the notice that the client has taken of the failure."""
        if self._failed is not None:
            return self._failed
        if octets is None:
            return Challenge(b"")
        try:
            named, token = _parts(octets)
        except MalformedError as error:
            return Malformed(str(error))
        return self._judge(named, token)

    def _judge(self, named: str, token: str) -> Move:
        try:
            login = self._tokens.login(token)
        except TokenError as error:
            return self._fail(named, str(error))
        # RFC 7628 §3.1: whom the client wants to act for.
        if named and fold(named) != fold(login):
            return self._fail(named, "the token is somebody else's")
        return Asserted(login)

    def _fail(self, login: str, why: str) -> Challenge:
        self._failed = Failed(login, why)
        return Challenge(_INVALID)


def _parts(octets: bytes) -> tuple[str, str]:
    """Return whom the client names, or nobody, and its token.

    Raises:
        MalformedError: It does not speak the mechanism.
    """
    header, _, rest = octets.partition(_SEPARATOR)
    found = _HEADER.fullmatch(header)
    values = dict(pair.partition(b"=")[::2] for pair in rest.removesuffix(_SEPARATOR * 2).split(_SEPARATOR))
    token = _BEARER.fullmatch(values.get(b"auth", b""))
    if found is None or not rest.endswith(_SEPARATOR * 2) or token is None:
        message = "expected a header, and pairs of names and values, one of them a bearer token"
        raise MalformedError(message)
    named = (found[1] or b"").replace(b"=2C", b",").replace(b"=3D", b"=")
    return (read_login(named) if named else ""), token[1].decode("ascii")
