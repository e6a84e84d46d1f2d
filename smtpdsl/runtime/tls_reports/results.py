"""What became of TLS in one session, as it is counted (RFC 8460 §4.3).

SessionResult(example.com's policy)                                       it was as it should be
SessionResult(example.com's policy, Failure(CERTIFICATE_EXPIRED, …))      it was not
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.mail.tls_report import PolicyType, ResultType

# The numbers of OpenSSL (x509_vfy.h): not valid yet, or no longer; not the host that was asked for; nobody's word.
_EXPIRED = frozenset({9, 10, 12})
_MISMATCH = frozenset({62, 64})
_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24, 27, 28})


class AppliedPolicy(NamedTuple):
    """What the *domain* has said, as a report repeats it (RFC 8460 §4.4).

    *lines* are its policy as text, and *hosts* the exchangers that it is about.
    """

    domain: str
    kind: PolicyType = PolicyType.NONE
    lines: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class Failure(NamedTuple):
    """Why a session was not as it should be, between which addresses, and with which host; *reason* is one line."""

    result: ResultType
    reason: str = ""
    host: str = ""
    address: str = ""
    source: str = ""


class SessionResult(NamedTuple):
    """What became of one session, or of the way to one, and what it was measured by."""

    policy: AppliedPolicy
    failure: Failure | None = None


def result_of(verify_code: int) -> ResultType:
    """Say what is wrong with a certificate, or with the handshake if *verify_code* is 0."""
    if verify_code in _EXPIRED:
        return ResultType.CERTIFICATE_EXPIRED
    if verify_code in _MISMATCH:
        return ResultType.CERTIFICATE_HOST_MISMATCH
    if verify_code in _UNTRUSTED:
        return ResultType.CERTIFICATE_NOT_TRUSTED
    return ResultType.VALIDATION_FAILURE
