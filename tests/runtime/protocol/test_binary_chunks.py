"""BODY=BINARYMIME: mail data of any octets, in chunks."""

from __future__ import annotations

import pytest

from smtpdsl.mail.binary_mime import MAX_HEADER_OCTETS, MAX_PARTS
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.server import ContentReceived, EndOfContent, Limits, Offer
from tests.runtime.dialogue import take_replies
from tests.runtime.protocol.test_chunks import ENVELOPE, HELLO, chunked, codes
from tests.runtime.site import Site

BINARY = ENVELOPE.replace(b">\r\n", b"> BODY=BINARYMIME\r\n", 1)
MESSAGE = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n.\r\n\r"
STORED = b"MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nAA0KLg0KDQ==\n"
MIXED = b"MIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=x\r\n\r\n"


@pytest.mark.parametrize("length", [1, 7, 30, 1000])
def test_chunks_may_end_anywhere(length: int) -> None:
    """What comes of them is one message of lines."""
    site = Site()
    chunks = [MESSAGE[start : start + length] for start in range(0, len(MESSAGE), length)]

    assert set(codes(site.hear([HELLO + BINARY + chunked(*chunks)]))[1:]) == {250}
    assert [message.content for message in site.messages] == [STORED]


def test_the_next_message_is_one_of_lines_again() -> None:
    """Unless it is announced as this one was."""
    site = Site()

    assert codes(site.hear([HELLO + BINARY + chunked(MESSAGE) + ENVELOPE + chunked(MESSAGE)]))[-1] == 550
    assert codes(site.hear([BINARY + chunked(MESSAGE)]))[-1] == 250
    assert len(site.messages) == 2


def pieces(said: bytes) -> list[int]:
    """Return how long each piece of a binary message is that somebody sees."""
    site = Site()
    site.hear([HELLO + BINARY + said])
    return [len(event.octets) for event in site.events if isinstance(event, ContentReceived)]


def test_others_have_their_turn_soon() -> None:
    """It is handed out in small pieces, for each octet may begin a part: whoever counts what is done sees them."""
    parts = b"--x\r\n\r\n" * (MAX_PARTS - 1)
    found = pieces(chunked(MIXED % b"mixed" + parts))

    assert len(found) >= len(parts) // 4096
    assert max(found) <= 4096


def test_work_of_which_nothing_comes_is_seen_too() -> None:
    """A header that is not complete is held back; also where it comes octet by octet."""
    assert pieces(b"BDAT 1\r\nX" * 500) == [0] * 500
    assert pieces(chunked(b"X: " + b"x" * 40_960 + b"\r\n", b"\r\n"))[:10] == [0] * 10


@pytest.mark.parametrize("offer", [Offer(), Offer(lmtp=True), Offer(tolerates_bare_lf=True)])
def test_data_cannot_carry_it(offer: Offer) -> None:
    """RFC 3030 §3; the transaction goes on, and BDAT can."""
    site = Site(offer=offer)
    hello = HELLO.replace(b"EHLO", b"LHLO") if offer.lmtp else HELLO

    assert codes(site.hear([hello + BINARY + b"DATA\r\n" + chunked(MESSAGE)]))[2:] == [250, 250, 503, 250]
    assert [message.content for message in site.messages] == [STORED]


def test_where_chunks_are_not_offered_this_is_not_either() -> None:
    """It is a value that nobody has heard of."""
    site = Site(offer=Offer(chunking=False))

    assert b"BINARYMIME" not in site.hear([HELLO])
    assert codes(site.hear([BINARY])) == [501, 503]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: b\r\n\r\n\0", own_replies.BINARY_HAS_NUL),
        (b"a: b\r\n\r\nc\rd", own_replies.BINARY_HAS_BARE_CR),
        (b"a: b\nc: d\r\n\r\n", own_replies.BINARY_HAS_BARE_LF),
        (b"a: b\r\n" * (MAX_HEADER_OCTETS // 6 + 1), own_replies.BINARY_HAS_ENDLESS_HEADER),
        (MIXED % b"mixed" + b"--x\r\n" * MAX_PARTS, own_replies.BINARY_HAS_MANY_PARTS),
        (MIXED % b"signed" + b"--x\r\n" + MESSAGE, own_replies.BINARY_IS_SIGNED),
        (MESSAGE + b"x" * 500_000, own_replies.CONTENT_TOO_BIG),
        (b"a: b\r\n\r\n\0" + b"x" * 500_000, own_replies.CONTENT_TOO_BIG),
    ],
)
@pytest.mark.parametrize("offer", [Offer(), Offer(tolerates_bare_lf=True)])
def test_a_refusal_says_why(content: bytes, problem: Reply, offer: Offer) -> None:
    """Behind the chunk that spoils the message; the others are swallowed."""
    site = Site(Limits(max_message_octets=500_000), offer)
    status = f"{problem.code} {problem.enhanced_status} {problem.lines[0]}"

    answered = take_replies(site.hear([HELLO + BINARY + chunked(content) + BINARY + chunked(content, b"x") + BINARY]))
    assert [each[-1] for each in answered[4:5] + answered[7:8]] == [status, status]
    assert codes(site.hear([chunked(MESSAGE)])) == [250]
    assert [message.content for message in site.messages] == [STORED]


def test_the_limit_counts_what_the_client_sends() -> None:
    """Every octet of it, and not what becomes of it."""
    limit = len(MESSAGE)

    for octets, code in ((MESSAGE, 250), (MESSAGE + b"x", 552)):
        assert codes(Site(Limits(max_message_octets=limit)).hear([HELLO + BINARY + chunked(octets)]))[-1] == code
    assert len(STORED) > limit


HEADER = b"BDAT 100000\r\n" + b"a: b\r\n" * 10_000


def test_what_is_held_is_known() -> None:
    """A header section until its end, and nothing afterwards."""
    site = Site()
    site.hear([HELLO + BINARY + HEADER])
    assert site.session.held_octets > 59_000
    site.hear([b"\r\n" + b"x" * 39_998])
    assert site.session.held_octets < 10


@pytest.mark.parametrize("line", [b"RSET\r\n", HELLO, b"BDAT x\r\n", b"QUIT\r\n"])
def test_nothing_is_held_of_a_message_that_is_given_up(line: bytes) -> None:
    """However long the session lasts."""
    site = Site()
    site.hear([HELLO + BINARY + HEADER + b"b: c" * 10_000 + b"NOOP\r\n"])
    assert site.session.held_octets > 99_000
    site.hear([line])
    assert site.session.held_octets == 0


def test_the_size_is_that_of_what_was_handed_out() -> None:
    """Of what is refused, that of what came: it is the same however that is cut."""
    site = Site(Limits(max_message_octets=100))
    site.hear([HELLO + BINARY + chunked(MESSAGE) + BINARY + chunked(MESSAGE + b"x" * 99)])

    sizes = [event.size for event in site.events if isinstance(event, EndOfContent)]
    assert sizes == [len(STORED), len(MESSAGE) + 99]
