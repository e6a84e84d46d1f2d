"""LMTP: a message is answered once for each recipient (RFC 2033)."""

from __future__ import annotations

import pytest

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import EndOfContent, Limits, LocalProtocolError, Offer, ServerSession, State
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

LMTP = Offer(lmtp=True)
HELLO = b"LHLO client.test\r\n"
THREE = b"MAIL FROM:<a@elsewhere.test>\r\n" + b"".join(
    b"RCPT TO:<%s@local.test>\r\n" % name for name in (b"alice", b"nobody", b"bob", b"alice")
)
OK = Reply(code=250, lines=("Ok",))
NO = Reply(code=550, lines=("No",))
LATER = Reply(code=451, lines=("Later",))
GONE = Reply(code=421, lines=("Gone",))


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def asked(content: bytes = b"DATA\r\nx\r\n.\r\n") -> ServerSession:
    """Return a session that asks what becomes of a message for three recipients."""
    session = ServerSession(Limits(), LMTP, default_domain="mx.test")
    session.greet(Reply(code=220, lines=("mx.test",)))
    session.receive_data(HELLO + THREE.replace(b"nobody", b"root", 1).rpartition(b"RCPT")[0] + content)
    while not isinstance(event := session.next_event(), EndOfContent):
        if session.is_waiting:
            session.reply(Reply(code=354, lines=("Go",)) if type(event).__name__ == "Data" else OK)
    session.data_to_send()
    return session


def test_lhlo_takes_the_place_of_ehlo() -> None:
    """RFC 2033 §4.1: the others are unknown."""
    site = Site(offer=LMTP)

    assert codes(site.hear([b"EHLO x\r\nHELO x\r\nMAIL FROM:<>\r\n" + HELLO])) == [220, 500, 500, 503, 250]
    assert site.session.is_esmtp
    assert codes(Site().hear([HELLO])) == [220, 500]


@pytest.mark.parametrize("content", [b"DATA\r\nx\r\n.\r\n", b"BDAT 1\r\nxBDAT 2 LAST\r\n\r\n"])
def test_each_recipient_that_was_accepted_gets_a_reply(content: bytes) -> None:
    """RFC 2033 §4.2: also one that was named twice; then everything goes on as in SMTP."""
    site = Site(offer=LMTP)
    site.hear([HELLO + THREE])
    first = 354 if content.startswith(b"DATA") else 250

    assert codes(site.hear([content])) == [first, 250, 250, 250]
    assert [message.content for message in site.messages] == [b"x\n"]
    assert codes(site.hear([b"DATA\r\n" + THREE + b"DATA\r\n\0\r\n.\r\nNOOP\r\n"])) == [
        *[503, 250, 250, 550, 250, 250, 354],
        *[550] * 3,
        250,
    ]


def test_without_recipients_there_is_no_message() -> None:
    """RFC 2033 §4.2: 503 to DATA, as otherwise nothing would answer its end."""
    site = Site(offer=LMTP)

    assert codes(site.hear([HELLO + b"MAIL FROM:<>\r\nDATA\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n"])) == [
        220,
        250,
        250,
        503,
        503,
        250,
    ]


def test_recipients_may_fare_differently() -> None:
    """The replies come in the order of the recipients."""
    session = asked()
    session.reply_each([OK, LATER, NO])

    assert codes(session.data_to_send()) == [250, 451, 550]
    assert session.state is State.READY


@pytest.mark.parametrize(
    ("replies", "count"), [([NO, NO, NO], 1), ([NO, OK, NO], 0), ([LATER, LATER, LATER], 1), ([OK, OK, OK], 0)]
)
def test_a_message_counts_if_anybody_gets_it(replies: list[Reply], count: int) -> None:
    """RFC 5321 §4.5.3.1: a limit of one message is used up by one that was accepted."""
    session = ServerSession(Limits(max_mails=1), LMTP, default_domain="mx.test")
    session.greet(Reply(code=220, lines=("mx.test",)))
    group = b"MAIL FROM:<>\r\n" + b"RCPT TO:<a>\r\n" * 3
    session.receive_data(HELLO + group + b"BDAT 0 LAST\r\nMAIL FROM:<>\r\n")
    while not isinstance(session.next_event(), EndOfContent):
        session.reply(OK)
    session.reply_each(replies)
    session.data_to_send()
    session.next_event()

    assert session.is_waiting is (count == 1)
    assert codes(session.data_to_send()) == ([] if count else [452])


def test_421_for_one_ends_the_session() -> None:
    """Behind the replies for all."""
    session = asked()
    session.reply_each([OK, GONE, OK])

    assert session.is_closed
    assert codes(session.data_to_send()) == [250, 421, 250]


def test_a_chunk_that_is_not_the_last_is_answered_once() -> None:
    """Whatever it spoils; a refusal of the last is one for each."""
    site = Site(offer=LMTP)
    site.hear([HELLO + THREE])
    assert codes(site.hear([b"BDAT 1\r\n\0BDAT 1 LAST\r\nxNOOP\r\n"])) == [550, 503, 250]

    for line, count in ((b"BDAT 2\r\n", 1), (b"BDAT 2 LAST\r\n", 3)):
        session = ServerSession(Limits(), LMTP, default_domain="mx.test")
        session.greet(Reply(code=220, lines=("mx.test",)))
        group = b"MAIL FROM:<>\r\n" + b"RCPT TO:<a>\r\n" * 3
        session.receive_data(HELLO + group + b"BDAT 1\r\n\0" + group)
        while (event := session.next_event()) is not None:
            session.reply(NO if isinstance(event, EndOfContent) else OK)
        session.data_to_send()
        session.receive_data(line + b"\r\n")
        session.next_event()
        session.reply(NO)
        session.next_event()
        assert codes(session.data_to_send()) == [550] * count


def test_replies_for_each_are_for_lmtp_and_its_recipients() -> None:
    """Anything else is our mistake."""
    session = asked()
    for replies in ([], [OK], [OK] * 4):
        with pytest.raises(LocalProtocolError, match="one reply for each"):
            session.reply_each(replies)
    spoiled = asked(b"DATA\r\n\0\r\n.\r\n")
    with pytest.raises(LocalProtocolError, match="accepted for nobody"):
        spoiled.reply_each([NO, OK, NO])
    site = Site()
    with pytest.raises(LocalProtocolError, match="one reply for each"):
        site.session.reply_each([OK])
