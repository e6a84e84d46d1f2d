"""The strings that `protocols` and `ciphers` take, as libtls reads them.

protocols   "tlsv1.2,tlsv1.3"   "all,!tlsv1.3"      each adds, with "!" it takes away
ciphers     "secure"            "HIGH:!aNULL"       a keyword, or a list for the TLS library
"""

from __future__ import annotations

import string
from typing import NamedTuple

from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.text_error import TextError

_VERSIONS = ("tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3")
_ALL = frozenset(_VERSIONS)
_SECURE = frozenset({"tlsv1.2", "tlsv1.3"})

_PROTOCOLS = {version: frozenset({version}) for version in _VERSIONS} | {
    "tlsv1": _ALL,
    "all": _ALL,
    "legacy": _ALL,
    "default": _SECURE,
    "secure": _SECURE,
}
_CIPHER_KEYWORDS = ("secure", "default", "legacy", "compat", "all", "insecure")


class ProtocolsError(TextError):
    """A text that names no TLS protocols."""


class _Element(NamedTuple):
    text: str
    start: int


def parse_protocols(text: str) -> frozenset[str]:
    """Return the TLS versions that *text* allows, such as ``{"tlsv1.2", "tlsv1.3"}``.

    Elements are separated by commas or colons and ignore case; they count from left to
    right, and a string that begins by taking away takes away from all.

    Raises:
        ProtocolsError: An element is no protocol, or none is left.
    """
    allowed: frozenset[str] = frozenset()
    for element in _elements(text):
        name = element.text.removeprefix("!")
        meant = _PROTOCOLS.get(name.lower())
        if meant is None:
            raise _unknown_protocol(name, element.start + len(element.text) - len(name))
        if element.text.startswith("!"):
            allowed = (allowed or _ALL) - meant
        else:
            allowed |= meant
    if not allowed:
        message = f'expected at least one protocol, but "{text}" leaves none'
        raise ProtocolsError(message, 0, len(text))
    return allowed


def _elements(text: str) -> list[_Element]:
    """Cut *text* at commas and colons; blanks around an element are no part of it."""
    found, start = [], 0
    for element in text.replace(":", ",").split(","):
        blanks = len(element) - len(element.lstrip(" \t"))
        found.append(_Element(element.strip(" \t"), start + blanks))
        start += len(element) + 1
    return found


def _unknown_protocol(name: str, start: int) -> ProtocolsError:
    message = f'expected one of the protocols {", ".join(_PROTOCOLS)}, found "{name}"'
    digits = "".join(character for character in name if character in string.digits)
    # "1.2", "TLS1.2" and "TLSv1_2" are what other programs call it.
    near = f"tlsv1.{digits[1]}" if digits in {"10", "11", "12", "13"} else nearest(name, _PROTOCOLS)
    return ProtocolsError(message, start, start + len(name), f'write "{near}"' if near else "")


def protocols_problem(text: str) -> str | None:
    """Say why *text* names no TLS protocols, or return None if it does."""
    try:
        parse_protocols(text)
    except ProtocolsError as error:
        return error.message
    return None


def cipher_problem(text: str) -> str | None:
    """Say why *text* chooses no ciphers, or return None if it does.

    What is no keyword is a list that only the TLS library of this machine can judge.
    It ignores a name that it does not know as long as another one chooses something.
    """
    if text.lower() in _CIPHER_KEYWORDS:
        return None
    # Costs more than everything else here, and few configurations choose ciphers.
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(text)
    except (ssl.SSLError, ValueError):  # the second: a NUL, or a character outside of UTF-8
        near = nearest(text, _CIPHER_KEYWORDS)
        return f'no cipher matches "{text}"' + (f'; did you mean "{near}"?' if near else "")
    return None
