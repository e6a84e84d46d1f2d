"""The ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2), one extension and its RFC beside the other.

    SIZE=4096 BODY=8BITMIME ENVID=a+2Bb      MailParameters(size=4096, body="8BITMIME", envid="a+b")
    NOTIFY=SUCCESS,FAILURE                   RcptParameters(notify={"SUCCESS", "FAILURE"})

One that breaks its syntax is answered 501, one that is unknown or belongs to an extension
that is not offered 555.  They are read after HELO as after EHLO: clients that mix the two
up exist, mean the same, and lose nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import MailParameters, RcptParameters
from smtpdsl.runtime.protocol.original_recipient import read_original_recipient
from smtpdsl.runtime.protocol.own_replies import bad_parameter, unknown_parameter
from smtpdsl.runtime.protocol.xtext import decode_xtext

# The parameters of each command, and the extension that has to be offered for them.  AUTH= may be
# given by a client that has not authenticated (RFC 4954 §5); we trust nobody who says whom a message
# is from, so it is read and forgotten.
_OF_MAIL: Mapping[str, str] = {
    "SIZE": "SIZE",
    "BODY": "8BITMIME",
    "SMTPUTF8": "SMTPUTF8",
    "AUTH": "",
    "RET": "DSN",
    "ENVID": "DSN",
    "REQUIRETLS": "REQUIRETLS",
    "MT-PRIORITY": "MT-PRIORITY",
}
_OF_RCPT: Mapping[str, str] = {"NOTIFY": "DSN", "ORCPT": "DSN"}
# RFC 6531 §3.4 and RFC 8689 §2: these are said or not, and have no value.
_FLAGS = frozenset({"SMTPUTF8", "REQUIRETLS"})

# esmtp-param = esmtp-keyword ["=" esmtp-value]                RFC 5321 §4.1.2
# esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
# esmtp-value = 1*(%d33-60 / %d62-126)
# esmtp-value =/ UTF8-non-ascii                                RFC 6531 §3.3; only ORCPT has a use for it
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")
# size-value = 1*20DIGIT                                       RFC 1870 §6
_SIZE = re.compile(r"[0-9]{1,20}")
# priority-value = (["-"] NZDIGIT) / "0"                       RFC 6710 §6
_PRIORITY = re.compile(r"-?[1-9]|0")
# What most clients say, and nothing else.
_ONLY_SIZE = re.compile(r" SIZE=([0-9]{1,20})(?: BODY=(7BIT|8BITMIME))?")

# RFC 6152 §2, RFC 3030 §3
_BODIES_OF_LINES = ("7BIT", "8BITMIME")
_BODIES = (*_BODIES_OF_LINES, "BINARYMIME")
# RFC 3461 §4.4
_MAX_ENVID_OCTETS = 100

_SIZE_AND_BODY = frozenset({"SIZE", "8BITMIME"})
NO_MAIL_PARAMETERS = MailParameters()
NO_RCPT_PARAMETERS = RcptParameters()


def read_mail_parameters(text: str, extensions: frozenset[str]) -> MailParameters:
    """Read what follows the reverse-path; *extensions* are the keywords that EHLO offers.

    Raises:
        RemoteProtocolError: One of the parameters cannot be taken.
    """
    found = _ONLY_SIZE.fullmatch(text)
    if found is not None and extensions >= _SIZE_AND_BODY:
        return MailParameters(int(found[1]), found[2])
    values: dict[str, Any] = {}
    for keyword, value in _parameters(text, _OF_MAIL):
        match keyword:
            case "SIZE":
                values["size"] = _size(value)
            case "BODY":
                values["body"] = _one_of(keyword, value, _BODIES if "BINARYMIME" in extensions else _BODIES_OF_LINES)
            case "RET":
                values["ret"] = _one_of(keyword, value, ("FULL", "HDRS"))
            case "ENVID":
                values["envid"] = decode_xtext(keyword, value, _MAX_ENVID_OCTETS)
            case "MT-PRIORITY":
                values["mt_priority"] = _priority(value)
            case "AUTH":
                decode_xtext(keyword, value, len(value))
            case _:
                values[keyword.lower()] = True
        _require(keyword, _OF_MAIL[keyword], extensions)
    return MailParameters(**values)


def read_rcpt_parameters(text: str, extensions: frozenset[str], *, utf8: bool = False) -> RcptParameters:
    """Read what follows the forward-path; *extensions* are the keywords that EHLO offers.

    Args:
        text: The parameters; each octet is a character.
        extensions: The keywords that EHLO offers.
        utf8: Whether the transaction is one of SMTPUTF8, so that ORCPT may hold UTF-8 (RFC 6533 §3).

    Raises:
        RemoteProtocolError: One of the parameters cannot be taken.
    """
    notify = orcpt = None
    for keyword, value in _parameters(text, _OF_RCPT):
        if keyword == "NOTIFY":
            notify = _notify(value)
        else:
            orcpt = read_original_recipient(value, utf8=utf8)
        _require(keyword, _OF_RCPT[keyword], extensions)
    return RcptParameters(notify, orcpt)


def _parameters(text: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield keywords, in capitals, and values; each keyword is known, stands once and has a value if it needs one."""
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
        if (value is None) is not (keyword in _FLAGS):
            expected = "no value" if value else "a value"
            raise RemoteProtocolError(bad_parameter(f"Expected {expected} for {keyword}"))
        seen.add(keyword)
        yield keyword, value or ""


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


def _priority(value: str) -> int:
    if _PRIORITY.fullmatch(value) is None:
        raise RemoteProtocolError(bad_parameter("Expected a number from -9 to 9 for MT-PRIORITY"))
    return int(value)
