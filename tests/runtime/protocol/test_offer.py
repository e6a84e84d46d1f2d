"""What the reply to EHLO offers."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.offer import Offer, extension_lines, parameter_keywords

LIMITS = Limits(max_message_octets=1000, max_recipients=100, max_mails=7)
ALL = Offer(*[True] * len(Offer._fields))
NONE = Offer(*[False] * len(Offer._fields))


def lines(
    offer: Offer, limits: Limits = LIMITS, mechanisms: tuple[str, ...] = (), *, is_secure: bool = False
) -> list[str]:
    """Return the lines for a client."""
    return list(extension_lines(offer, limits, mechanisms, is_secure=is_secure))


def test_what_every_listener_offers() -> None:
    """It needs nothing that a listener could lack."""
    always = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 1000", "LIMITS RCPTMAX=100 MAILMAX=7", "HELP"]

    assert lines(NONE) == always


def test_what_is_offered_before_and_after_tls() -> None:
    """STARTTLS before (RFC 3207 §4.2), AUTH and REQUIRETLS after (RFC 8689 §4.1)."""
    before = lines(ALL)
    after = lines(ALL, mechanisms=("PLAIN", "LOGIN"), is_secure=True)

    assert set(before) - set(after) == {"STARTTLS"}
    assert set(after) - set(before) == {"AUTH PLAIN LOGIN", "REQUIRETLS"}
    assert before == [
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "SIZE 1000",
        "DSN",
        "MT-PRIORITY",
        "CHUNKING",
        "BINARYMIME",
        "STARTTLS",
        "LIMITS RCPTMAX=100 MAILMAX=7",
        "HELP",
    ]


@pytest.mark.parametrize(
    ("recipients", "mails", "shown"),
    [
        (1, 1, ["LIMITS RCPTMAX=1 MAILMAX=1"]),
        (1_000_000, 999_999, ["LIMITS RCPTMAX=999999 MAILMAX=999999"]),
        (0, 5, ["LIMITS MAILMAX=5"]),
        (0, 0, []),
    ],
)
def test_limits_have_six_digits(recipients: int, mails: int, shown: list[str]) -> None:
    """RFC 9422 §4: and none is 0, which a client could do nothing with."""
    limits = LIMITS._replace(max_recipients=recipients, max_mails=mails)

    assert [line for line in lines(NONE, limits) if line.startswith("LIMITS")] == shown


@pytest.mark.parametrize("is_secure", [False, True])
def test_parameters_are_taken_where_they_are_offered(*, is_secure: bool) -> None:
    """What EHLO does not name, MAIL and RCPT do not know."""
    for offer in (ALL, NONE, Offer()):
        offered = {line.partition(" ")[0] for line in lines(offer, is_secure=is_secure)}
        assert parameter_keywords(offer, is_secure=is_secure) <= offered
