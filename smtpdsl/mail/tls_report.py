"""What TLS with the servers of a domain came to, and who wants to know (RFC 8460).

_smtp._tls.example.com TXT "v=TLSRPTv1; rua=mailto:tls@example.com"      read_report_record
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum


class ResultType(Enum):
    """Why a session was not as it should be; the values are those of RFC 8460 §4.3."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


class PolicyType(Enum):
    """What a session was secured by (RFC 8460 §4.4)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


# tlsrpt-version = %s"v=TLSRPTv1"                                              RFC 8460 §3
_VERSION = re.compile(r"v=TLSRPTv1[ \t]*;")
# tlsrpt-rua = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
_RUA = re.compile(r"rua=(.+)\Z")
# Commas and semicolons of a URI are spelled out, "!" too.
_CHARACTERS = r"[\x21-\x2B\x2D-\x3A\x3C-\x7E]+"
_URI = re.compile(rf"(?:mailto:{_CHARACTERS}@{_CHARACTERS}|https://{_CHARACTERS})\Z")


def read_report_record(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the URIs of the one record among *texts* that says where reports go; none if it is not one.

    RFC 8460 §3: where there is not exactly one record, the domain wants no reports.  What is
    no URI for reports is passed over.
    """
    records = [each for each in texts if _VERSION.match(each)]
    if len(records) != 1:
        return ()
    fields = (each.strip(" \t") for each in records[0].split(";"))
    found = next((match[1] for each in fields if (match := _RUA.match(each))), "")
    return tuple(each for each in (uri.strip(" \t") for uri in found.split(",")) if _URI.match(each))
