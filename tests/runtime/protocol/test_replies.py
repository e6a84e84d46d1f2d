"""Replies as a client receives them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.replies import (
    MAX_LINE_OCTETS,
    MAX_REPLY_LINES,
    MAX_REPLY_OCTETS,
    ReceivedReply,
    ReplyError,
    ReplyParser,
)


def read(*chunks: bytes) -> tuple[list[ReceivedReply], str]:
    """Return the replies in *chunks*, and what is wrong with what follows them."""
    parser, replies = ReplyParser(), []
    try:
        for chunk in chunks:
            parser.receive_data(chunk)
            while reply := parser.next_reply():
                replies.append(reply)
    except ReplyError as error:
        return replies, str(error)
    return replies, ""


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"220 mx.example ESMTP\r\n", ReceivedReply(220, ("mx.example ESMTP",))),
        (b"250-mx.example\r\n250-SIZE\r\n250 HELP\r\n", ReceivedReply(250, ("mx.example", "SIZE", "HELP"))),
        (b"550\r\n", ReceivedReply(550, ("",))),
        (b"550 \r\n", ReceivedReply(550, ("",))),
        (b"250-\r\n250\r\n", ReceivedReply(250, ("", ""))),
        (b"354  go\r\n", ReceivedReply(354, (" go",))),
        (b"299 x\r\n", ReceivedReply(299, ("x",))),
    ],
)
def test_a_reply_is_a_code_and_lines(octets: bytes, reply: ReceivedReply) -> None:
    """A hyphen after the code says that another line follows; a text may be missing."""
    assert read(octets) == ([reply], "")


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"25 short\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "25 short"'),
        (b"999 what\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "999 what"'),
        (b"150 wait\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "150 wait"'),
        (b"250ok\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "250ok"'),
        (b" 250 ok\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found " 250 ok"'),
        (b"2\xb200 ok\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "2?00 ok"'),
        (b"\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found ""'),
        (b"\x16\x03\x01\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "???"'),
        (b"x" * 90 + b"\r\n", f'expected a code from 200 to 599 and a blank or a hyphen, found "{"x" * 60}..."'),
        (b"553-a\r\ntype: mda\r\n553 b\r\n", 'expected a code from 200 to 599 and a blank or a hyphen, found "type: '),
        (b"250-a\r\n550 b\r\n", 'expected 250 in each line of the reply, found "550 b"'),
        (b"250 ok\n", 'expected CR LF at the end of a line, found LF alone after "250 ok"'),
        (b"553 bad\nX-Injected: yes\r\n", 'expected CR LF at the end of a line, found LF alone after "553 bad"'),
    ],
)
def test_what_is_no_reply_is_refused(octets: bytes, problem: str) -> None:
    """The frame is strict: codes, marks and line ends are as RFC 5321 §4.2 has them; the message says what is not."""
    replies, found = read(octets)

    assert (replies, found[: len(problem)]) == ([], problem)


def test_the_text_is_made_printable() -> None:
    """Nothing that a server writes into a text can end a line or steer a terminal."""
    assert read(b"550 a\rb\x00c\x1b[1m\xe4\t.\r\n") == ([ReceivedReply(550, ("a?b?c?[1m? .",))], "")


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"220 " + b"x" * (MAX_LINE_OCTETS - 6) + b"\r\n", ""),
        (b"220 " + b"x" * (MAX_LINE_OCTETS - 5) + b"\r\n", "expected lines of at most 4096 octets"),
        (b"x" * (MAX_LINE_OCTETS + 1), "expected lines of at most 4096 octets"),
        (b"220-x\r\n" * (MAX_REPLY_LINES - 1) + b"220 x\r\n", ""),
        (b"220-x\r\n" * (MAX_REPLY_LINES + 1), "expected a reply of at most 100 lines"),
        ((b"220-" + b"x" * 4090 + b"\r\n") * (MAX_REPLY_OCTETS // 4096), ""),
        ((b"220-" + b"x" * 4090 + b"\r\n") * 17, "expected a reply of at most 65536 octets"),
    ],
)
def test_a_reply_has_limits(octets: bytes, problem: str) -> None:
    """A line, the lines of a reply and all their octets are counted, and one too many ends it."""
    assert read(octets)[1] == problem


def test_limits_are_for_each_reply() -> None:
    """A long session is no long reply."""
    replies, problem = read(b"250 ok\r\n" * MAX_REPLY_OCTETS)

    assert (len(replies), problem) == (MAX_REPLY_OCTETS, "")


@pytest.mark.parametrize(
    ("octets", "status", "line"),
    [
        (b"250 2.0.0 queued as X\r\n", "2.0.0", "250 2.0.0 queued as X"),
        (b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", "5.1.1", "550 5.1.1 no such user"),
        (b"550-5.1.1 no such\r\n550 5.1.10 user\r\n", "5.1.1", "550 5.1.1 no such 5.1.10 user"),
        (b"550-no such\r\n550 user \r\n", "", "550 no such user"),
        (b"550-no\r\n550-\r\n550 user\r\n", "", "550 no user"),
        (b"550 5.7.1\r\n", "5.7.1", "550 5.7.1"),
        (b"550\r\n", "", "550"),
        (b"550 4.7.1 other class\r\n", "", "550 4.7.1 other class"),
        (b"550 5.7.1x\r\n", "", "550 5.7.1x"),
        (b"550 5.7.1234 x\r\n", "", "550 5.7.1234 x"),
    ],
)
def test_a_reply_is_told_in_one_line(octets: bytes, status: str, line: str) -> None:
    """The lines are joined, and an enhanced status that each of them repeats is said once."""
    [reply], _ = read(octets)

    assert (reply.enhanced_status, reply.one_line) == (status, line)


LINES = st.sampled_from(
    [b"250 ok\r\n", b"250-a\r\n", b"550 5.1.1 no\r\n", b"354 go\r\n", b"250\r\n", b"250 ok\n", b"\r\n", b"2\r", b"250-"]
)


@given(pieces=st.lists(LINES | st.binary(max_size=9), max_size=9), cuts=st.lists(st.integers(1, 80), max_size=9))
def test_chunk_boundaries_are_invisible(pieces: list[bytes], cuts: list[int]) -> None:
    """What is read does not depend on how TCP split it."""
    octets = b"".join(pieces)
    places = [0, *sorted(cuts), len(octets)]
    chunks = [octets[start:end] for start, end in itertools.pairwise(places)]

    assert read(*chunks) == read(octets)


@given(octets=st.binary(max_size=99), text=st.binary(max_size=99))
def test_what_is_read_is_one_printable_line(octets: bytes, text: bytes) -> None:
    """No octets make the parser raise anything else, and none of them gets out as it is."""
    replies, problem = read(b"250 " + text.replace(b"\n", b"") + b"\r\n" + octets)

    for line in (problem, *(reply.one_line for reply in replies)):
        assert line.isascii()
        assert line.isprintable()
