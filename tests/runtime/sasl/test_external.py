"""EXTERNAL: a certificate says who the client is."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.net.tls_facts import ClientCertificate
from smtpdsl.runtime.sasl.external import External, certified_login
from smtpdsl.runtime.sasl.moves import Asserted, Challenge, Failed, Malformed, Move
from tests.runtime.sasl.channels import Certificate, channel


@pytest.mark.parametrize(
    ("certificate", "login"),
    [
        (None, None),
        (Certificate("ann"), "ann"),
        (Certificate("Ann Other", "ann@example.org", "other@example.org"), "ann@example.org"),
        (Certificate(None, "ann@example.org"), "ann@example.org"),
        (Certificate(None), None),
        (Certificate(""), None),
        (Certificate("ann", is_verified=False), None),
        (Certificate("ann\r\n"), None),
        (Certificate("\ud800"), None),
        (Certificate("a" * 256), None),
    ],
)
def test_a_certificate_gives_a_login(certificate: ClientCertificate | None, login: str | None) -> None:
    """Its first mail address, else its common name; one that anybody could have made gives none."""
    assert certified_login(channel(certificate)) == login


@pytest.mark.parametrize(
    ("octets", "move"),
    [
        (b"", Asserted("ann")),
        (b"ann", Asserted("ann")),
        (b"ANN", Asserted("ann")),
        (None, Challenge(b"")),
        (b"ben", Failed("ann", "its certificate names somebody else")),
        (b"a\nb", Malformed("the login cannot be one: it has a character that is not allowed")),
    ],
)
def test_a_client_may_only_be_who_it_is(octets: bytes | None, move: Move) -> None:
    """It says so, or nothing."""
    assert External("ann").step(octets) == move
