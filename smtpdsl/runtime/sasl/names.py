"""Logins and passwords as clients send them: UTF-8, within bounds, and without what no terminal should see."""

from __future__ import annotations

from binascii import a2b_base64

from smtpdsl.runtime.credentials.crypt_library import MAX_PASSWORD_OCTETS
from smtpdsl.runtime.credentials.saslprep import SaslprepError, saslprep
from smtpdsl.runtime.credentials.secret import Secret

MAX_LOGIN_OCTETS = 255

# They end a line of a log or of a table's protocol, and RFC 4013 §2.3 lets neither names nor passwords have them.
_CONTROLS = frozenset([*range(0x20), 0x7F])


class MalformedError(ValueError):
    """Octets that are no login or no password; the message repeats none of them."""


def read_login(octets: bytes) -> str:
    """Return the login that *octets* are.

    Raises:
        MalformedError: They are too many, no UTF-8, or hold what no name may have.
    """
    if not 0 < len(octets) <= MAX_LOGIN_OCTETS:
        message = f"a login has 1 to {MAX_LOGIN_OCTETS} octets"
        raise MalformedError(message)
    try:
        login = saslprep(octets.decode("utf-8"))
    except UnicodeDecodeError:
        message = "the login is not UTF-8"
        raise MalformedError(message) from None
    except SaslprepError as error:
        message = f"the login cannot be one: {error}"
        raise MalformedError(message) from None
    if not login:
        message = "the login has only characters that do not count"
        raise MalformedError(message)
    return login


def read_password(octets: bytes) -> Secret:
    """Return the password that *octets* are; which characters they stand for is nobody's business.

    Raises:
        MalformedError: They are too many, none, or hold control characters.
    """
    if not 0 < len(octets) <= MAX_PASSWORD_OCTETS:
        message = f"a password has 1 to {MAX_PASSWORD_OCTETS} octets"
        raise MalformedError(message)
    if not _CONTROLS.isdisjoint(octets):
        message = "the password has control characters"
        raise MalformedError(message)
    return Secret(octets)


def from_base64(octets: bytes) -> bytes | None:
    """Return what *octets* stand for; None if they are no base64, or other octets would stand for the same."""
    try:
        return a2b_base64(octets, strict_mode=True)
    except ValueError:
        return None
