"""Chunks: what follows BDAT, wanted or not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.chunks import MAX_CHUNK_OCTETS, ChunkedContent, read_bdat
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Bdat
from smtpdsl.runtime.protocol.own_replies import (
    CONTENT_HAS_BARE_CR,
    CONTENT_HAS_BARE_LF,
    CONTENT_HAS_NUL,
    CONTENT_TOO_BIG,
)
from smtpdsl.runtime.protocol.server import ContentReceived, Limits, Offer, Refused, ServerSession, State
from smtpdsl.runtime.protocol.states import Step
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

MAX_OCTETS = 1000
HELLO = b"EHLO client.test\r\n"
ENVELOPE = b"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<alice@local.test>\r\n"
OK = Reply(code=250, lines=("Ok",))


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def chunked(*chunks: bytes) -> bytes:
    """Return *chunks* as BDAT has them, the last one marked."""
    last = len(chunks) - 1
    return b"".join(
        b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" if number == last else b"", chunk)
        for number, chunk in enumerate(chunks)
    )


# ---------------------------------------------------------------- the argument


@pytest.mark.parametrize(
    ("argument", "chunk"),
    [
        ("0", Bdat(0, is_last=False)),
        ("86 LAST", Bdat(86, is_last=True)),
        ("86  last", Bdat(86, is_last=True)),
        ("00000000000000000012 LAST", Bdat(12, is_last=True)),
        (str(MAX_CHUNK_OCTETS), Bdat(MAX_CHUNK_OCTETS, is_last=False)),
    ],
)
def test_a_chunk_is_announced(argument: str, chunk: Bdat) -> None:
    """By a number of octets, and a word if it is the last one."""
    assert read_bdat(argument) == chunk


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "abc",
        "-1 LAST",
        "+5 LAST",
        "1_0 LAST",
        "5 FIRST",
        "5 LAST LAST",
        "0x10",
        "5LAST",
        "LAST",
        "5.0",
        "\xb2",
        "9" * 21,
    ],
)
def test_a_chunk_of_unknown_length(argument: str) -> None:
    """Whatever follows may be text of a message."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_bdat(argument)

    assert caught.value.reply.code == 501
    assert caught.value.step is Step.CHUNK_LOST


@pytest.mark.parametrize("octets", [MAX_CHUNK_OCTETS + 1, 10**20 - 1])
def test_nobody_waits_for_an_absurd_chunk(octets: int) -> None:
    """The session ends at once."""
    site = Site()
    answered = site.hear([HELLO + ENVELOPE + b"BDAT %d LAST\r\nNOOP\r\n" % octets])

    assert codes(answered)[-1] == 552
    assert site.session.is_closed


# ---------------------------------------------------------------- the content


def content_of(chunks: list[bytes], max_octets: int = MAX_OCTETS) -> tuple[bytes, Reply | None]:
    """Read *chunks*, each of them whole."""
    content = ChunkedContent(max_octets)
    found = b""
    for chunk in chunks:
        content.begin(Bdat(len(chunk), is_last=False))
        found += content.receive(chunk)
        assert content.left == 0
    found += content.end()
    assert content.problem is not None or content.size == len(found)
    return (found, None) if content.problem is None else (b"", content.problem)


def meaning(octets: bytes) -> tuple[bytes, Reply | None]:
    """Say what *octets* mean, slowly."""
    if b"\0" in octets:
        return b"", CONTENT_HAS_NUL
    if re.search(rb"\r(?!\n)", octets):
        return b"", CONTENT_HAS_BARE_CR
    if re.search(rb"(?<!\r)\n", octets):
        return b"", CONTENT_HAS_BARE_LF
    content = octets.replace(b"\r\n", b"\n")
    content += b"\n" if content and not content.endswith(b"\n") else b""
    return (content, None) if len(content) <= MAX_OCTETS else (b"", CONTENT_TOO_BIG)


parts = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b".", b"\r", b"\n", b"\0", b"x", b"\r\n.\r\n", b"\xe9", b"y" * 500])
mostly_lines = st.lists(st.sampled_from([b"\r\n", b"\r\n.", b"x", b".", b"\xe9", b"y" * 300]))


@given(st.lists(parts, max_size=6) | mostly_lines, st.lists(st.integers(0, 2000), max_size=6))
def test_where_chunks_end_means_nothing(drawn: list[bytes], places: list[int]) -> None:
    """A message is what its chunks make together; a CRLF may stand in two of them."""
    octets = b"".join(drawn)
    cuts = sorted(place % (len(octets) + 1) for place in places)
    chunks = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]

    assert content_of(chunks) == content_of([octets]) == meaning(octets)


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b"", b""),
        (b"Subject: b\r\n\r\nhello\r\n", b"Subject: b\n\nhello\n"),
        (b".\r\n..\r\n\r\n.\r\n", b".\n..\n\n.\n"),
        (b"no end", b"no end\n"),
        (b"\r\n", b"\n"),
    ],
)
def test_content_is_what_was_sent(octets: bytes, content: bytes) -> None:
    """Dots stay, lines end in LF, and so does the last one."""
    site = Site()
    site.hear([HELLO + ENVELOPE + chunked(octets)])

    assert [message.content for message in site.messages] == [content]


def test_the_last_line_end_counts() -> None:
    """A message of exactly the limit is taken, one octet more is not."""
    assert content_of([b"x" * 999]) == (b"x" * 999 + b"\n", None)
    assert content_of([b"x" * 1000])[1] is CONTENT_TOO_BIG


# ---------------------------------------------------------------- refusals


def test_a_message_is_refused_behind_the_chunk_that_spoils_it() -> None:
    """The transaction is over then, and what was sent ahead is swallowed."""
    site = Site()
    site.hear([HELLO])

    answered = site.hear([ENVELOPE + chunked(b"a\r\n", b"b\0\r\n", b"RSET\r\n", b"\r\n") + b"NOOP\r\n"])
    assert codes(answered) == [250, 250, 250, 550, 503, 503, 250]
    assert not site.messages
    assert site.session.state is State.READY


def test_a_refusal_waits_for_the_end_of_the_chunk() -> None:
    """Nothing is said before, and nothing of the chunk is kept."""
    session = ServerSession(Limits(), default_domain="mx.test")
    session.greet(Reply(code=220, lines=("mx.test",)))
    for line in (HELLO, *ENVELOPE.splitlines(keepends=True), b"BDAT 1000000 LAST\r\nQUIT\r\n"):
        session.receive_data(line)
        session.next_event()
        session.reply(OK if not line.startswith(b"BDAT") else Reply(code=452, lines=("Full",)))
    session.data_to_send()

    assert session.state is State.READY
    for _ in range(999):
        session.receive_data(b"QUIT\r\n" + b"x" * 994)
        assert session.next_event() is None
        assert session.data_to_send() == b""
        assert session.buffered_octets == 0
        assert session.is_receiving
    session.receive_data(b"x" * 994 + b"NOOP\r\n")
    assert session.next_event() is not None
    session.reply(OK)
    assert codes(session.data_to_send()) == [452, 250]
    assert not session.is_receiving


def test_a_refusal_that_ends_the_session_waits_for_nothing() -> None:
    """421 is said at once."""
    session = ServerSession(Limits(), default_domain="mx.test")
    session.greet(Reply(code=220, lines=("mx.test",)))
    for line in (HELLO, *ENVELOPE.splitlines(keepends=True)):
        session.receive_data(line)
        session.next_event()
        session.reply(OK)
    session.receive_data(b"BDAT 1000 LAST\r\n")
    session.next_event()
    session.reply(Reply(code=421, lines=("Gone",)))

    assert session.is_closed
    assert codes(session.data_to_send())[-1] == 421


def test_chunks_that_were_sent_ahead_are_no_errors() -> None:
    """RFC 3030 §4.2 lets a client send them all at once: a refusal of the first must not end the session."""
    site = Site(Limits(max_message_octets=10, max_errors=3))
    answered = site.hear([HELLO + ENVELOPE + chunked(*[b"x" * 11] * 50) + b"NOOP\r\n"])

    assert codes(answered)[3:] == [250, 552, *[503] * 49, 250]
    refused = [event for event in site.events if isinstance(event, Refused)]
    assert [event.command_line for event in refused] == ["BDAT 11"] * 48 + ["BDAT 11 LAST"]


@pytest.mark.parametrize(
    "line", [b"BDAT", b"BDAT x", b"BDAT 5\t", b"BDAT\t5", b"BDAT 5\0", b"BDAT 5\r5", b"BDAT " + b"9" * 3000]
)
def test_after_a_broken_chunk_nothing_is_obeyed_before_rset(line: bytes) -> None:
    """The client may have meant any number of octets; RFC 3030 §2 has it send RSET when a chunk is refused."""
    site = Site()
    site.hear([HELLO + ENVELOPE])
    assert codes(site.hear([line + b"\r\n"]))[0] in {500, 501}
    assert site.session.state is State.BROKEN

    assert codes(site.hear([HELLO + ENVELOPE + b"DATA\r\n"])) == [503] * 4
    assert codes(site.hear([b"BDAT 6 LAST\r\nRSET\r\n" + b"NOOP\r\nBDAT x\r\n"])) == [503, 250, 501]
    assert codes(site.hear([b"RSET\r\nDATA\r\n" + ENVELOPE])) == [250, 503, 250, 250]
    assert not site.messages


def test_a_broken_chunk_before_the_first_word_ends_the_session() -> None:
    """RSET would lead past EHLO."""
    site = Site()

    assert codes(site.hear([b"BDAT x\r\nRSET\r\n" + ENVELOPE])) == [220, 501]
    assert site.session.is_closed


def test_a_bare_lf_ends_the_session_here_too() -> None:
    """Whatever the line says."""
    site = Site()

    assert codes(site.hear([HELLO + ENVELOPE + b"BDAT 5\nRSET\r\n"]))[-1] == 500
    assert site.session.is_closed


@pytest.mark.parametrize("line", [b"BDAT 61 LAST", b"BDAT", b"bdat\t5", b"BDAT 5\0"])
def test_where_chunks_are_not_offered_they_end_the_session(line: bytes) -> None:
    """RFC 3030 §2: what follows is mail data, and nothing of it is taken for commands."""
    site = Site(offer=Offer(chunking=False))
    answered = site.hear([HELLO + ENVELOPE + line + b"\r\n" + ENVELOPE])

    assert codes(answered) == [220, 250, 250, 250, 502]
    assert site.session.is_closed


def test_many_small_chunks_make_one_message() -> None:
    """Their number is no matter of the protocol, and neither is a chunk of nothing."""
    site = Site()
    answered = site.hear([HELLO + ENVELOPE + b"BDAT 1\r\na" * 2000 + b"BDAT 0\r\n" * 2000 + b"BDAT 0 LAST\r\n"])

    assert set(codes(answered)[4:]) == {250}
    assert [message.content for message in site.messages] == [b"a" * 2000 + b"\n"]


def test_every_chunk_can_be_counted() -> None:
    """Also one of no octets is an event, so nobody keeps a server busy with them."""
    site = Site()
    site.hear([HELLO + ENVELOPE + b"BDAT 1\r\na" * 20 + b"BDAT 0\r\n" * 30])

    assert [event.octets for event in site.events if isinstance(event, ContentReceived)] == [b"a"] * 20 + [b""] * 30


def test_messages_by_chunks_are_limited_like_others() -> None:
    """RFC 5321 §4.5.3.1: only those that were accepted count."""
    site = Site(Limits(max_mails=1))
    site.hear([HELLO])

    assert codes(site.hear([ENVELOPE + chunked(b"\0")])) == [250, 250, 550]
    assert codes(site.hear([ENVELOPE + chunked(b"x")])) == [250, 250, 250]
    assert codes(site.hear([ENVELOPE])) == [452, 503]
