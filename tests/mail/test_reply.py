"""SMTP replies."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply, ReplyTextError, parse_reply_text


def test_a_reply_of_one_line_is_code_and_text() -> None:
    """The enhanced status stands between them."""
    assert str(Reply(code=550, lines=("no rDNS",))) == "550 no rDNS"
    assert str(Reply(code=550, enhanced_status="5.7.1", lines=("no rDNS",))) == "550 5.7.1 no rDNS"


def test_a_reply_of_several_lines_repeats_its_codes() -> None:
    """All lines but the last have a hyphen after the code, and each carries the status."""
    assert str(Reply(code=250, lines=("mx", "SIZE", "HELP"))) == "250-mx\r\n250-SIZE\r\n250 HELP"
    assert str(Reply(code=451, enhanced_status="4.3.0", lines=("a", "b"))) == "451-4.3.0 a\r\n451 4.3.0 b"


def test_the_first_digit_says_whether_to_try_again() -> None:
    """4yz is temporary, 5yz permanent, and the others are no refusals."""
    kinds = [
        (reply.is_temporary, reply.is_permanent)
        for reply in (Reply(code=code, lines=("x",)) for code in (250, 354, 421, 599))
    ]

    assert kinds == [(False, False), (False, False), (True, False), (False, True)]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("550 no rDNS", Reply(code=550, lines=("no rDNS",))),
        ("421 4.7.0 later", Reply(code=421, enhanced_status="4.7.0", lines=("later",))),
        ("550 5.7.123", Reply(code=550, enhanced_status="5.7.123", lines=("",))),
        ("550  two blanks ", Reply(code=550, lines=("two blanks",))),
        ("550 4.7.1 other class", Reply(code=550, lines=("4.7.1 other class",))),
        ("550 5.7.1234 too long", Reply(code=550, lines=("5.7.1234 too long",))),
        ("550 5.7.1: no", Reply(code=550, lines=("5.7.1: no",))),
        ("550 a\tb", Reply(code=550, lines=("a\tb",))),
    ],
)
def test_a_refusal_is_read_from_one_line(text: str, reply: Reply) -> None:
    """A status of the code's class is recognised; anything else is text."""
    assert parse_reply_text(text) == reply


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ("nope", "nope", "three digits", 'write "550 nope"'),
        ("no rDNS", "no", "three digits", 'write "550 no rDNS"'),
        ("", "", "three digits", 'write "550 REASON"'),
        ("55 x", "55", "three digits", ""),
        ("5501 x", "5501", "three digits", ""),
        ("250 ok", "250", "from 400 to 599", "4xx asks"),
        ("600 x", "600", "from 400 to 599", "4xx asks"),
        ("550-no", "-", "a blank after", "a hyphen"),
        ("550no", "n", "a blank after", 'write "550 no"'),
        ("550\tno", "\t", "a blank after", 'write "550 no"'),
        ("550", "550", 'a text after "550"', 'write "550 REASON"'),
        ("550 ", "550 ", 'a text after "550"', 'write "550 REASON"'),
        ("550 a\nb", "\n", "one line", ""),
        ("550 grüße", "ü", 'found "ü"', ""),
        ("550 \x07", "\x07", "found the character U+0007", ""),
        ("\u0665\u0665\u0660 x", "\u0665", "printable ASCII", ""),
    ],
)
def test_what_cannot_be_sent_teaches(text: str, blamed: str, message: str, advice: str) -> None:
    """The error points at the first characters that do not fit, and says what a refusal looks like."""
    with pytest.raises(ReplyTextError) as caught:
        parse_reply_text(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert message in caught.value.message
    assert caught.value.help.startswith(advice)


@given(
    st.integers(400, 599),
    st.text(string.printable, min_size=1) | st.from_regex(r"[45]\.[0-9]\.[0-9]( x)?", fullmatch=True),
)
def test_a_printed_refusal_reads_back(code: int, text: str) -> None:
    """Printing loses nothing that reading kept."""
    try:
        reply = parse_reply_text(f"{code} {text}")
    except ReplyTextError:
        return
    assert parse_reply_text(str(reply)) == reply
    assert reply.code == code
