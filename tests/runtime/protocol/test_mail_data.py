"""Mail data: where it ends, and what it means."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.mail_data import MailData
from smtpdsl.runtime.protocol.own_replies import (
    CONTENT_HAS_BARE_CR,
    CONTENT_HAS_BARE_LF,
    CONTENT_HAS_NUL,
    CONTENT_TOO_BIG,
)

MAX_OCTETS = 1000


class Found(NamedTuple):
    """What came out of a piece of input."""

    content: bytes
    size: int
    problem: Reply | None
    rest: bytes


def read(pieces: list[bytes], max_octets: int = MAX_OCTETS) -> Found | None:
    """Read *pieces*; None if they do not hold the end."""
    data = MailData(max_octets)
    content = b""
    for number, piece in enumerate(pieces):
        octets, used = data.receive(piece)
        assert not (octets and data.problem)
        content += octets
        if data.is_complete:
            rest = piece[used:] + b"".join(pieces[number + 1 :])
            return Found(b"" if data.problem else content, data.size, data.problem, rest)
        assert used == len(piece)
    return None


def read_both_ways(octets: bytes, max_octets: int = MAX_OCTETS) -> Found | None:
    """Read *octets*, which mean the same whole and one by one."""
    found = read([octets], max_octets)
    assert read([bytes([octet]) for octet in octets], max_octets) == found
    return found


def meaning(octets: bytes) -> tuple[bytes, Reply | None, bytes] | None:
    """Say what *octets* mean, slowly: the content, what is wrong with it, and what follows."""
    end = (b"\r\n" + octets).find(b"\r\n.\r\n")
    if end < 0:
        return None
    raw, rest = octets[:end], octets[end + 3 :]
    if b"\0" in raw:
        return b"", CONTENT_HAS_NUL, rest
    if re.search(rb"\r(?!\n)", raw):
        return b"", CONTENT_HAS_BARE_CR, rest
    if re.search(rb"(?<!\r)\n", raw):
        return b"", CONTENT_HAS_BARE_LF, rest
    lines = [line.removeprefix(b".") for line in raw.split(b"\r\n")]
    content = b"\n".join(lines)
    return content, CONTENT_TOO_BIG if len(content) > MAX_OCTETS else None, rest


parts = st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"\0", b"x", b"..", b"\r\n.\r\n", b"\r\n.", b".\r\n", b"y" * 500])
mostly_lines = st.lists(st.sampled_from([b"\r\n", b"\r\n", b"\r\n.", b"\r\n..", b"x", b".", b"\xe9", b"y" * 300]))


@given(st.lists(parts) | mostly_lines, st.lists(st.integers(0, 2000), max_size=5))
@example([b".\r\n"], [1])
@example([b"x\r\n.\r", b"\r\n.\r\n"], [5])
def test_bulk_operations_mean_what_lines_mean(drawn: list[bytes], places: list[int]) -> None:
    """Reading in pieces of any size gives what reading line by line would."""
    octets = b"".join(drawn)
    cuts = sorted(place % (len(octets) + 1) for place in places)
    pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]

    found, meant = read(pieces), meaning(octets)

    assert found == read_both_ways(octets)
    assert (found is None) is (meant is None)
    if found is not None and meant is not None:
        assert (found.problem, found.rest) == meant[1:]
        assert found.problem is not None or (found.content, found.size) == (meant[0], len(meant[0]))


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\n"),
        (b"a\r\n.\r\n", b"a\n"),
        (b"..\r\n...\r\n.x\r\n.\r\n", b".\n..\nx\n"),
        (b"..a\r\nb\r\n.\r\n", b".a\nb\n"),
        (b"a\v.\v\f\x85\xe2\x80\xa8\r\n.\r\n", b"a\v.\v\f\x85\xe2\x80\xa8\n"),
        (b"y" * 70_000 + b"\r\n.\r\n", b"y" * 70_000 + b"\n"),
    ],
)
def test_content_has_lf_ends_and_its_own_dots(octets: bytes, content: bytes) -> None:
    """Only CRLF ends a line, of any length, and one dot of each that begins with dots goes."""
    assert read_both_ways(octets + b"QUIT\r\n", 100_000) == Found(content, len(content), None, b"QUIT\r\n")


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"x\n.\nMAIL\r\n.\r\n", CONTENT_HAS_BARE_LF),
        (b"x\n.\r\nMAIL\r\n.\r\n", CONTENT_HAS_BARE_LF),
        (b"x\r\n.\nMAIL\r\n.\r\n", CONTENT_HAS_BARE_LF),
        (b"x\r.\rMAIL\r\n.\r\n", CONTENT_HAS_BARE_CR),
        (b"x\r.\r\nMAIL\r\n.\r\n", CONTENT_HAS_BARE_CR),
        (b"x\r\n.\rMAIL\r\n.\r\n", CONTENT_HAS_BARE_CR),
        (b"x\r\r\n.\r\n", CONTENT_HAS_BARE_CR),
        (b"x\n\r\n.\r\n", CONTENT_HAS_BARE_LF),
        (b"\n.\r\nMAIL\r\n.\r\n", CONTENT_HAS_BARE_LF),
        (b"x\r\n\0.\r\nMAIL\r\n.\r\n", CONTENT_HAS_NUL),
    ],
)
def test_smuggled_ends_end_nothing(octets: bytes, problem: Reply) -> None:
    """Everything up to the real end is swallowed, and the message is refused there."""
    found = read_both_ways(octets + b"NOOP\r\n")

    assert found is not None
    assert (found.problem, found.rest) == (problem, b"NOOP\r\n")


def test_the_size_counts_lf_ends() -> None:
    """A message of exactly the limit is taken, one octet more is not."""
    fits = b"x" * 98 + b"\r\n"

    assert read_both_ways(b"." + fits * 10 + b".\r\n", 990) == Found((b"x" * 98 + b"\n") * 10, 990, None, b"")
    found = read_both_ways(b"x" + fits * 10 + b".\r\n", 990)
    assert found is not None
    assert (found.size, found.problem) == (991, CONTENT_TOO_BIG)


def test_what_is_refused_is_not_held() -> None:
    """Memory stays flat, and nothing is handed out, from the first problem on."""
    data = MailData(MAX_OCTETS)
    data.receive(b"x" * (MAX_OCTETS + 1))
    for _ in range(100):
        assert data.receive(b"x" * 10_000 + b"\r\n.") == (b"", 10_003)
    assert data.receive(b"\r\nQUIT\r\n") == (b"", 2)
    assert data.problem is CONTENT_TOO_BIG
