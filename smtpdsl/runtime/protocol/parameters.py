"""The ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2, RFC 1870, RFC 3461, RFC 4954, RFC 6152).

    SIZE=4096 BODY=8BITMIME ENVID=a+2Bb      MailParameters(size=4096, body="8BITMIME", envid="a+b")
    NOTIFY=SUCCESS,FAILURE                   RcptParameters(notify={"SUCCESS", "FAILURE"})

One that breaks its syntax is answered 501, one that is unknown or belongs to an extension
that is not offered 555.  They are read after HELO as after EHLO: clients that mix the two
up exist, mean the same, and lose nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import MailParameters, RcptParameters
from smtpdsl.runtime.protocol.own_replies import bad_parameter, unknown_parameter

# The parameters of each command, and the extension that has to be offered for them.  AUTH= may be
# given by a client that has not authenticated (RFC 4954 §5); we trust nobody who says whom a message
# is from, so it is read and forgotten.
_OF_MAIL: Mapping[str, str] = {"SIZE": "SIZE", "BODY": "8BITMIME", "AUTH": "", "RET": "DSN", "ENVID": "DSN"}
_OF_RCPT: Mapping[str, str] = {"NOTIFY": "DSN", "ORCPT": "DSN"}

# esmtp-param = esmtp-keyword ["=" esmtp-value]                RFC 5321 §4.1.2
# esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
# esmtp-value = 1*(%d33-60 / %d62-126)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
# size-value = 1*20DIGIT                                       RFC 1870 §6
_SIZE = re.compile(r"[0-9]{1,20}")
# xtext = *( xchar / hexchar )                                 RFC 3461 §4
# hexchar = "+" 2HEXDIG, in capitals; small ones are taken as well
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_HEXCHAR = re.compile(r"\+(..)")
# original-recipient-address = atom ";" xtext                  RFC 3461 §4.2
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")

# RFC 3461 §4.4 and §4.2
_MAX_ENVID_OCTETS = 100
_MAX_ORCPT_OCTETS = 500

NO_MAIL_PARAMETERS = MailParameters()
NO_RCPT_PARAMETERS = RcptParameters()


def read_mail_parameters(text: str, extensions: frozenset[str]) -> MailParameters:
    """Read what follows the reverse-path; *extensions* are the keywords that EHLO offers.

    Raises:
        RemoteProtocolError: One of the parameters cannot be taken.
    """
    size = body = ret = envid = None
    for keyword, value in _parameters(text, _OF_MAIL):
        match keyword:
            case "SIZE":
                size = _size(value)
            case "BODY":
                body = _one_of(keyword, value, ("7BIT", "8BITMIME"))
            case "RET":
                ret = _one_of(keyword, value, ("FULL", "HDRS"))
            case "ENVID":
                envid = _decoded(keyword, value, _MAX_ENVID_OCTETS)
            case _:
                _decoded(keyword, value, len(value))
        _require(keyword, _OF_MAIL[keyword], extensions)
    return MailParameters(size, body, ret, envid)


def read_rcpt_parameters(text: str, extensions: frozenset[str]) -> RcptParameters:
    """Read what follows the forward-path; *extensions* are the keywords that EHLO offers.

    Raises:
        RemoteProtocolError: One of the parameters cannot be taken.
    """
    notify = orcpt = None
    for keyword, value in _parameters(text, _OF_RCPT):
        if keyword == "NOTIFY":
            notify = _notify(value)
        else:
            orcpt = _original_recipient(value)
        _require(keyword, _OF_RCPT[keyword], extensions)
    return RcptParameters(notify, orcpt)


def _parameters(text: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield keywords, in capitals, and values; each keyword is known, stands once and has a value."""
    seen = set()
    for word in text.split(" "):
        if not word:
            continue
        found = _PARAMETER.fullmatch(word)
        if found is None:
            raise RemoteProtocolError(bad_parameter("Expected KEYWORD=VALUE after the address"))
        keyword, value = found[1].upper(), found[2]
        if keyword not in known:
            raise RemoteProtocolError(unknown_parameter(keyword))
        if keyword in seen:
            raise RemoteProtocolError(bad_parameter(f"Expected {keyword} once"))
        if value is None:
            raise RemoteProtocolError(bad_parameter(f"Expected a value for {keyword}"))
        seen.add(keyword)
        yield keyword, value


def _require(keyword: str, extension: str, extensions: frozenset[str]) -> None:
    if extension and extension not in extensions:
        raise RemoteProtocolError(unknown_parameter(keyword))


def _size(value: str) -> int:
    if _SIZE.fullmatch(value) is None:
        raise RemoteProtocolError(bad_parameter("Expected a number of octets for SIZE"))
    return int(value)


def _one_of(keyword: str, value: str, allowed: tuple[str, ...]) -> str:
    if value.upper() not in allowed:
        raise RemoteProtocolError(bad_parameter(f"Expected {' or '.join(allowed)} for {keyword}"))
    return value.upper()


def _notify(value: str) -> frozenset[str]:
    # notify-esmtp-value = "NEVER" / 1#notify-list-element       RFC 3461 §4.1
    wanted = frozenset(value.upper().split(","))
    if wanted != {"NEVER"} and not wanted <= {"SUCCESS", "FAILURE", "DELAY"}:
        raise RemoteProtocolError(bad_parameter("Expected NEVER, or a list of SUCCESS, FAILURE and DELAY, for NOTIFY"))
    return wanted


def _original_recipient(value: str) -> str:
    address_type, semicolon, address = value.partition(";")
    if not semicolon or _ADDRESS_TYPE.fullmatch(address_type) is None:
        raise RemoteProtocolError(bad_parameter("Expected TYPE;ADDRESS for ORCPT"))
    room = _MAX_ORCPT_OCTETS - len(address_type) - 1
    return f"{address_type};{_decoded('ORCPT', address, room)}"


def _decoded(keyword: str, value: str, max_octets: int) -> str:
    """Undo xtext; what it stands for is printable (RFC 3461 §4), so no value ever carries a line end anywhere."""
    if len(value) > max_octets:
        raise RemoteProtocolError(bad_parameter(f"Expected a shorter value for {keyword}"))
    if _XTEXT.fullmatch(value) is None:
        raise RemoteProtocolError(bad_parameter(f"Expected xtext for {keyword}, with +XX for each special character"))
    text = _HEXCHAR.sub(lambda found: chr(int(found[1], 16)), value)
    if not (text.isascii() and text.isprintable()):
        raise RemoteProtocolError(bad_parameter(f"Expected only printable ASCII characters for {keyword}"))
    return text
