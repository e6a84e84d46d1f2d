"""The server's side of a session, without I/O; `test_any_session` has what holds for any octets."""

from __future__ import annotations

import pytest

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import (
    ContentReceived,
    EndOfContent,
    Limits,
    LocalProtocolError,
    Noop,
    Offer,
    Refused,
    ServerSession,
    State,
)
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

OK = Reply(code=250, lines=("Ok",))
GO_AHEAD = Reply(code=354, lines=("Go",))
NO = Reply(code=550, lines=("No",))
GONE = Reply(code=421, lines=("Gone",))

HELLO = b"EHLO client.test\r\n"
ENVELOPE = b"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<alice@local.test>\r\n"
# Every limit is met soon.
TIGHT = Limits(max_command_octets=80, max_message_octets=60, max_recipients=2, max_mails=2, max_errors=6)


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def greeted(limits: Limits = TIGHT) -> ServerSession:
    """Return a session whose client may speak."""
    session = ServerSession(limits, default_domain="mx.test")
    session.greet(Reply(code=220, lines=("mx.test",)))
    session.data_to_send()
    return session


def in_state(state: State) -> ServerSession:
    """Return a session in *state*, with nothing to send."""
    session = greeted()
    words = [HELLO, *ENVELOPE.splitlines(keepends=True), b"DATA\r\n"]
    for word in words[: [State.GREETED, State.READY, State.MAIL, State.RCPT, State.DATA].index(state)]:
        session.receive_data(word)
        assert session.next_event() is not None
        session.reply(GO_AHEAD if word == b"DATA\r\n" else OK)
    session.data_to_send()
    assert session.state is state
    return session


# ---------------------------------------------------------------- the greeting


def test_nothing_is_read_before_the_greeting() -> None:
    """RFC 5321 §4.3.1: the server speaks first; a client that did not wait is answered behind it."""
    session = ServerSession(TIGHT, default_domain="mx.test")
    session.receive_data(HELLO)
    assert session.is_waiting
    assert session.next_event() is None
    assert session.buffered_octets == len(HELLO)
    assert session.data_to_send() == b""

    session.greet(Reply(code=220, lines=("mx.test",)))

    assert session.next_event() is not None
    session.reply(OK)
    assert codes(session.data_to_send()) == [220, 250]


def test_a_refused_client_may_only_leave() -> None:
    """RFC 5321 §3.1: after 554 everything is out of order but QUIT."""
    session = ServerSession(TIGHT, default_domain="mx.test")
    session.greet(Reply(code=554, lines=("No",)))
    session.receive_data(HELLO + b"RSET\r\n")
    assert [type(session.next_event()), type(session.next_event())] == [Refused, Refused]
    session.receive_data(b"QUIT\r\n")
    session.next_event()
    session.reply(Reply(code=221, lines=("Bye",)))

    assert codes(session.data_to_send()) == [554, 503, 503, 221]
    assert session.is_closed


def test_a_greeting_of_421_closes() -> None:
    """Nobody is heard."""
    session = ServerSession(TIGHT, default_domain="mx.test")
    session.greet(GONE)

    assert session.is_closed


# ---------------------------------------------------------------- states and replies


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (State.GREETED, HELLO),
        (State.READY, b"MAIL FROM:<>\r\n"),
        (State.MAIL, b"RCPT TO:<alice@local.test>\r\n"),
        (State.RCPT, b"RCPT TO:<alice@local.test>\r\n"),
        (State.RCPT, b"DATA\r\n"),
        (State.RCPT, HELLO),
        (State.RCPT, b"RSET\r\n"),
    ],
)
def test_a_refused_command_changes_nothing(state: State, line: bytes) -> None:
    """Whatever the policy says no to has not happened."""
    session = in_state(state)
    session.receive_data(line)
    session.next_event()
    session.reply(NO)

    assert session.state is state
    assert codes(session.data_to_send()) == [550]


@pytest.mark.parametrize("reply", [OK, NO, Reply(code=451, lines=("Later",))])
def test_the_end_of_the_mail_data_ends_the_transaction(reply: Reply) -> None:
    """RFC 5321 §4.1.1.4: also when the message is refused."""
    session = in_state(State.DATA)
    session.receive_data(b"x\r\n.\r\nRCPT TO:<bob@local.test>\r\nDATA\r\n")
    assert session.next_event() == ContentReceived(b"x\n")
    assert session.next_event() == EndOfContent(2, None)
    session.reply(reply)

    assert session.state is State.READY
    assert [type(session.next_event()), type(session.next_event())] == [Refused, Refused]
    assert codes(session.data_to_send()) == [reply.code, 503, 503]


def test_every_421_closes() -> None:
    """Whatever it answers; what was sent ahead is forgotten."""
    session = in_state(State.RCPT)
    session.receive_data(b"NOOP\r\nNOOP\r\n")
    session.next_event()
    session.reply(GONE)

    assert session.is_closed
    assert session.next_event() is None
    assert codes(session.data_to_send()) == [421]


def test_ehlo_and_helo_are_told_apart() -> None:
    """The last one that was accepted counts."""
    session = greeted()
    found = []
    for line, reply in ((b"HELO x\r\n", OK), (HELLO, OK), (b"HELO x\r\n", NO), (b"HELO x\r\n", OK)):
        session.receive_data(line)
        session.next_event()
        session.reply(reply)
        found.append(session.is_esmtp)

    assert found == [False, True, True, False]


def test_mail_data_is_expected_after_354_and_in_chunks() -> None:
    """For clocks, which are stricter with commands."""
    found = []
    session = in_state(State.RCPT)
    for octets, reply in ((b"BDAT 2\r\n", OK), (b"\r\n", None), (b"BDAT 1\r\n", None), (b"\rRSET\r\n", OK)):
        session.receive_data(octets)
        while session.next_event() is not None and not session.is_waiting:
            pass
        if reply is not None:
            session.reply(reply)
        found.append(session.is_receiving)

    assert found == [True, False, True, False]
    assert in_state(State.DATA).is_receiving


def test_one_question_waits_for_one_reply() -> None:
    """Nothing else happens meanwhile, and a reply without a question is our mistake."""
    session = greeted()
    session.receive_data(b"NOOP\r\nNOOP\r\n")
    assert type(session.next_event()) is Noop
    assert session.is_waiting
    assert session.next_event() is None
    session.reply(OK)
    assert not session.is_waiting

    assert type(session.next_event()) is Noop
    session.reply(OK)
    assert session.next_event() is None
    for answer in (session.reply, session.greet):
        with pytest.raises(LocalProtocolError):
            answer(OK)


def test_some_replies_answer_no_question() -> None:
    """354 is for DATA alone and DATA is not answered 250; a message with a problem is never accepted."""
    session = in_state(State.RCPT)
    session.receive_data(b"NOOP\r\nDATA\r\n\r\n\0\r\n.\r\n")
    session.next_event()
    with pytest.raises(LocalProtocolError, match="354 is no reply to Noop"):
        session.reply(GO_AHEAD)
    session.reply(OK)
    session.next_event()
    with pytest.raises(LocalProtocolError, match="250 is no reply to Data"):
        session.reply(OK)
    session.reply(GO_AHEAD)
    assert isinstance(session.next_event(), EndOfContent)
    with pytest.raises(LocalProtocolError, match="250 is no reply to EndOfContent"):
        session.reply(OK)


# ---------------------------------------------------------------- limits


def test_recipients_are_limited() -> None:
    """RFC 5321 §4.5.3.1.10: 452 for the rest, which is no error.  Refused ones do not count; MAIL starts anew."""
    site = Site(TIGHT)
    group = (
        b"MAIL FROM:<>\r\nRCPT TO:<x@foreign.test>\r\nRCPT TO:<bob@local.test>\r\n"
        + b"RCPT TO:<alice@local.test>\r\n" * 9
    )

    assert codes(site.hear([HELLO + group]))[2:] == [250, 550, 250, 250] + [452] * 8
    assert codes(site.hear([b"RSET\r\n" + group])) == [250, 250, 550, 250, 250] + [452] * 8


def test_messages_are_limited() -> None:
    """Only those that were accepted count."""
    site = Site(TIGHT)
    site.hear([HELLO])
    found = []
    for content in (b"x\r\n", b"\0\r\n", b"x" * 61 + b"\r\n", b"x\r\n"):
        found += codes(site.hear([ENVELOPE + b"DATA\r\n" + content + b".\r\n"]))

    assert found == [250, 250, 354, 250, 250, 250, 354, 550, 250, 250, 354, 552, 250, 250, 354, 250]
    assert codes(site.hear([ENVELOPE])) == [452, 503]


def test_errors_are_limited() -> None:
    """The last one is answered 421, and what follows is not heard; refusals of the policy are no errors."""
    site = Site(TIGHT)
    site.hear([HELLO + b"MAIL FROM:<>\r\n" + b"RCPT TO:<x@foreign.test>\r\n" * 20])

    assert codes(site.hear([b"BOGUS\r\n" * 5 + b"DATA now\r\nNOOP\r\n"])) == [500] * 5 + [421]
    assert site.session.is_closed


def test_commands_that_lead_nowhere_are_limited() -> None:
    """Recipients that were accepted do not count, those that do not exist do, and a message starts anew."""
    site = Site(Limits(max_commands=10))
    site.hear([HELLO + b"NOOP\r\n" * 6])
    recipients = b"RCPT TO:<alice@local.test>\r\n" * 30
    assert set(codes(site.hear([ENVELOPE + recipients + b"DATA\r\n.\r\n"]))) == {250, 354}

    assert codes(site.hear([ENVELOPE + b"RCPT TO:<x@foreign.test>\r\n" * 9 + b"NOOP\r\n"])) == [
        *[250, 250],
        *[550] * 9,
        421,
    ]
    assert site.session.is_closed


def test_a_message_that_is_too_big_is_swallowed() -> None:
    """None of it is kept by anybody, and the session goes on."""
    session = in_state(State.DATA)
    for _ in range(100):
        session.receive_data(b"x" * 10_000)
        assert session.next_event() is None
        assert session.buffered_octets == 0
    session.receive_data(b"\r\n.\r\n")
    event = session.next_event()

    assert isinstance(event, EndOfContent)
    assert event.problem is not None
    assert event.problem.code == 552


def test_a_browser_is_not_heard_whatever_it_asks_for() -> None:
    """The line may be too long, or hold anything: what follows it could be made up by somebody else."""
    for line in (b"GET /" + b"x" * 100, b"post /\0", b"CONNECT mx.test:25 HTTP/1.1"):
        site = Site(TIGHT)

        assert codes(site.hear([line + b"\r\nNOOP\r\n"])) == [220, 500]
        assert site.session.is_closed


# ---------------------------------------------------------------- what is told


def test_refused_commands_are_reported_with_their_reply() -> None:
    """For the log: the command as it was sent, and what was answered."""
    site = Site(TIGHT)
    site.hear([b"BOGUS \x1b\xff\r\n"])
    [refused] = site.events

    assert isinstance(refused, Refused)
    assert refused.command_line == "BOGUS \x1b\udcff"
    assert str(refused.reply) == "500 5.5.1 Command unknown"


def test_the_last_command_is_known() -> None:
    """For refusals of the policy."""
    session = in_state(State.READY)
    session.receive_data(b"MAIL FROM:<a@b.test>  SIZE=1\r\nNOOP\r\n")
    session.next_event()

    assert session.last_command == "MAIL FROM:<a@b.test>  SIZE=1"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN (...)"),
        (b"auth login YWxpY2U=", "AUTH login (...)"),
        (b"AUTH  PLAIN  AGFsaWNlAHNlY3JldA==", "AUTH PLAIN (...)"),
        (b" AUTH=PLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN (...)"),
        (b"AUTH\tLOGIN\tYWxpY2U=", "AUTH LOGIN (...)"),
        (b"AUTH AGFsaWNlAHNlY3JldA==", "AUTH (...)"),
        (b"AUTH LOGIN", "AUTH LOGIN (...)"),
        (b"AUTHPLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN (...)"),
        (b"AUTH", "AUTH"),
        (b"AUTHOR joe", "AUTHOR joe"),
        (b"MAIL FROM:<> AUTH=<>", "MAIL FROM:<> AUTH=<>"),
    ],
)
def test_no_password_is_told(line: bytes, shown: str) -> None:
    """Also when AUTH is not offered."""
    site = Site(TIGHT)
    site.hear([line + b"\r\n"])

    assert site.session.last_command == shown


def test_extensions_are_offered_with_their_limits() -> None:
    """SIZE says how much (RFC 1870 §4); the others are as given."""
    session = ServerSession(TIGHT, Offer(dsn=True, chunking=False), default_domain="mx.test")

    assert session.extensions == (
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "SIZE 60",
        "DSN",
        "LIMITS RCPTMAX=2 MAILMAX=2",
        "HELP",
    )


def test_parameters_depend_on_the_extensions() -> None:
    """DSN is understood where it is offered."""
    line = b"MAIL FROM:<> RET=FULL\r\n"

    assert codes(Site(TIGHT).hear([HELLO + line]))[2:] == [555]
    assert codes(Site(TIGHT, Offer(dsn=True)).hear([HELLO + line]))[2:] == [250]
