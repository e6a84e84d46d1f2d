"""What holds for every session, whatever its octets are."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import (
    Auth,
    AuthResponse,
    ContentReceived,
    EndOfContent,
    Limits,
    Mail,
    Offer,
    Rcpt,
    Refused,
    ServerSession,
    State,
)
from smtpdsl.runtime.protocol.states import TRANSITIONS
from tests.runtime.dialogue import take_replies
from tests.runtime.protocol.strategies import BINARY_ENVELOPE, ENVELOPE, HELLO, PLAIN, listeners, speeches
from tests.runtime.site import Message, Site

# Every limit is met soon.
TIGHT = Limits(
    max_command_octets=80, max_message_octets=80, max_recipients=2, max_mails=2, max_errors=6, max_commands=30
)
NO = Reply(code=550, lines=("No",))
GONE = Reply(code=421, lines=("Gone",))
TLS = Offer(starttls=True)


def play(speeches: list[list[bytes]], offer: Offer) -> Site:
    """Let a site hear *speeches*, each in pieces; TLS comes up between them if it was asked for."""
    site = Site(TIGHT, offer)
    for number, pieces in enumerate(speeches):
        if number and site.session.state is State.SECURING:
            site.secure()
        site.hear(pieces)
    return site


def addressed(said: list[bytes], offer: Offer) -> list[bytes]:
    """Return *said* as a client says it to a listener with *offer*: in LMTP, LHLO for EHLO."""
    return [speech.replace(b"EHLO", b"LHLO") for speech in said] if offer.lmtp else said


def transcript(site: Site) -> tuple[list[object], list[Message], bytes, State]:
    """Return what has happened: events without the mail data, messages, answers, and the end."""
    events = [(type(event), tuple(event)) for event in site.events if not isinstance(event, ContentReceived)]
    return [*events], site.messages, site.sent, site.session.state


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """Cut *octets* at *places*."""
    cuts = sorted(place % (len(octets) + 1) for place in places)
    return [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]


@given(speeches(), listeners(), st.lists(st.integers(0, 2000), max_size=6))
@example([HELLO + ENVELOPE + b"DATA\r\nx\n.\r\n\r\n.\r\nNOOP\r\n"], TLS, [len(HELLO + ENVELOPE) + 9])
@example([HELLO + ENVELOPE + b"DATA\r\n\r.x\r\n..\r\n.\r\n"], TLS, [len(HELLO + ENVELOPE) + 7])
@example([HELLO + ENVELOPE + b"BDAT 3\r\nx\r\nBDAT 1 LAST\r\n.NOOP\r\n"], TLS, [len(HELLO + ENVELOPE) + 11])
@example(
    [HELLO + BINARY_ENVELOPE + b"BDAT 59 LAST\r\nMIME-Version:1\r\nContent-Transfer-Encoding:binary\r\n\r\n\0\r\nab"],
    TLS,
    [160],
)
@example([HELLO + b"STARTTLS\r\nNOOP\r\n", HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n"], TLS, [25, 26])
def test_chunk_boundaries_are_invisible(said: list[bytes], offer: Offer, places: list[int]) -> None:
    """A session does not depend on how TCP split its octets."""
    said = addressed(said, offer)
    whole = transcript(play([[speech] for speech in said], offer))

    assert transcript(play([cut(speech, places) for speech in said], offer)) == whole
    assert transcript(play([[bytes([octet]) for octet in speech] for speech in said], offer)) == whole


@given(speeches(), listeners())
def test_any_octets_are_answered(said: list[bytes], offer: Offer) -> None:
    """Nothing raises, each reply is whole and printable, and a closed session is silent."""
    site = play([[speech] for speech in addressed(said, offer)], offer)

    assert take_replies(site.sent)[0][0].startswith("220 ")
    for line in site.sent.split(b"\r\n")[:-1]:
        assert re.fullmatch(rb"[2-5][0-9]{2}[ -][ -~]*", line)
    if site.session.is_closed:
        assert site.hear([b"NOOP\r\n"]) == b""
        assert site.session.buffered_octets == 0


@given(speeches(), listeners(), st.integers(0, 30))
def test_a_session_can_be_ended_at_any_time(said: list[bytes], offer: Offer, count: int) -> None:
    """421 is the last thing that it says, if it can say anything."""
    said = addressed(said, offer)
    site = play([[speech] for speech in said[:-1]], offer)
    session = site.session
    session.receive_data(b"".join(said[-1:]))
    for _ in range(count):
        session.next_event()
        if session.is_waiting:
            session.reply(NO)
    is_securing = session.state is State.SECURING
    was_closed = session.is_closed
    session.data_to_send()
    session.refuse(GONE)

    assert session.is_closed
    assert not session.is_waiting
    assert session.next_event() is None
    assert session.data_to_send() == (b"" if is_securing or was_closed else b"421 Gone\r\n")
    session.refuse(GONE)
    assert session.data_to_send() == b""


@given(speeches(), listeners())
def test_what_a_site_may_believe(said: list[bytes], offer: Offer) -> None:
    """Whatever was said: what listeners demand was there, and no message holds what none may hold."""
    site = play([[speech] for speech in addressed(said, offer)], offer)

    for event in site.events:
        match event:
            case Mail(parameters=parameters):
                assert parameters.smtputf8 or str(event.reverse_path).isascii()
                assert offer.smtputf8 or not parameters.smtputf8
            case Rcpt():
                assert len(str(event.mailbox)) > 2
            case Auth() | AuthResponse():
                assert site.session.is_secure
    if site.messages:
        assert site.session.is_secure or not offer.needs_tls
        assert not offer.needs_auth or any(isinstance(event, Auth) for event in site.events)
    for message in site.messages:
        assert not {13, 0} & set(message.content)
        # What was binary needs a third more.
        assert len(message.content) <= TIGHT.max_message_octets * 4 // 3
        assert message.content == b"" or message.content.endswith(b"\n")
        assert message.recipients


@given(speeches(), st.lists(st.sampled_from(["yes", "no", "gone"]), max_size=12))
def test_the_table_says_every_state(said: list[bytes], answers: list[str]) -> None:
    """Whatever is answered, a session only goes where the table leads, and questions are those of the table."""
    session = ServerSession(TIGHT, TLS, default_domain="mx.test")
    session.secured(("PLAIN", "LOGIN"))
    session.greet(Reply(code=220, lines=("mx.test",)))
    reached = set(TRANSITIONS.values()) | {State.CONNECTED}
    for answer in answers:
        session.receive_data(b"".join(said))
        event = session.next_event()
        while event is not None and not session.is_waiting:
            assert isinstance(event, ContentReceived | Refused)
            event = session.next_event()
        if event is None:
            return
        assert (session.state, type(event)) in TRANSITIONS
        session.reply({"yes": _yes(event), "no": NO, "gone": GONE}[answer])
        assert session.state in reached
        assert session.is_closed or answer != "gone"


def _yes(event: object) -> Reply:
    """Return the best answer that *event* can get."""
    if isinstance(event, EndOfContent) and event.problem is not None:
        return event.problem
    code = {"Data": 354, "StartTls": 220, "Auth": 334, "AuthResponse": 235}.get(type(event).__name__, 250)
    return Reply(code=code, lines=("",))


@pytest.mark.parametrize("offer", [TLS, Offer(tolerates_bare_lf=True)])
def test_the_strategies_reach_everything(offer: Offer) -> None:
    """A long session of everything comes to messages, logins and refusals; the drawn ones are made of its parts."""
    site = Site(Limits(), offer)
    site.hear([HELLO, b"STARTTLS\r\n"])
    if site.session.state is State.SECURING:
        site.secure()
    site.hear(
        [HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n" + ENVELOPE + b"BDAT 2 LAST\r\n\r\n" + ENVELOPE + b"DATA\r\n.\r\n"]
    )

    assert [message.content for message in site.messages] == [b"\n", b""]
    assert site.session.is_authenticated is offer.starttls
