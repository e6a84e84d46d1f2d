"""Mail data on its way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.dot_stuffing import DotStuffer


def stuffed(*blocks: bytes) -> bytes:
    """Return what is sent for a message that comes in *blocks*."""
    stuffer = DotStuffer()
    return b"".join(map(stuffer.encode, blocks)) + stuffer.end()


def received(octets: bytes) -> bytes:
    """Read mail data as RFC 5321 §4.5.2 tells a server to."""
    *lines, dot, rest = octets.split(b"\r\n")
    assert (dot, rest) == (b".", b"")
    return b"".join(line.removeprefix(b".") + b"\n" for line in lines)


@pytest.mark.parametrize(
    ("blocks", "sent"),
    [
        ([b"a\nb\n"], b"a\r\nb\r\n.\r\n"),
        ([b".a\n..b\n.\n"], b"..a\r\n...b\r\n..\r\n.\r\n"),
        ([b"a\n", b".b\n"], b"a\r\n..b\r\n.\r\n"),
        ([b"a", b".b\n"], b"a.b\r\n.\r\n"),
        ([b"no end"], b"no end\r\n.\r\n"),
        ([], b".\r\n"),
        ([b"", b""], b".\r\n"),
        ([b"a\r\nb\r\n"], b"a\r\nb\r\n.\r\n"),
        ([b"a\r", b"\n.b\r", b".c"], b"a\r\n..b\r\n..c\r\n.\r\n"),
        ([b"a\r.\rb\n"], b"a\r\n..\r\nb\r\n.\r\n"),
        ([b"a\r"], b"a\r\n.\r\n"),
        ([b"a\n", b"\r"], b"a\r\n\r\n.\r\n"),
        ([b"a\x00b\xff\n"], b"a\x00b\xff\r\n.\r\n"),
    ],
)
def test_lines_end_in_crlf_and_dots_are_doubled(blocks: list[bytes], sent: bytes) -> None:
    """Where a block ends makes no difference, and nothing but CR LF ends a line."""
    assert stuffed(*blocks) == sent


PIECES = st.sampled_from([b"\n", b".", b"\n.", b"\n.\n", b"a"]) | st.binary(max_size=5)


@given(blocks=st.lists(PIECES, max_size=20))
def test_a_server_reads_what_was_stored(blocks: list[bytes]) -> None:
    """Sending is undone by receiving, whatever the message holds; only a last line without an end gets one."""
    message = b"".join(blocks).replace(b"\r", b"")
    is_open = bool(message) and not message.endswith(b"\n")

    assert received(stuffed(*(block.replace(b"\r", b"") for block in blocks))) == message + (b"\n" if is_open else b"")


@given(blocks=st.lists(PIECES | st.just(b"\r"), max_size=20))
def test_nothing_within_a_message_ends_it(blocks: list[bytes]) -> None:
    """CR and LF go out as pairs, the lone dot is the last line, and blocks may be cut anywhere."""
    octets = stuffed(*blocks)

    assert octets == stuffed(b"".join(blocks))
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert octets.split(b"\r\n").index(b".") == octets.count(b"\r\n") - 1
