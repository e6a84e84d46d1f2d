"""Command lines out of octets."""

from __future__ import annotations

import sys

import pytest

from smtpdsl.runtime.protocol.input_buffer import MAX_SWALLOWED_OCTETS, CommandLine, InputBuffer
from smtpdsl.runtime.protocol.own_replies import BARE_LF, LINE_TOO_LONG, STRANGE_OCTET

MAX_LINE = 100


def lines_of(pieces: list[bytes]) -> list[CommandLine]:
    """Return the lines that *pieces* make, up to the first that ends the session."""
    buffer = InputBuffer(MAX_LINE)
    found: list[CommandLine] = []
    for piece in pieces:
        buffer.append(piece)
        while not (found and found[-1].closes) and (line := buffer.next_line()) is not None:
            found.append(line)
    return found


def lines_both_ways(octets: bytes) -> list[CommandLine]:
    """Return the lines of *octets*, which do not depend on how they arrive."""
    found = lines_of([octets])
    assert lines_of([bytes([octet]) for octet in octets]) == found
    return found


def test_crlf_ends_a_line() -> None:
    """What has no end yet is no line."""
    assert lines_both_ways(b"NOOP\r\n\r\nQUIT\r") == [CommandLine(b"NOOP"), CommandLine(b"")]


@pytest.mark.parametrize("octets", [b"NOOP\n", b"\n", b"x" * 2 * MAX_LINE + b"\n", b"NO\rOP\n"])
def test_a_bare_lf_ends_the_session(octets: bytes) -> None:
    """In a line of any length."""
    [line] = lines_both_ways(octets)

    assert line.problem is BARE_LF
    assert line.closes


@pytest.mark.parametrize("octets", [b"NO\rOP\r\n", b"NO\0OP\r\n", b"\r\r\n", b"NOOP\0\r\n"])
def test_a_bare_cr_or_nul_spoils_one_line(octets: bytes) -> None:
    """The next one is read as ever."""
    first, second = lines_both_ways(octets + b"NOOP\r\n")

    assert first.problem is STRANGE_OCTET
    assert not first.closes
    assert second == CommandLine(b"NOOP")


def test_the_longest_line() -> None:
    """The limit includes the CRLF."""
    longest = b"x" * (MAX_LINE - 2)

    assert lines_both_ways(longest + b"\r\n") == [CommandLine(longest)]
    assert lines_both_ways(b"x" + longest + b"\r\n")[0].problem is LINE_TOO_LONG


@pytest.mark.parametrize("length", [MAX_LINE, 1000, MAX_SWALLOWED_OCTETS - 2])
def test_a_line_that_is_too_long_is_answered_once(length: int) -> None:
    """At its end, of which it shows the beginning; it may hold anything."""
    first, second = lines_both_ways(b"AB\0\r" + b"x" * (length - 4) + b"\r\nNOOP\r\n")

    assert first.problem is LINE_TOO_LONG
    assert not first.closes
    assert first.octets.startswith(b"AB\0\rxxx")
    assert len(first.octets) < MAX_LINE
    assert second == CommandLine(b"NOOP")


@pytest.mark.parametrize("end", [b"", b"\r\nNOOP\r\n", b"\nNOOP\r\n"])
def test_a_line_without_end_ends_the_session(end: bytes) -> None:
    """After 64 KiB nobody waits for its end any more."""
    [line] = lines_both_ways(b"x" * MAX_SWALLOWED_OCTETS + end)

    assert line.problem is LINE_TOO_LONG
    assert line.closes


def test_a_line_that_is_too_long_is_not_stored() -> None:
    """Memory stays flat while it is swallowed."""
    buffer = InputBuffer(MAX_LINE)
    for _ in range(MAX_SWALLOWED_OCTETS // 1000):
        buffer.append(b"x" * 1000)
        assert buffer.next_line() is None
        assert buffer.length == 1


def test_octets_are_peeked_at_and_discarded_in_order() -> None:
    """What is not used stays for the next line."""
    buffer = InputBuffer(MAX_LINE)
    for piece in (b"abc", b"de", b"fNOOP\r\n"):
        buffer.append(piece)
    assert buffer.peek(4) == b"abcd"
    buffer.discard(4)
    buffer.append(b"QUIT\r\n")
    assert buffer.peek(2) == b"ef"
    buffer.discard(2)

    assert buffer.length == 12
    assert [buffer.next_line(), buffer.next_line()] == [CommandLine(b"NOOP"), CommandLine(b"QUIT")]
    assert buffer.length == 0


def test_what_was_used_is_not_kept() -> None:
    """A session that waits for its client costs no memory."""
    buffer = InputBuffer(MAX_LINE)
    piece = b"NOOP\r\n" * 1000
    before = sys.getrefcount(piece)
    buffer.append(piece)
    while buffer.next_line() is not None:
        pass

    assert sys.getrefcount(piece) == before
