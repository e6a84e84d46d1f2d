"""Why TLS fails, in words for a line of the log.

    [SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:1006)      we have no cipher in common
    [SSL: TLSV1_ALERT_UNKNOWN_CA] …                             the peer says: unknown ca

Where nobody has found better words, they are those of OpenSSL.
"""

from __future__ import annotations

import re
import ssl

# The first octet of a record of TLS (RFC 8446 §5.1): change of cipher, alert, handshake, data.
_RECORD_TYPES = range(20, 24)

# What the library calls it, and what an administrator can do something with.
_WORDS = {
    "CALLBACK_FAILED": "the server name it asks for is not ASCII",
    "NO_SHARED_CIPHER": "we have no cipher in common",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate",
    "UNSUPPORTED_PROTOCOL": "we have no TLS version in common",
}
_ALERT_MARK = "_ALERT_"
# What Python puts around a reason that it has no name for: "[SSL] ASN1 lib (_ssl.c:1006)".
_FRAME = re.compile(r"^\[[^\]]*\] | \(_ssl\.c:[0-9]+\)$")


def reason_of(error: ssl.SSLError, first_octet: int | None = None) -> str:
    """Say in one printable line what *error* means; during a handshake *first_octet* is the first that has come."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {_one_line(error.verify_message)}"
    if first_octet is not None and first_octet not in _RECORD_TYPES:
        return "it does not speak TLS"
    reason = error.reason or ""
    if reason in _WORDS:
        return _WORDS[reason]
    if _ALERT_MARK in reason:
        return f"the peer says: {_spelled(reason.partition(_ALERT_MARK)[2])}"
    return _spelled(reason) if reason else _one_line(_FRAME.sub("", str(error.args[-1])).lower())


def _spelled(reason: str) -> str:
    return reason.lower().replace("_", " ")


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
