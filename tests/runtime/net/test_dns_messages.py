"""Answers of the DNS, as octets that strangers have chosen."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.dns_messages import NOERROR, NXDOMAIN, Answer, Kind, question_of, read_answer, reverse_name

QUESTION = question_of("www.test", Kind.A)
Record = tuple[str, int, str, str]


def answer_to(question: bytes, *records: Record, code: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    """Spell an answer; a record is its owner, its seconds, its type and its data."""
    response = dns.message.make_response(dns.message.from_wire(question))
    response.set_rcode(code)
    for owner, seconds, kind, data in records:
        response.answer.append(dns.rrset.from_text(owner, seconds, "IN", kind, data))
    return response.to_wire(max_size=65535)


def whole(code: int, values: tuple[str, ...] = (), seconds: int = 0, target: str = "") -> Answer:
    """Return an answer that is not cut."""
    return Answer(code, is_cut=False, values=values, seconds=seconds, target=target)


ALIASES = [(f"{a}.test.", 60, "CNAME", f"{b}.test.") for a, b in [("www", "a"), ("a", "b"), ("b", "c"), ("c", "a")]]


@pytest.mark.parametrize(
    ("records", "values", "seconds", "target"),
    [
        ([("www.test.", 60, "A", "192.0.2.1")], ("192.0.2.1",), 60, ""),
        ([("WWW.Test.", 60, "A", "192.0.2.1")], ("192.0.2.1",), 60, ""),
        (
            [("www.test.", 60, "A", "192.0.2.1"), ("www.test.", 30, "A", "192.0.2.2")],
            ("192.0.2.1", "192.0.2.2"),
            30,
            "",
        ),
        ([("www.test.", 9, "CNAME", "a.test."), ("a.test.", 60, "A", "192.0.2.1")], ("192.0.2.1",), 9, "a.test"),
        ([("a.test.", 60, "A", "192.0.2.1"), ("www.test.", 90, "CNAME", "a.test.")], ("192.0.2.1",), 60, "a.test"),
        ([*ALIASES[:3], ("c.test.", 60, "A", "192.0.2.1")], ("192.0.2.1",), 60, "c.test"),
        ([("www.test.", 60, "CNAME", "a.test.")], (), 60, "a.test"),
        ([("www.test.", 60, "CNAME", "www.test.")], (), 0, ""),
        (ALIASES, (), 0, ""),
        ([("other.test.", 60, "A", "192.0.2.1")], (), 0, ""),
        ([("www.test.", 60, "TXT", "text"), ("www.test.", 60, "AAAA", "::1")], (), 0, ""),
        ([], (), 0, ""),
    ],
)
def test_records_of_the_name_and_of_its_aliases(
    records: list[Record], values: tuple[str, ...], seconds: int, target: str
) -> None:
    """And no others; the shortest time holds, and aliases that lead round lead nowhere."""
    assert read_answer(answer_to(QUESTION, *records), QUESTION) == whole(NOERROR, values, seconds, target)


def test_what_the_server_has_proven() -> None:
    """It says so with a bit, which a question asks for; one for what may be wrong asks for that in its place."""
    octets = bytearray(answer_to(QUESTION, ("www.test.", 60, "A", "192.0.2.1")))
    octets[3] |= dns.flags.AD
    found = read_answer(bytes(octets), QUESTION)

    assert found is not None
    assert found.is_authentic
    assert dns.message.from_wire(QUESTION).flags == dns.flags.RD | dns.flags.AD
    unchecked = dns.message.from_wire(question_of("www.test", Kind.A, is_unchecked=True))
    assert unchecked.flags == dns.flags.RD | dns.flags.CD


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"\3\1\1\x5e\x88", "3 1 1 5e88"),
        (b"\3\1\0", "3 1 0 "),
        (b"\3\1", "3 1 255 "),
        (b"\3", "3 255 255 "),
        (b"", "255 255 255 "),
    ],
)
def test_a_tlsa_record_that_is_too_short_is_one_all_the_same(octets: bytes, text: str) -> None:
    """Its host wants to be verified; what is missing is unknown."""
    question = question_of("_25._tcp.mx.test", Kind.TLSA)
    response = dns.message.make_response(dns.message.from_wire(question))
    data = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.TLSA, octets)
    response.answer.append(dns.rrset.from_rdata("_25._tcp.mx.test.", 60, data))
    found = read_answer(response.to_wire(), question)

    assert found is not None
    assert found.values == (text,)


def test_addresses_of_the_new_family() -> None:
    """In their shortest spelling."""
    question = question_of("www.test", Kind.AAAA)
    found = read_answer(answer_to(question, ("www.test.", 60, "AAAA", "2001:DB8:0::1")), question)

    assert found is not None
    assert found.values == ("2001:db8::1",)


def test_names_behind_an_alias() -> None:
    """As zones of less than 256 addresses have them (RFC 2317)."""
    question = question_of(reverse_name("192.0.2.9"), Kind.PTR)
    alias, name = "9.8/29.2.0.192.in-addr.arpa.", "9.2.0.192.in-addr.arpa."
    octets = answer_to(question, (name, 60, "CNAME", alias), (alias, 50, "PTR", "mx.test."))

    assert read_answer(octets, question) == whole(NOERROR, ("mx.test",), 50, alias.rstrip("."))


def test_what_a_name_may_hold_is_written_out() -> None:
    """No octet of it reaches a terminal."""
    question = question_of(reverse_name("192.0.2.9"), Kind.PTR)
    octets = answer_to(question, ("9.2.0.192.in-addr.arpa.", 60, "PTR", r"a\010\"b.test."))
    found = read_answer(octets, question)

    assert found is not None
    assert found.values == (r"a\010\"b.test",)


def test_codes_and_cuts() -> None:
    """They are told apart from answers."""
    for code in (dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL):
        assert read_answer(answer_to(QUESTION, code=code), QUESTION) == whole(code)
    assert dns.rcode.NXDOMAIN == NXDOMAIN
    cut = bytearray(answer_to(QUESTION))
    cut[2] |= dns.flags.TC >> 8
    assert read_answer(bytes(cut), QUESTION) == Answer(NOERROR, is_cut=True)


def test_of_many_records_the_first_few_are_read() -> None:
    """Reading names of many labels takes long, and strangers choose how many there are."""
    question = question_of(reverse_name("192.0.2.9"), Kind.PTR)
    long = ".".join(["a"] * 120)
    records = [("9.2.0.192.in-addr.arpa.", 60, "PTR", f"n{number}.{long}.") for number in range(40)]
    found = read_answer(answer_to(question, *records), question)

    assert found is not None
    assert len(found.values) == 16


def test_of_many_exchangers_more_are_read() -> None:
    """They come unsorted, so the best may be behind sixteen others."""
    question = question_of("example.test", Kind.MX)
    records = [("example.test.", 60, "MX", f"{number} h{number}.test.") for number in range(300)]
    found = read_answer(answer_to(question, *records), question)

    assert found is not None
    assert found.values == tuple(f"{number} h{number}.test" for number in range(64))


@pytest.mark.parametrize(
    "place",
    [0, 1, 2, 5, 13, len(QUESTION) - 3, len(QUESTION) - 1],
    ids=["identifier", "identifier too", "a question", "two questions", "name", "type", "class"],
)
def test_what_answers_another_question_is_no_answer(place: int) -> None:
    """The identifier, and all of the question, must be ours."""
    octets = bytearray(answer_to(QUESTION, ("www.test.", 60, "A", "192.0.2.1")))
    octets[place] ^= 0x80 | 0x02

    assert read_answer(bytes(octets), QUESTION) is None


ANSWER = answer_to(QUESTION, ("www.test.", 9, "CNAME", "a.test."), ("a.test.", 60, "A", "192.0.2.1"))


@given(octets=st.binary(max_size=64), keep=st.integers(min_value=0, max_value=len(ANSWER)), end=st.booleans())
def test_no_octets_raise(octets: bytes, keep: int, *, end: bool) -> None:
    """Behind a beginning, or before an end, that are right."""
    read_answer(ANSWER[:keep] + octets + (ANSWER[keep + len(octets) :] if end else b""), QUESTION)


@given(places=st.lists(st.tuples(st.integers(len(QUESTION), len(ANSWER) - 1), st.integers(0, 255)), max_size=4))
def test_no_changes_raise(places: list[tuple[int, int]]) -> None:
    """Whichever octets of the records are others."""
    octets = bytearray(ANSWER)
    for place, value in places:
        octets[place] = value
    read_answer(bytes(octets), QUESTION)
