"""Replies as octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.rendering import MAX_LINE_OCTETS, render


def test_code_status_and_text_make_a_line() -> None:
    """Each line of several repeats code and status, and all but the last have a hyphen."""
    assert render(Reply(code=250, lines=("Ok",))) == b"250 Ok\r\n"
    assert render(Reply(code=550, enhanced_status="5.1.1", lines=("a", "b"))) == b"550-5.1.1 a\r\n550 5.1.1 b\r\n"


def test_a_blank_follows_the_code_even_if_there_is_no_text() -> None:
    """RFC 5321 §4.2.1: the blank should be sent."""
    assert render(Reply(code=250, lines=("",))) == b"250 \r\n"
    assert render(Reply(code=250, lines=())) == b"250 \r\n"


def test_text_from_outside_breaks_no_line() -> None:
    """What is not printable ASCII becomes a question mark."""
    assert render(Reply(code=550, lines=("a\r\n250 b\t\x1bé",))) == b"550 a??250 b???\r\n"


def test_a_long_line_is_cut() -> None:
    """A client need not take more than 512 octets, code and CRLF included."""
    octets = render(Reply(code=550, enhanced_status="5.1.1", lines=("x" * 511, "x" * 502)))

    assert [len(line) for line in octets.splitlines(keepends=True)] == [MAX_LINE_OCTETS, MAX_LINE_OCTETS]
    assert octets.endswith(b"x\r\n")


@given(st.integers(200, 599), st.none() | st.just("2.0.0"), st.lists(st.text(max_size=600), max_size=3))
def test_any_reply_is_one_reply(code: int, status: str | None, lines: list[str]) -> None:
    """Whatever it says, it has as many lines as it was given, and ends once."""
    *others, last, rest = render(Reply(code=code, enhanced_status=status, lines=tuple(lines))).split(b"\r\n")

    assert rest == b""
    assert last.startswith(b"%d " % code)
    assert all(line.startswith(b"%d-" % code) for line in others)
    assert len(others) == max(len(lines), 1) - 1
    assert all(line.decode("ascii").isprintable() and len(line) <= MAX_LINE_OCTETS - 2 for line in (*others, last))
