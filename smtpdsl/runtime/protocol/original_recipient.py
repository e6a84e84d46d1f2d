r"""The parameter ORCPT: whom a message was sent to in the first place (RFC 3461 §4.2, RFC 6533 §3).

rfc822;joe+2Btag@example.org      rfc822;joe+tag@example.org
utf-8;j\x{F6}rg@example.org       utf-8;jörg@example.org
utf-8;jörg@example.org            the same, in a transaction of SMTPUTF8
"""

from __future__ import annotations

import re

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.own_replies import bad_parameter
from smtpdsl.runtime.protocol.xtext import decode_xtext

# original-recipient-address = atom ";" xtext                  RFC 3461 §4.2
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
# utf-8-addr-unitext = 1*(QUCHAR / EmbeddedUnicodeChar)        RFC 6533 §3
# QUCHAR is any printable character but "\", "+" and "="; EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"
# Whoever writes xtext here, as everywhere else, is understood as well: "+" begins nothing else.
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-\[\]-~]|[^\x00-\x7f]|\\x\{[0-9A-Fa-f]{1,6}\}|\+[0-9A-Fa-f]{2})+")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]+)\}|\+(..)")
_MAX_UNICODE = 0x10FFFF

# RFC 3461 §4.2
_MAX_ORCPT_OCTETS = 500


def read_original_recipient(value: str, *, utf8: bool) -> str:
    """Return the type of the address and the address, decoded and printable.

    Args:
        value: The value of the parameter; each octet is a character.
        utf8: Whether it may hold UTF-8 as it is.

    Raises:
        RemoteProtocolError: It breaks the syntax.
    """
    if not value.isascii():
        value = _from_utf8(value, utf8=utf8)
    address_type, semicolon, address = value.partition(";")
    if not semicolon or _ADDRESS_TYPE.fullmatch(address_type) is None:
        raise RemoteProtocolError(bad_parameter("Expected TYPE;ADDRESS for ORCPT"))
    room = _MAX_ORCPT_OCTETS - len(address_type) - 1
    decode = _decode_utf8_address if address_type.lower() == "utf-8" else _decode_address
    return f"{address_type};{decode(address, room)}"


def _from_utf8(value: str, *, utf8: bool) -> str:
    if utf8:
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            pass
    raise RemoteProtocolError(bad_parameter("Expected only ASCII characters for ORCPT"))


def _decode_address(address: str, max_octets: int) -> str:
    return decode_xtext("ORCPT", address, max_octets)


def _decode_utf8_address(address: str, max_octets: int) -> str:
    if len(address.encode()) > max_octets:
        raise RemoteProtocolError(bad_parameter("Expected a shorter value for ORCPT"))
    if _UTF8_ADDRESS.fullmatch(address) is None:
        raise RemoteProtocolError(bad_parameter("Expected an address with \\x{XX} for each special character"))
    points = [int(found[1] or found[2], 16) for found in _EMBEDDED.finditer(address)]
    if max(points, default=0) <= _MAX_UNICODE:
        text = _EMBEDDED.sub(lambda found: chr(int(found[1] or found[2], 16)), address)
        # Half a character, a control or a line end is none of an address, however it is written.
        if text.isprintable():
            return text
    raise RemoteProtocolError(bad_parameter("Expected only printable characters for ORCPT"))
