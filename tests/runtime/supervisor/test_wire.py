"""What goes over the connection to a worker is what comes out, or is refused."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import (
    CommandWork,
    Identity,
    InlineContent,
    LmtpWork,
    LocalWork,
    MailboxWork,
    MaildirWork,
    Outcome,
    Result,
    SpooledContent,
    WrappedWork,
)
from smtpdsl.runtime.sealing.seal import Seal
from smtpdsl.runtime.supervisor.wire import WireError, decode_outcome, encode_outcome, encode_work, receive_request
from tests.runtime.deliveries import CONTENT, NAME, PREFIX, identity_of, work_of

JOE = Identity("joe", 1000, 100, "/home/joe")
MAILDIR = MaildirWork("/home/joe/Maildir", NAME, "lists", sorts_junk=True, may_exist=True)

# Every text there can be, octets that are no UTF-8 among them.
texts = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.integers(0xDC80, 0xDCFF).map(chr)))
identities = st.builds(Identity, texts, st.integers(), st.integers(), texts, texts)
recipients = st.lists(texts).map(tuple)
variables = st.lists(st.tuples(texts, texts)).map(tuple)
maildirs = st.builds(MaildirWork, texts, texts, texts, st.booleans(), st.booleans())
stores = st.builds(LmtpWork, texts, texts, texts, texts, texts, st.integers() | texts, st.booleans(), recipients)
methods = st.one_of(
    maildirs,
    stores,
    st.builds(MailboxWork, texts, texts, st.booleans(), st.booleans()),
    st.builds(CommandWork, texts, variables),
    st.builds(WrappedWork, texts, variables, maildirs | stores),
)
works = st.builds(
    LocalWork,
    identities,
    methods,
    st.binary(),
    st.builds(InlineContent, st.binary()),
    st.floats(allow_nan=False, allow_infinity=False),
)


def received(octets: bytes, *, is_spooled: bool = False) -> LocalWork:
    """Return what a worker makes of *octets*, after which the connection is closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(octets)
        ours.close()
        work = receive_request(theirs, is_spooled=is_spooled)
    assert isinstance(work, LocalWork), work
    return work


@given(work=works)
def test_work_comes_out_as_it_went_in(work: LocalWork) -> None:
    """No text, number or octet is changed on the way."""
    assert received(encode_work(work)) == work


def test_content_in_a_file_has_its_size() -> None:
    """The path stays with the server: nobody else could open it."""
    work = work_of(MAILDIR, JOE, SpooledContent("/var/spool/x", 123456))

    assert received(encode_work(work), is_spooled=True) == work._replace(content=SpooledContent("", 123456))


@pytest.mark.parametrize("seal", [Seal(1), Seal(0x1234_5678_02, key=Secret(b"k" * 32))])
def test_a_sealed_file_goes_with_its_key(seal: Seal) -> None:
    """With that of this file alone; the checksum stays with the server."""
    work = work_of(MAILDIR, JOE, SpooledContent("/var/spool/x", 123456, seal._replace(digest=b"d")))

    assert received(encode_work(work), is_spooled=True).content == SpooledContent("", 123456, seal)


@pytest.mark.parametrize("seal", [Seal(1, key=Secret(b"k" * 32)), Seal(0x1234_5678_02)])
def test_a_key_belongs_to_what_is_encrypted(seal: Seal) -> None:
    """And to nothing else."""
    with pytest.raises(WireError):
        received(encode_work(work_of(MAILDIR, JOE, SpooledContent("/var/spool/x", 123456, seal))), is_spooled=True)


def test_a_file_that_got_lost_is_not_an_empty_message() -> None:
    """Work with content in a file is refused where no file came with it."""
    work = work_of(MAILDIR, JOE, SpooledContent("/var/spool/x", 123456))

    with pytest.raises(WireError):
        received(encode_work(work), is_spooled=False)


@pytest.mark.parametrize("count", [0, 1, 11, 12, 40, -1])
def test_work_that_is_cut_off_is_refused(count: int) -> None:
    """Part of a message is none."""
    with pytest.raises(WireError):
        received(encode_work(work_of(MAILDIR, JOE))[:count])


def framed(value: object) -> bytes:
    """Return *value* in the place of work."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack("!III", len(text), len(PREFIX), len(CONTENT)) + text + PREFIX + CONTENT


GOOD = {
    "identity": ["joe", 1000, 100, "/home/joe", ""],
    "MaildirWork": ["/home/joe/Maildir", "name", "", False, False],
    "time_limit": 5,
    "size": len(CONTENT),
    "form": 0,
}


def test_the_good_example_is_good() -> None:
    """What the next test spoils is accepted as it is."""
    method = MaildirWork("/home/joe/Maildir", "name")
    assert received(framed(GOOD)) == LocalWork(JOE, method, PREFIX, InlineContent(CONTENT), 5)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        json.dumps(GOOD).encode("utf-16-le"),
        [],
        {},
        {**GOOD, "identity": ["joe", "0", 100, "/", ""]},
        {**GOOD, "identity": ["joe", 1000.5, 100, "/", ""]},
        {**GOOD, "identity": ["joe", 1000, 100, "/"]},
        {**GOOD, "identity": ["joe", 1000, 100, "/", None]},
        {**GOOD, "time_limit": "5"},
        {**GOOD, "size": 1},
        {**GOOD, "form": 4},
        {**GOOD, "form": -1},
        {**GOOD, "form": None},
        {**GOOD, "MaildirWork": None, "LmtpWork": ["joe", "<>", "mx", "/x", "", 24, False, [1]]},
        {**GOOD, "MaildirWork": ["/home/joe/Maildir", "name", "", 1, 0]},
        {**GOOD, "MaildirWork": None},
        {**GOOD, "MaildirWork": None, "MailboxWork": ["/var/mail/joe", "From x", True]},
        {**GOOD, "MaildirWork": None, "MailboxWork": ["/var/mail/joe", None, True, False]},
        {**GOOD, "MaildirWork": None, "CommandWork": ["true", [["A"]]]},
        {**GOOD, "MaildirWork": None, "CommandWork": ["true", {"A": "b"}]},
        {**GOOD, "MaildirWork": None, "CommandWork": [["true"], []]},
        {**GOOD, "MaildirWork": None, "WrappedWork": ["true", []]},
        {**GOOD, "MaildirWork": None, "WrappedWork": ["true", [], {"CommandWork": ["true", []]}]},
    ],
)
def test_other_forms_are_refused(value: object) -> None:
    """A worker does nothing that it has not understood."""
    with pytest.raises(WireError):
        received(framed(value))


@pytest.mark.parametrize("lengths", [(1 << 30, 1, 1), (1, 1 << 30, 1), (1, 1, 1 << 30)])
def test_lengths_have_limits(lengths: tuple[int, int, int]) -> None:
    """Nobody is made to wait for octets that would fill the memory."""
    with pytest.raises(WireError, match="at most"):
        received(struct.pack("!III", *lengths))


@given(result=st.sampled_from(Result), text=texts.filter(str.isprintable), status=st.sampled_from(["", "4.2.2"]))
def test_outcomes_come_out_as_they_went_in(result: Result, text: str, status: str) -> None:
    """On one line, whatever it says."""
    outcome = Outcome(result, text[:400], status, others=(Outcome(Result.OK, "Delivered"),) * (len(text) % 3))
    line = encode_outcome(outcome)

    assert line.index(b"\n") == len(line) - 1
    assert decode_outcome(line) == outcome


@given(octets=st.binary())
def test_other_octets_are_no_outcome(octets: bytes) -> None:
    """Nothing that a worker could send does more than be refused."""
    with pytest.raises(WireError):
        decode_outcome(octets)


@pytest.mark.parametrize("line", [b'["Ok","x"]\n', b'["Fine","x","2.0.0"]\n', b'["Ok",1,"2.0.0"]\n', b'{"Ok":1}\n'])
def test_other_forms_are_no_outcome(line: bytes) -> None:
    """Success is told in one way only."""
    with pytest.raises(WireError):
        decode_outcome(line)


def test_texts_of_outcomes_are_printable() -> None:
    """Even a worker that somebody has taken over writes one line into the log."""
    assert decode_outcome(b'["Ok","a\\nb","2.0.0\\n"]\n') == Outcome(Result.OK, "a\\nb", "2.0.0\\n")


def test_work_has_an_identity() -> None:
    """The helpers of these tests make what they say."""
    assert received(encode_work(work_of("true", identity_of("/h")))).identity == identity_of("/h")
