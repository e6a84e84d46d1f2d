"""XCLIENT: a mail server in front of this one says who its client is.

    C: XCLIENT ADDR=192.0.2.9 NAME=client.example LOGIN=ann
    S: 220 mx.example ESMTP                                     the session begins anew, for that client

It is no RFC: https://www.postfix.org/XCLIENT_README.html has it.  Who may say it is asked before.
"""

from __future__ import annotations

import re

from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import XClient
from smtpdsl.runtime.protocol.xtext import decode_xtext

# The attributes that are taken; of those in brackets nobody wants to know more than that they are well-formed.
ATTRIBUTES = ("NAME", "ADDR", "LOGIN", "PORT", "PROTO", "HELO")
_MAX_VALUE_OCTETS = 255
_UNKNOWN = "[UNAVAILABLE]"
# Somebody may know, but not now.
_UNKNOWN_NOW = "[TEMPUNAVAIL]"
_IPV6 = re.compile(r"IPV6:(.*)", re.IGNORECASE)


def read_xclient(argument: str) -> XClient:
    """Read the attributes of XCLIENT.

    Raises:
        RemoteProtocolError: There are none, or one is unknown or cannot be what it says.
    """
    if not argument:
        raise RemoteProtocolError(own_replies.MISSING_ARGUMENT)
    values = dict(_attribute(each) for each in argument.split())
    name, login = values.get("NAME"), values.get("LOGIN")
    return XClient(
        address=_address(values["ADDR"]) if "ADDR" in values else None,
        name=name if not _is_unknown(name) else None,
        is_name_given=name is not None,
        is_name_known=name is None or name.upper() != _UNKNOWN_NOW,
        login=login if not _is_unknown(login) else None,
    )


def _attribute(text: str) -> tuple[str, str]:
    keyword, _, value = text.partition("=")
    keyword = keyword.upper()
    if keyword not in ATTRIBUTES:
        raise RemoteProtocolError(own_replies.bad_parameter("Expected the attributes that the reply to EHLO names"))
    decoded = decode_xtext(keyword, value, _MAX_VALUE_OCTETS)
    if not decoded:
        raise RemoteProtocolError(own_replies.bad_parameter(f"Expected a value for {keyword}"))
    return keyword, decoded


def _is_unknown(value: str | None) -> bool:
    return value is None or value.upper() in {_UNKNOWN, _UNKNOWN_NOW}


def _address(value: str) -> str:
    """Return an address without its prefix.

    One that the other server does not know is refused: rules would take its client for that server itself, which
    may have rights.
    """
    found = _IPV6.fullmatch(value)
    text = value if found is None else found[1]
    if ipv4_value(text) is None and (found is None or ipv6_value(text) is None):
        raise RemoteProtocolError(
            own_replies.bad_parameter("Expected an address for ADDR: 192.0.2.1 or IPV6:2001:db8::1")
        )
    return text
