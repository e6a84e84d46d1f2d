"""SASLprep: RFC 4013."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smtpdsl.runtime.credentials.saslprep import SaslprepError, saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # The examples of RFC 4013 §3.
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        # Its tables.
        ("a\u00a0b\u3000c", "a b c"),
        ("a\u200bb", "a b"),
        ("\ufeffa\ufe0f", "a"),
        ("a\u0308", "\u00e4"),
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
        # A character of a later Unicode is a query's right.
        ("\u1e9e\U0001f600", "\u1e9e\U0001f600"),
        ("", ""),
    ],
)
def test_what_looks_the_same_becomes_the_same(text: str, prepared: str) -> None:
    """Mapping and normalization."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\u0007",
        "\u0627\u0031",
        "a\x7f",
        "a\u0085",
        "\ue000",
        "\ufdd0",
        "\ud800",
        "a\ufffd",
        "\u2ff0",
        "\u200e",
        "\U000e0001",
        "\u0627a\u0628",
    ],
)
def test_what_must_not_be_is_refused(text: str) -> None:
    """RFC 4013 §2.3 and §2.4; the message repeats nothing."""
    with pytest.raises(SaslprepError) as raised:
        saslprep(text)

    assert text not in str(raised.value)


@given(text=st.text())
def test_twice_is_once(text: str) -> None:
    """What has been prepared stays as it is."""
    try:
        prepared = saslprep(text)
    except SaslprepError:
        assume(False)  # noqa: FBT003 - hypothesis's own way
    assert saslprep(prepared) == prepared
