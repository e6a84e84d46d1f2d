"""Names beyond ASCII, as the DNS has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address_syntax import AddressError
from smtpdsl.mail.idn import ascii_domain, folded_name


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("müller.example", "xn--mller-kva.example"),
        ("fußball.example", "xn--fuball-cta.example"),
        ("日本.example", "xn--wgv71a.example"),
        ("a.ñ.b", "a.xn--ida.b"),
        ("Example.ORG", "Example.ORG"),
        ("_x.müller.Example", "_x.xn--mller-kva.Example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("xn---", "xn---"),
    ],
)
def test_u_labels_become_a_labels(domain: str, name: str) -> None:
    """Everything else stays as it is."""
    assert ascii_domain(domain) == name


@pytest.mark.parametrize(
    ("domain", "start"),
    [
        ("MÜLLER.example", 0),
        ("a.mu\u0308ller.example", 2),
        ("-ü.example", 0),
        ("ü-.example", 0),
        ("ab--ü", 0),
        ("☃.example", 0),
        ("a.\u0660b\u0661", 2),
        ("ü" * 63 + ".example", 0),
        ("\u200c", 0),
    ],
)
def test_what_is_no_u_label(domain: str, start: int) -> None:
    """RFC 5891 §4.2: not composed, in capitals, a symbol, of two directions, or too long."""
    with pytest.raises(AddressError, match="internationalized") as caught:
        ascii_domain(domain)
    assert caught.value.start == start


def test_a_name_may_get_too_long() -> None:
    """The DNS counts the octets of A-labels."""
    with pytest.raises(AddressError, match="at most 255 octets"):
        ascii_domain(".".join(["ü" + "x" * 50] * 5))


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_an_address_error(text: str) -> None:
    """Nothing else is raised."""
    try:
        assert ascii_domain(text).isascii()
    except AddressError as error:
        assert 0 <= error.start <= error.end <= len(text)  # noqa: PT017 - some texts raise, some do not


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("MX.Example.ORG.", "mx.example.org"), ("mx.example.org", "mx.example.org"), (".", ""), ("", "")],
)
def test_the_spelling_that_is_compared(name: str, spelling: str) -> None:
    """In small letters, and without the dot of a name that is complete."""
    assert folded_name(name) == spelling
