"""STARTTLS: nothing that was said in the clear is heard after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import (
    Limits,
    LocalProtocolError,
    Offer,
    ServerSession,
    StartTls,
    State,
)
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

WITH_TLS = Offer(starttls=True)
HELLO = b"EHLO client.test\r\n"
GREETING = Reply(code=220, lines=("mx.test",))
OK = Reply(code=250, lines=("Ok",))
GO = Reply(code=220, lines=("Go",))


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def asked(*, ahead: bytes = b"") -> ServerSession:
    """Return a session that was asked for TLS; the client has sent *ahead* in the same write."""
    session = ServerSession(Limits(), WITH_TLS, default_domain="mx.test")
    session.greet(GREETING)
    session.receive_data(HELLO + b"STARTTLS\r\n" + ahead)
    session.next_event()
    session.reply(OK)
    assert type(session.next_event()) is StartTls
    session.data_to_send()
    return session


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_what_was_sent_in_the_clear_is_gone(ahead: bytes, later: bytes, last: bytes) -> None:
    """In the same read, before the answer was given, or before TLS was up: none of it is ever looked at."""
    session = asked(ahead=b"NOOP\r\n" + ahead)
    session.receive_data(later)
    session.reply(GO)
    session.receive_data(last)

    states = [session.state]
    assert session.next_event() is None
    assert session.buffered_octets == 0
    session.secured()
    assert session.next_event() is None
    assert codes(session.data_to_send()) == [220]
    assert [*states, session.state] == [State.SECURING, State.GREETED]


def test_everything_begins_anew() -> None:
    """RFC 3207 §4.2: EHLO is due again, and offers no STARTTLS."""
    site = Site(offer=WITH_TLS)
    assert b"250-STARTTLS\r\n" in site.hear([HELLO])
    assert codes(site.hear([b"STARTTLS\r\nMAIL FROM:<>\r\n"])) == [220]
    site.secure()

    assert codes(site.hear([b"MAIL FROM:<>\r\n"])) == [503]
    assert site.session.is_secure
    assert not site.session.is_esmtp
    assert b"STARTTLS" not in site.hear([HELLO])
    assert codes(site.hear([b"STARTTLS\r\nMAIL FROM:<>\r\n"])) == [503, 250]


def test_what_was_used_up_stays_so() -> None:
    """TLS gives nobody more errors or messages than others have."""
    site = Site(Limits(max_errors=3), WITH_TLS)
    site.hear([HELLO + b"BOGUS\r\nBOGUS\r\nSTARTTLS\r\n"])
    site.secure()

    assert codes(site.hear([b"BOGUS\r\n"])) == [421]


@pytest.mark.parametrize(
    ("before", "line", "code"),
    [
        (b"", b"STARTTLS\r\n", 503),
        (HELLO, b"STARTTLS now\r\n", 501),
        (HELLO + b"MAIL FROM:<>\r\n", b"STARTTLS\r\n", 503),
        (HELLO + b"MAIL FROM:<>\r\nRCPT TO:<alice@local.test>\r\n", b"STARTTLS\r\n", 503),
        (HELLO + b"MAIL FROM:<>\r\nRCPT TO:<alice@local.test>\r\nBDAT 0\r\n", b"STARTTLS\r\n", 503),
    ],
)
def test_tls_comes_between_transactions_and_alone(before: bytes, line: bytes, code: int) -> None:
    """RFC 3207 §4: refused, it changes nothing."""
    site = Site(offer=WITH_TLS)
    site.hear([before])
    state = site.session.state

    assert codes(site.hear([line])) == [code]
    assert site.session.state is state
    assert not site.session.is_secure


def test_a_listener_without_tls_offers_none() -> None:
    """502, as ever."""
    site = Site()

    assert codes(site.hear([HELLO + b"STARTTLS\r\nNOOP\r\n"])) == [220, 250, 502, 250]


def test_tls_may_be_refused_for_now() -> None:
    """RFC 3207 §4: 454; the session goes on as it was, with what the client has sent ahead."""
    session = asked(ahead=b"NOOP\r\n")
    session.reply(Reply(code=454, lines=("Later",)))

    assert session.state is State.READY
    assert session.next_event() is not None


def test_nothing_is_said_while_tls_comes_up() -> None:
    """An end in the clear would be garbage to a client that waits for TLS."""
    session = asked()
    session.reply(GO)
    session.data_to_send()
    session.refuse(Reply(code=421, lines=("Gone",)))

    assert session.data_to_send() == b""
    assert session.is_closed


def test_tls_may_be_up_from_the_beginning() -> None:
    """smtps: before the greeting; what came before it is not heard either."""
    session = ServerSession(Limits(), Offer(starttls=True, auth=True, needs_tls=True), default_domain="mx.test")
    session.receive_data(b"QUIT\r\n")
    session.secured(("PLAIN",))
    session.greet(GREETING)
    session.receive_data(HELLO + b"MAIL FROM:<>\r\n")
    session.next_event()
    assert {"AUTH PLAIN", "STARTTLS"} & set(session.extensions) == {"AUTH PLAIN"}
    session.reply(OK)
    session.next_event()
    session.reply(OK)

    assert session.state is State.MAIL


def test_tls_comes_up_when_it_was_agreed_on() -> None:
    """At any other time it is our mistake."""
    session = asked()
    with pytest.raises(LocalProtocolError, match="250 is no reply to StartTls"):
        session.reply(OK)
    with pytest.raises(LocalProtocolError, match="TLS comes up"):
        session.secured()
    session.reply(GO)
    session.secured()
    with pytest.raises(LocalProtocolError, match="TLS comes up"):
        session.secured()
    early = ServerSession(Limits(), WITH_TLS, default_domain="mx.test")
    early.secured()
    with pytest.raises(LocalProtocolError, match="TLS comes up"):
        early.secured()
