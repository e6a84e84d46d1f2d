"""What a listener can honour and what it demands; the lines of the reply to EHLO follow from it.

    Offer(starttls=True)                  250-STARTTLS, until the channel is secure
    Offer(auth=True), and then TLS        250-AUTH PLAIN LOGIN, until the client has said who it is
    Offer(dsn=True)                       250-DSN, and MAIL and RCPT take its parameters

Nothing is offered that would be refused at the moment, and nothing refused that was offered.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.runtime.protocol.limits import Limits

# RFC 9422 §4.1 and §4.2: rcptmax-value and mailmax-value have six digits at most, and are not 0.
_MAX_LIMIT_VALUE = 999_999


class Offer(NamedTuple):
    """What holds for every session of a listener.

    `needs_tls` and `needs_auth` are demanded before a transaction.  `auth` says that
    mechanisms are offered once the channel is secure; a client that tries too early is told
    so.  `tolerates_bare_lf` is for old clients on trusted networks, see `bare_lf`.  With `lmtp`
    the session is one of LMTP (RFC 2033): LHLO takes the place of EHLO, and the end of a
    message is answered once for each recipient.
    """

    dsn: bool = False
    starttls: bool = False
    needs_tls: bool = False
    auth: bool = False
    needs_auth: bool = False
    chunking: bool = True
    smtputf8: bool = True
    requiretls: bool = False
    mt_priority: bool = False
    tolerates_bare_lf: bool = False
    lmtp: bool = False


NOTHING_SPECIAL = Offer()


def parameter_keywords(offer: Offer, *, is_secure: bool) -> frozenset[str]:
    """Return the extensions whose parameters MAIL and RCPT take."""
    keywords = {"SIZE", "8BITMIME"}
    # RFC 3030 §3: it comes in chunks, or not at all.
    keywords.update(["BINARYMIME"] if offer.chunking else [])
    keywords.update(["SMTPUTF8"] if offer.smtputf8 else [])
    keywords.update(["DSN"] if offer.dsn else [])
    # RFC 8689 §4.1: only where the session is encrypted.
    keywords.update(["REQUIRETLS"] if offer.requiretls and is_secure else [])
    keywords.update(["MT-PRIORITY"] if offer.mt_priority else [])
    return frozenset(keywords)


def extension_lines(offer: Offer, limits: Limits, mechanisms: tuple[str, ...], *, is_secure: bool) -> tuple[str, ...]:
    """Return what the reply to EHLO has after its first line.

    Args:
        offer: What the listener offers at all.
        limits: The numbers of SIZE (RFC 1870) and LIMITS (RFC 9422).
        mechanisms: What AUTH would be taken with now; empty if it would not.
        is_secure: Whether TLS is up.
    """
    parameters = parameter_keywords(offer, is_secure=is_secure)
    # In the order of OpenSMTPD, as far as it has them; HELP stands last.
    lines = ["PIPELINING", "8BITMIME"]
    lines += ["SMTPUTF8"] if offer.smtputf8 else []
    lines += ["ENHANCEDSTATUSCODES", f"SIZE {limits.max_message_octets}"]
    lines += [keyword for keyword in ("DSN", "REQUIRETLS", "MT-PRIORITY") if keyword in parameters]
    lines += ["CHUNKING", "BINARYMIME"] if offer.chunking else []
    lines += ["STARTTLS"] if offer.starttls and not is_secure else []
    lines += [f"AUTH {' '.join(mechanisms)}"] if mechanisms else []
    lines += _limits_line(limits)
    return (*lines, "HELP")


def _limits_line(limits: Limits) -> list[str]:
    maxima = {"RCPTMAX": limits.max_recipients, "MAILMAX": limits.max_mails}
    values = [f"{name}={min(value, _MAX_LIMIT_VALUE)}" for name, value in maxima.items() if value > 0]
    return [f"LIMITS {' '.join(values)}"] if values else []
