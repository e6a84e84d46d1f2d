"""Octets of a file to text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.decode import decode
from smtpdsl.diagnostics.diagnostic import Report
from tests.compiler.reading import read


@pytest.mark.parametrize("octets", [b"", b"listen on lo\n", 'admd "m\u00fcnchen"\n'.encode(), b"# \xff\xfe\n"])
def test_every_octet_of_a_text_is_kept(octets: bytes) -> None:
    """Text can be written back as the octets that it was, UTF-8 or not."""
    report = Report()
    source = decode("smtpd.conf", octets, report)

    assert source is not None
    assert source.text.encode("utf-8", "surrogateescape") == octets
    assert not report.diagnostics


@given(octets=st.binary().filter(lambda octets: b"\0" not in octets))
def test_octets_without_nul_are_text(octets: bytes) -> None:
    """Decoding loses nothing, whatever the encoding of the file."""
    source = decode("smtpd.conf", octets, Report())

    assert source is not None
    assert source.text.encode("utf-8", "surrogateescape") == octets


def test_a_nul_makes_a_file_binary() -> None:
    """A file with a NUL is refused as a whole, and the finding says where the NUL is."""
    found = read(b"listen on lo\n\0\n")

    assert found.expanded is None
    assert found.messages == ['1:1 binary-file: "smtpd.conf" has a NUL at octet 13, so it is no text']


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named(encoding: str) -> None:
    """Text in UTF-16 has NULs, and saying that it is binary would help nobody."""
    found = read("\ufefflisten on lo\n".encode(encoding))

    assert found.messages == ['1:1 binary-file: "smtpd.conf" is text in UTF-16']


def test_what_is_not_utf_8_does_no_harm_in_a_comment() -> None:
    """A comment may be in any encoding."""
    assert not read(b"# caf\xe9\nlisten on lo # caf\xe9\n").messages


def test_what_is_not_utf_8_is_a_warning_in_quotes() -> None:
    """The octets of a quoted string are used as they are, with a warning at the string."""
    found = read(b'admd "caf\xe9"\n')

    assert found.messages == ["1:6 undecodable-text: this string is not UTF-8; its octets are used as they are"]
    assert not found.errors


def test_what_is_not_utf_8_is_an_error_elsewhere() -> None:
    """Outside quotes and comments such an octet is a stray character, at its column."""
    assert read(b"admd caf\xe9\n").messages == ["1:9 syntax-error: octets that are not UTF-8: e9"]
