"""DANE: whether a server's certificate is one that its zone names (RFC 7672 §3.1, RFC 7671 §5).

    3 x x   DANE-EE   is it the server's own?  Names and dates of it do not matter: the zone vouches for it
    2 x x   DANE-TA   is it one above, does the server's own lead to it, and does that have a name
                      of the host?

One record that is met is enough.  Whether the zone can be believed is the affair of who asks:
see `delivery.dane`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from smtpdsl.runtime.net.tlsa import DANE_EE, DANE_TA, FULL, Tlsa, usable

# Who comes with more certificates than these has them for something else.
MAX_CERTIFICATES = 10

Chain = Sequence[bytes]
"""What a server has shown, each certificate in DER: its own, and then others in any order."""

Check = Callable[[Chain], str]
"""Says what is wrong with what a server has shown, in one line of printable ASCII; empty if nothing is."""


def dane_problem(records: Sequence[Tlsa], chain: Chain, names: Sequence[str], now: datetime) -> str:
    """Say why a server is not the one that *records* are about; empty if it is.

    Args:
        records: Authentic ones of its host and port, usable or not.
        chain: What it has shown in the handshake.
        names: A certificate below a trust anchor must have one of these: the name that the records
            were found under, the name of the host, and the domain that the mail is for (RFC 7672 §3.2.2).
        now: With a time zone.
    """
    wanted = usable(records)
    if not wanted:
        return "none of its TLSA records is one that a certificate can be verified by"
    if not chain:
        return "it has shown no certificate"
    if any(each.matches(chain[0]) for each in wanted if each.usage == DANE_EE):
        return ""
    anchors = [each for each in wanted if each.usage == DANE_TA]
    if anchors:
        return _anchor_problem(anchors, chain[:MAX_CERTIFICATES], names, now)
    return "its certificate is not the one that its TLSA records give"


def _anchor_problem(records: Sequence[Tlsa], chain: Chain, names: Sequence[str], now: datetime) -> str:
    # RFC 7671 §5.2: an anchor is above the server's own certificate, and the server is to show it;
    # what the record has in full is known all the same.
    certificates = [each for each in chain[1:] if any(record.matches(each) for record in records)]
    full = [each for each in records if each.matching == FULL]
    certificates += [each.data for each in full if not each.is_public_key and each.data != chain[0]]
    keys = [each.data for each in full if each.is_public_key]
    if not certificates and not keys:
        return "no certificate that it has shown is one that its TLSA records give"
    from smtpdsl.runtime.net.certificate_path import path_problem  # noqa: PLC0415 - slow, and few have such records

    return path_problem(chain, certificates, keys, names, now)
