r"""An exchange of AUTH, as far as the protocol goes (RFC 4954 §4): mechanisms by their names, and base64.

    AUTH PLAIN AGFsaWNlAHg=        Auth("PLAIN", b"\0alice\0x")
    AUTH PLAIN =                   Auth("PLAIN", b"")
    AGFsaWNlAHg=                   AuthResponse(b"\0alice\0x"), after a challenge
    *                              the client gives up: 501

What a client says here is decoded and handed on.  No error of this module carries any of it.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from contextlib import suppress

from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Auth, AuthResponse
from smtpdsl.runtime.protocol.input_buffer import CommandLine

# RFC 4954 §4: what every server has to take in an exchange, with the CRLF.
MAX_EXCHANGE_OCTETS = 12288

# sasl-mech = 1*20mech-char; mech-char = %x41-5A / DIGIT / "-" / "_"         RFC 4422 §3.1, in any case here
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")


def read_auth(argument: str, mechanisms: tuple[str, ...]) -> Auth:
    """Read the argument of AUTH; *mechanisms* are those that are offered.

    Raises:
        RemoteProtocolError: It has not the form of one, the mechanism is not offered, or the
            initial response is no base64.
    """
    if not argument:
        raise RemoteProtocolError(own_replies.MISSING_ARGUMENT)
    mechanism, _, initial = argument.partition(" ")
    if _MECHANISM.fullmatch(mechanism) is None:
        raise RemoteProtocolError(own_replies.AUTH_SYNTAX)
    if mechanism.upper() not in mechanisms:
        raise RemoteProtocolError(own_replies.UNKNOWN_MECHANISM)
    return Auth(mechanism.upper(), _initial(initial.strip(" ")))


def read_response(line: CommandLine) -> AuthResponse:
    """Read what a client says to a challenge.

    Raises:
        RemoteProtocolError: It gives up, or this is no base64; the exchange is over.
    """
    if line.problem is own_replies.LINE_TOO_LONG:
        raise RemoteProtocolError(own_replies.RESPONSE_TOO_LONG, closes=line.closes)
    if line.problem is not None:
        raise RemoteProtocolError(line.problem, closes=line.closes)
    if line.octets == b"*":
        raise RemoteProtocolError(own_replies.CANCELLED)
    return AuthResponse(_decoded(line.octets))


def challenge(octets: bytes) -> str:
    """Return the text of the reply 334 that carries *octets*."""
    return b2a_base64(octets, newline=False).decode("ascii")


def _initial(text: str) -> bytes | None:
    # RFC 4954 §4: an equals sign alone is an initial response of no octets, which is not the same as none.
    if not text:
        return None
    return b"" if text == "=" else _decoded(text.encode("latin-1"))


def _decoded(octets: bytes) -> bytes:
    # The library takes padding behind groups that are full.
    if len(octets) % 4 == 0:
        # The library's error might say what could not be read, so it is not passed on.
        with suppress(Error):
            return a2b_base64(octets, strict_mode=True)
    raise RemoteProtocolError(own_replies.BAD_BASE64)
