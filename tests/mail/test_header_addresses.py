"""Addresses in header fields, and the places of missing domains."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.header_addresses import MAX_ELEMENTS, MAX_OCTETS, missing_domains, only_address


def marked(value: bytes) -> bytes:
    """Return *value* with a mark where a domain is missing."""
    for place in reversed(missing_domains(value)):
        value = value[:place] + b"^" + value[place:]
    return value


@pytest.mark.parametrize(
    "expected",
    [
        b"joe^",
        b" joe^\n",
        b"joe^, ann@b.example, kim^",
        b"Joe Smith <joe^>",
        b"Joe <joe@b.example>, Ann\n\t<ann^>",
        b"< joe^ >",
        b"joe^ (at home), (the boss) ann^",
        b"joe^ (a \\) (b, <c>) d)",
        b'"joe smith"^',
        b'"Smith, Joe" <joe^>',
        b'"a @ home" <joe^>',
        b'"\\"" <joe^>',
        b"joe.smith^",
        b"joe@b.example <joe^>",
        b"=?utf-8?q?J=C3=B6?= <joe^>",
        "jos\N{LATIN SMALL LETTER E WITH ACUTE}^, \N{SNOWMAN} <joe^>".encode(),
        b"\xff\xfe^",
        b",, joe^,",
        b"Team: kim, lee;, joe^",
        b"joe@[IPv6:2001:db8::1], ann^",
        b"<@relay.example:joe@b.example>, ann^",
        # What cannot be understood stays, and so does everything behind it that may belong to it.
        b"",
        b"<>",
        b"Joe Smith",
        b"<joe smith>",
        b"<joe> smith",
        b"joe.",
        b"joe@",
        b"@joe",
        b"=?utf-8?q?Smith, Joe?= <joe@b.example>",
        b'joe, "ann',
        b"joe, (ann",
        b"joe^, ann)",
        b"joe\x00",
        b"Team: kim, lee",
        b"Undisclosed recipients:;",
        b"<joe",
        b"joe>",
        b"[joe]",
        b"((((((joe))))))",
    ],
)
def test_where_a_domain_is_missing(expected: bytes) -> None:
    """Inside the brackets, or behind the address itself."""
    assert marked(expected.replace(b"^", b"")) == expected


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b" joe\n", b"joe"),
        (b" Joe <joe@b.example>", b"joe@b.example"),
        (b"joe (x) @ b.example (Joe)", b"joe (x) @ b.example"),
        (b'"joe smith"@[192.0.2.1]', b'"joe smith"@[192.0.2.1]'),
        (b"(nobody), joe,", b"joe"),
        (b"joe, ann", None),
        (b"Team: joe;", None),
        (b"Joe Smith", None),
        (b"<joe> <ann>", None),
        (b"joe, Team: ann;", None),
        (b"", None),
    ],
)
def test_a_list_of_one(value: bytes, address: bytes | None) -> None:
    """Its address can be replaced without leaving another one."""
    found = only_address(value)

    assert (found and value[found.start : found.end]) == address


SPECIALS = st.sampled_from(b'@,<>()"\\:;[]. \0').map(lambda octet: bytes([octet]))
PARTS = st.sampled_from(
    [b"joe", b"a.b", b"\n\t", b"=?x?q?y?=", b"\xc3\xa4", b'"a, b"', b"(c)", b"[192.0.2.1]", b"g:x;", b"@b.example"]
)
PIECES = SPECIALS | PARTS


@given(value=st.lists(PIECES, max_size=25).map(b"".join))
def test_whatever_is_completed_is_complete(value: bytes) -> None:
    """A place is behind an address, outside of quoted strings and comments; and there is nothing left to do."""
    completed = b"@h".join(
        value[start:end]
        for start, end in zip([0, *missing_domains(value)], [*missing_domains(value), len(value)], strict=True)
    )

    assert missing_domains(completed) == []
    assert (only_address(value) is None) is (only_address(completed) is None)
    for place in missing_domains(value):
        assert re.search(rb"[^\s,()<>:;@\\\[\]]\Z", value[:place])


# Correct elements of a list (RFC 5322 §3.4), with a mark where a domain is missing.
BLANKS = st.sampled_from(["", " ", "\n\t", " (a (b) \\) c, <d>) ", "(@)\n "])
LOCAL_PARTS = st.sampled_from(["joe", "a.b+c", '"joe smith"', '"a, \\"b\\" @ c"', "jörg", "o'neil"])
DOMAINS = st.sampled_from(["^", "@b.example", " @ b.example", "@[192.0.2.1]", "@[IPv6:::1]", "(x)@\n b.example"])
PHRASES = st.sampled_from(["", "Joe", "Joe Q. Smith", '"Smith, Joe"', "=?utf-8?q?J=C3=B6?=", "Jörg (home) Smith"])
ADDRESSES = st.builds("".join, st.tuples(BLANKS, LOCAL_PARTS, DOMAINS, BLANKS))
NAMED = st.builds("{0}{1} <{2}>{3}".format, BLANKS, PHRASES, ADDRESSES, BLANKS)
GROUPS = st.builds("{0}Team:{1};{0}".format, BLANKS, st.sampled_from(["", "kim", "kim, Lee <lee>", '"a;b" <c>, (;) d']))
LISTS = st.lists(ADDRESSES | NAMED | GROUPS | BLANKS, max_size=6).map(",".join)


@given(expected=LISTS.map(str.encode))
def test_every_address_of_a_correct_list_is_found(expected: bytes) -> None:
    """However it is written, and nothing in a comment, a quoted string or a group."""
    assert marked(expected.replace(b"^", b"")) == expected


@given(octets=st.binary(max_size=60))
def test_no_octets_do_harm(octets: bytes) -> None:
    """Whatever stands in a field."""
    assert all(0 < place <= len(octets) for place in missing_domains(octets))


@pytest.mark.parametrize("piece", [b"a,", b"(", b'"', b'"a', b"<", b"[a", b"\\(", b"g:", b"(a)", b"a@b <", b"<a"])
def test_a_field_is_read_once(piece: bytes) -> None:
    """However it tries to be read again and again; a list that is too long is not read at all."""
    assert len(missing_domains(piece * (MAX_OCTETS // len(piece)))) <= MAX_ELEMENTS


def test_a_long_list_is_left_as_it_is() -> None:
    """Others wait while it is read."""
    assert len(missing_domains(b",".join([b"joe"] * MAX_ELEMENTS))) == MAX_ELEMENTS
    assert missing_domains(b",".join([b"joe"] * (MAX_ELEMENTS + 1))) == []
    assert missing_domains(b"joe, " + b"(" + b"x" * MAX_OCTETS + b")") == []
