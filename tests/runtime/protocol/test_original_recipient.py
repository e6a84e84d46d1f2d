"""ORCPT, and its addresses beyond ASCII."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.original_recipient import read_original_recipient


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("rfc822;joe@example.org", "rfc822;joe@example.org"),
        ("rfc822;joe+2Btag@example.org", "rfc822;joe+tag@example.org"),
        ("utf-8;joe@example.org", "utf-8;joe@example.org"),
        (r"UTF-8;j\x{F6}rg@example.org", "UTF-8;jörg@example.org"),
        (r"utf-8;\x{1F600}\x{2B}\x{5C}@x", "utf-8;😀+\\@x"),
        ("utf-8;joe+2Btag@x", "utf-8;joe+tag@x"),
        (r"rfc822;a\x{41}", r"rfc822;a\x{41}"),
        ("x-a;", "x-a;"),
    ],
)
def test_an_address_is_decoded(value: str, meant: str) -> None:
    """By the rules of its type (RFC 3461 §4.2, RFC 6533 §3)."""
    assert read_original_recipient(value, utf8=False) == meant


def test_utf8_needs_a_transaction_of_smtputf8() -> None:
    """There it may stand as it is; each octet of the value is a character."""
    value = "utf-8;jörg@example.org".encode().decode("latin-1")

    assert read_original_recipient(value, utf8=True) == "utf-8;jörg@example.org"
    with pytest.raises(RemoteProtocolError):
        read_original_recipient(value, utf8=False)


@pytest.mark.parametrize(
    "value",
    [
        r"utf-8;a\x{A}b",
        r"utf-8;a\x{0}b",
        r"utf-8;\x{D800}",
        r"utf-8;\x{110000}",
        r"utf-8;\x{}",
        r"utf-8;\x{41",
        r"utf-8;a\b",
        r"utf-8;\x{202E}",
        "utf-8;a=b",
        "utf-8;a+0Ab",
        "utf-8;a+",
        "utf-8;",
        "utf-8;" + "x" * 495,
        "utf-8;\xff",
        "utf-8;\xc0\xaf",
        "utf-8;\xc2\x85",
        "rfc822;\xc3\xb6",
        "\xc3\xb6;x",
        "joe",
        ";joe",
    ],
)
def test_what_carries_anything_strange_is_refused(value: str) -> None:
    """No control, no line end and no half of a character, however it is spelled."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_original_recipient(value, utf8=True)

    assert caught.value.reply.code == 501


@given(st.text(st.characters(max_codepoint=255), max_size=30), st.booleans())
def test_any_value_is_read_or_refused(text: str, utf8: bool) -> None:  # noqa: FBT001 - hypothesis passes it so
    """What is read is printable."""
    for address_type in ("utf-8", "rfc822"):
        try:
            assert read_original_recipient(f"{address_type};{text}", utf8=utf8).isprintable()
        except RemoteProtocolError as error:
            assert error.reply.is_permanent  # noqa: PT017 - some texts raise, some do not
