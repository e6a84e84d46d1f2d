"""Replies of a server, and what is wrong with them."""

from __future__ import annotations

import pytest

from tests.vectors.replies import ReplyReader


def read(*pieces: bytes) -> ReplyReader:
    """Give *pieces* to a reader, and end."""
    reader = ReplyReader()
    for piece in pieces:
        reader.receive(piece, over_tls=False)
    reader.finish()
    return reader


def test_replies_are_put_together() -> None:
    """Wherever they are cut."""
    reader = read(b"220 mx.test ES", b"MTP\r", b"\n250-mx.test\r\n250 SIZE 1", b"000\r\n")

    assert [(reply.code, reply.lines) for reply in reader.replies] == [
        ("220", ("mx.test ESMTP",)),
        ("250", ("mx.test", "SIZE 1000")),
    ]
    assert not reader.problems


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"250 Ok\n", "does not end in CRLF"),
        (b"25 Ok\r\n", "without a code"),
        (b"250\r\n", "without a code"),
        (b"250 a\x1b[31m\r\n", "control character"),
        (b"250 a\rb\r\n", "control character"),
        (b"250 a\xc2\x9b\r\n", "control character"),
        (b"250-a\r\n550 b\r\n", "several codes"),
        (b"250-a\r\n", "has no end"),
        (b"250 a", "has no end"),
        (b"250 " + b"x" * 507 + b"\r\n", "513 octets"),
    ],
)
def test_what_is_wrong_is_told(octets: bytes, problem: str) -> None:
    """One sentence each."""
    (found,) = read(octets).problems

    assert problem in found


def test_the_longest_line_is_fine() -> None:
    """512 octets with CRLF (RFC 5321 §4.5.3.1.5)."""
    assert not read(b"250 " + b"x" * 506 + b"\r\n").problems
