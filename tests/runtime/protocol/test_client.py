"""The sending side of a session, without a network."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.protocol.client import (
    ClientSession,
    ContentWanted,
    Event,
    Failed,
    Finished,
    Phase,
    Ready,
    Transaction,
    Verdict,
)
from smtpdsl.runtime.protocol.client_states import ACCEPTED, REFUSED, State
from smtpdsl.runtime.protocol.client_verdicts import MAX_TEXT_OCTETS, Judgement, temporary

OK, TEMPORARY, PERMANENT = Judgement.ACCEPTED, Judgement.TEMPORARY, Judgement.PERMANENT
PIPELINING = "250-peer.example\r\n250 PIPELINING\r\n"
ONE = Transaction(ReversePath.parse("<a@b.example>"), (Mailbox.parse("x@y.example"),), size=4)
THREE = ONE._replace(recipients=tuple(Mailbox.parse(f"{name}@y.example") for name in ("one", "two", "three")))


def new_session() -> ClientSession:
    """Return a session that waits for the greeting."""
    return ClientSession("peer:25", "client.example", "server.example")


def hear(core: ClientSession, text: str) -> str:
    """Let the server say *text*, and return what the client says to it."""
    core.receive_data(text.encode("latin-1"))
    return core.data_to_send().decode("latin-1")


def events(core: ClientSession) -> list[Event]:
    """Return everything that has happened."""
    return list(iter(core.next_event, None))


def kinds(core: ClientSession) -> list[type[Event]]:
    """Return what kind of thing has happened."""
    return [type(event) for event in events(core)]


def ready(ehlo: str = "250 peer.example\r\n") -> ClientSession:
    """Return a session whose server has answered *ehlo* to EHLO, and waits for a transaction."""
    core = new_session()
    assert hear(core, "220 peer.example\r\n") == "EHLO client.example\r\n"
    assert hear(core, ehlo) == ""
    assert kinds(core) == [Ready]
    return core


def begin(core: ClientSession, transaction: Transaction = ONE) -> str:
    """Begin *transaction*, and return what the client says."""
    core.begin(transaction)
    return core.data_to_send().decode("latin-1")


def end(core: ClientSession, content: bytes = b"hi\n") -> str:
    """Send the message that the server waits for, and return how."""
    assert kinds(core) == [ContentWanted]
    core.send_content(content)
    core.end_content()
    return core.data_to_send().decode("latin-1")


def finish(core: ClientSession) -> tuple[Verdict, ...]:
    """Return the verdicts of the transaction that has ended."""
    [event] = events(core)
    assert isinstance(event, Finished)
    return event.verdicts


def failure(core: ClientSession) -> Verdict:
    """Return why the session never became ready."""
    [event] = events(core)
    assert isinstance(event, Failed)
    return event.verdict


# ---------------------------------------------------------------- the dialogue


def test_a_message_is_sent_step_by_step() -> None:
    """Without PIPELINING each command waits for its answer."""
    core = ready()

    assert begin(core) == "MAIL FROM:<a@b.example>\r\n"
    assert hear(core, "250 ok\r\n") == "RCPT TO:<x@y.example>\r\n"
    assert hear(core, "250 ok\r\n") == "DATA\r\n"
    assert hear(core, "354 go\r\n") == ""
    assert end(core) == "hi\r\n.\r\n"
    assert hear(core, "250 2.0.0 queued as X\r\n") == ""
    assert finish(core) == (Verdict(OK, "250 2.0.0 queued as X", "2.0.0"),)


def test_commands_are_sent_together_where_the_server_offers_it() -> None:
    """RFC 2920: MAIL, RCPT and DATA go in one write; the answers come as they come."""
    core = ready(PIPELINING)

    recipients = "".join(f"RCPT TO:<{name}@y.example>\r\n" for name in ("one", "two", "three"))
    assert begin(core, THREE) == f"MAIL FROM:<a@b.example>\r\n{recipients}DATA\r\n"
    assert hear(core, "250 ok\r\n250 ok\r\n") == ""
    assert hear(core, "550 5.1.1 no\r\n251 ok\r\n354 go\r\n") == ""
    assert end(core) == "hi\r\n.\r\n"
    assert hear(core, "250 queued\r\n") == ""
    assert finish(core) == (
        Verdict(OK, "250 queued", "2.0.0"),
        Verdict(PERMANENT, "550 5.1.1 no (said peer:25 to RCPT)", "5.1.1"),
        Verdict(OK, "250 queued", "2.0.0"),
    )


def test_one_session_sends_several_messages() -> None:
    """A transaction that stopped half-way is reset before the next one begins."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, "250 ok\r\n250 ok\r\n354 go\r\n")
    end(core)
    hear(core, "250 ok\r\n")
    assert [verdict.judgement for verdict in finish(core)] == [OK]

    assert begin(core).startswith("MAIL")
    hear(core, "250 ok\r\n550 no\r\n503 no\r\n")
    assert [verdict.judgement for verdict in finish(core)] == [PERMANENT]

    assert begin(core).startswith("RSET\r\nMAIL")
    hear(core, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert end(core, b".\n") == "..\r\n.\r\n"
    hear(core, "250 ok\r\n")
    assert [verdict.judgement for verdict in finish(core)] == [OK]


def test_a_server_that_does_not_know_ehlo_gets_helo() -> None:
    """RFC 5321 §3.2; nothing is offered by the answer to HELO."""
    core = new_session()
    hear(core, "220 peer.example\r\n")

    assert hear(core, "502 5.5.1 what?\r\n") == "HELO client.example\r\n"
    assert hear(core, "250-peer.example\r\n250 PIPELINING\r\n") == ""
    assert kinds(core) == [Ready]
    assert begin(core) == "MAIL FROM:<a@b.example>\r\n"


def test_the_session_ends_with_quit() -> None:
    """Whatever is answered to it."""
    core = ready()
    core.quit()

    assert core.data_to_send() == b"QUIT\r\n"
    assert core.phase is Phase.QUIT
    assert hear(core, "554 no\r\n") == ""
    assert core.is_closed


@pytest.mark.parametrize("answers", ["", "250 ok\r\n", "250 ok\r\n250 ok\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"])
def test_quit_is_never_said_into_a_transaction(answers: str) -> None:
    """Where an answer is due, or a message, QUIT would be taken for something else."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, answers)
    core.quit()

    assert core.data_to_send() == b""
    assert core.is_closed


# ---------------------------------------------------------------- extensions


@pytest.mark.parametrize(
    ("ehlo", "is_8bit", "mail"),
    [
        ("250 peer\r\n", True, "MAIL FROM:<a@b.example>"),
        ("250-peer\r\n250 SIZE\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        ("250-peer\r\n250 size 4\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        ("250-peer\r\n250 SIZE 0\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        ("250-peer\r\n250 SIZE three\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        (f"250-peer\r\n250 SIZE {'9' * 21}\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        (f"250-peer\r\n250 SIZE {'9' * 3000}\r\n", False, "MAIL FROM:<a@b.example> SIZE=4"),
        ("250-peer\r\n250 8BITMIME\r\n", False, "MAIL FROM:<a@b.example>"),
        ("250-peer\r\n250 8BITMIME\r\n", True, "MAIL FROM:<a@b.example> BODY=8BITMIME"),
        (
            "250-SIZE\r\n250-8BITMIME\r\n250-SIZE=3\r\n250--SIZE 3\r\n250 \r\n",
            True,
            MAIL_8BIT := "MAIL FROM:<a@b.example> BODY=8BITMIME",
        ),
        ("250-peer\r\n250-SIZE 9\r\n250-8BITMIME\r\n250 DSN\r\n", True, "MAIL FROM:<a@b.example> SIZE=4 BODY=8BITMIME"),
    ],
)
def test_parameters_of_mail_are_what_the_server_offers(ehlo: str, mail: str, *, is_8bit: bool) -> None:
    """SIZE and BODY are said where they are offered; lines that make no sense offer nothing."""
    assert begin(ready(ehlo), ONE._replace(is_8bit=is_8bit)) == f"{mail}\r\n"


def test_the_null_reverse_path_and_quoted_names_are_written_as_rfc_5321_has_them() -> None:
    """A local part is quoted again where it must be."""
    core = ready(PIPELINING)
    recipient = Mailbox.parse('"a b"@[192.0.2.1]')

    assert begin(core, Transaction(ReversePath(), (recipient,), 4)) == (
        'MAIL FROM:<>\r\nRCPT TO:<"a b"@[192.0.2.1]>\r\nDATA\r\n'
    )


def test_a_message_that_is_too_long_is_not_offered() -> None:
    """RFC 1870 §6.2: the server has said that it refuses such a message."""
    core = ready("250-peer\r\n250 SIZE 3\r\n")

    assert begin(core, THREE) == ""
    text = "the message has 4 octets, and peer:25 takes at most 3"
    assert finish(core) == (Verdict(PERMANENT, text, "5.3.4"),) * 3
    assert core.state is State.READY


@pytest.mark.parametrize(
    ("local_part", "text", "status"),
    [
        (
            "jörg",
            "the recipient j\\xf6rg@y.example is not ASCII, which peer:25 would have to offer SMTPUTF8 for",
            "5.6.7",
        ),
        ("a\r\nDATA", 'the recipient "a\\r\\nDATA"@y.example has characters that no SMTP command can hold', "5.1.3"),
        ("a\x00", 'the recipient "a\\x00"@y.example has characters that no SMTP command can hold', "5.1.3"),
    ],
)
def test_an_address_that_no_command_can_hold_is_never_said(local_part: str, text: str, status: str) -> None:
    """The other recipients get the message."""
    core = ready(PIPELINING)
    odd = Mailbox(local_part=local_part, domain="y.example")

    said = begin(core, ONE._replace(recipients=(odd, *ONE.recipients)))

    assert said == "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n"
    hear(core, "250 ok\r\n250 ok\r\n354 go\r\n")
    end(core)
    hear(core, "250 ok\r\n")
    assert finish(core) == (Verdict(PERMANENT, text, status), Verdict(OK, "250 ok", "2.0.0"))


def test_a_sender_that_no_command_can_hold_is_never_said() -> None:
    """Then nobody gets the message."""
    core = ready()
    path = ReversePath(mailbox=Mailbox(local_part="a\r\nRSET", domain="y.example"))

    assert begin(core, THREE._replace(reverse_path=path)) == ""
    assert {verdict.judgement for verdict in finish(core)} == {PERMANENT}


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (["550 5.7.1 no"], Verdict(PERMANENT, "550 5.7.1 no (said peer:25 to MAIL)", "5.7.1")),
        (["451 later"], Verdict(TEMPORARY, "451 later (said peer:25 to MAIL)", "4.0.0")),
        (
            ["250 ok", "550-5.1.1 no\r\n550 5.1.1 such"],
            Verdict(PERMANENT, "550 5.1.1 no such (said peer:25 to RCPT)", "5.1.1"),
        ),
        (["250 ok", "550"], Verdict(PERMANENT, "550 (said peer:25 to RCPT)", "5.0.0")),
        (["250 ok", "550 5.7.1"], Verdict(PERMANENT, "550 5.7.1 (said peer:25 to RCPT)", "5.7.1")),
        (["250 ok", "450 4.2.1 full"], Verdict(TEMPORARY, "450 4.2.1 full (said peer:25 to RCPT)", "4.2.1")),
        (["250 ok", "250 ok", "554 no"], Verdict(PERMANENT, "554 no (said peer:25 to DATA)", "5.0.0")),
        (["250 ok", "250 ok", "451 no"], Verdict(TEMPORARY, "451 no (said peer:25 to DATA)", "4.0.0")),
        (
            ["250 ok", "250 ok", "354 go", "554 5.6.0 no"],
            Verdict(PERMANENT, "554 5.6.0 no (said peer:25 to the message)", "5.6.0"),
        ),
        (
            ["250 ok", "250 ok", "354 go", "452 4.3.1 no"],
            Verdict(TEMPORARY, "452 4.3.1 no (said peer:25 to the message)", "4.3.1"),
        ),
    ],
)
@pytest.mark.parametrize("ehlo", ["250 peer\r\n", PIPELINING])
def test_a_refusal_is_for_good_or_for_now(answers: Sequence[str], verdict: Verdict, ehlo: str) -> None:
    """5yz is permanent and 4yz temporary, with PIPELINING or without; the session goes on."""
    core = ready(ehlo)
    begin(core)
    # What follows a refusal is refused, too.
    for answer in [*answers, *["503 no"] * 3]:
        if core.phase not in {Phase.CONTENT, Phase.IDLE}:
            hear(core, f"{answer}\r\n")
        if core.phase is Phase.CONTENT:
            end(core)

    assert finish(core) == (verdict,)
    assert not core.is_closed
    core.quit()
    assert core.data_to_send() == b"QUIT\r\n"


def test_without_a_recipient_no_message_is_asked_for() -> None:
    """Where commands wait for answers, DATA is not said in vain."""
    core = ready()
    begin(core, THREE)
    hear(core, "250 ok\r\n")

    assert hear(core, "550 no\r\n") == "RCPT TO:<two@y.example>\r\n"
    assert hear(core, "450 no\r\n") == "RCPT TO:<three@y.example>\r\n"
    assert hear(core, "550 no\r\n") == ""
    assert [verdict.judgement for verdict in finish(core)] == [PERMANENT, TEMPORARY, PERMANENT]


@pytest.mark.parametrize("mail", ["250 ok", "550 no"])
@pytest.mark.parametrize("dot", ["250 ok", "554 no"])
def test_a_message_to_nobody_is_ended_at_once(mail: str, dot: str) -> None:
    """RFC 2920 §3.1: DATA accepted without a recipient gets a lone dot, whose answer changes nothing."""
    core = ready(PIPELINING)
    begin(core, ONE)

    assert hear(core, f"{mail}\r\n550 5.1.1 no\r\n354 go\r\n") == ".\r\n"
    assert core.phase is Phase.END
    hear(core, f"{dot}\r\n")
    assert [verdict.judgement for verdict in finish(core)] == [PERMANENT]
    assert core.state is State.READY


@pytest.mark.parametrize(
    ("greeting", "text", "status"),
    [
        ("554 5.7.1 go away", "554 5.7.1 go away (said peer:25 as its greeting)", "4.7.1"),
        ("450 busy", "450 busy (said peer:25 as its greeting)", "4.0.0"),
        ("421 4.3.2 busy", "421 4.3.2 busy (said peer:25 as its greeting)", "4.3.2"),
        ("250 hello", "unexpected answer of peer:25 as its greeting: 250 hello", "4.5.0"),
        ("354 go", "unexpected answer of peer:25 as its greeting: 354 go", "4.5.0"),
        ("hello", "malformed answer of peer:25 as its greeting: expected a code from 200 to 599", "4.5.0"),
    ],
)
def test_a_greeting_that_is_no_welcome_is_temporary(greeting: str, text: str, status: str) -> None:
    """It is about the server and no recipient: another server, or the same one later, may take the message."""
    core = new_session()

    assert hear(core, f"{greeting}\r\n") == ""
    found = failure(core)
    assert (found.judgement, found.text[: len(text)], found.status) == (TEMPORARY, text, status)
    assert core.is_closed


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (["450 no"], "450 no (said peer:25 to EHLO)"),
        (["354 no"], "unexpected answer of peer:25 to EHLO: 354 no"),
        (["500 no", "502 5.7.1 no"], "502 5.7.1 no (said peer:25 to HELO)"),
        (["500 no", "450 no"], "450 no (said peer:25 to HELO)"),
        (["500 no", "421 no"], "421 no (said peer:25 to HELO)"),
    ],
)
def test_a_server_that_will_not_hear_our_name_is_temporary(answers: Sequence[str], text: str) -> None:
    """EHLO and HELO are about this server and the other, and about no recipient."""
    core = new_session()
    for answer in ["220 peer", *answers]:
        hear(core, f"{answer}\r\n")

    found = failure(core)
    assert (found.judgement, found.text, found.status[0]) == (TEMPORARY, text, "4")


@pytest.mark.parametrize(
    "answers",
    [
        ["220 server.example ESMTP"],
        ["220 Server.Example."],
        ["220 other.example", "250-SERVER.example Hello\r\n250 SIZE"],
        ["220 other.example", "500 no", "250 server.example"],
    ],
)
def test_a_server_with_our_own_name_gets_nothing(answers: Sequence[str]) -> None:
    """What is sent there comes back here (RFC 5321 §6.3); mending the configuration frees the mail."""
    core = new_session()
    for answer in answers:
        hear(core, f"{answer}\r\n")

    found = failure(core)
    assert (found.judgement, found.status) == (TEMPORARY, "4.4.6")
    assert "this server" in found.text


# ---------------------------------------------------------------- nonsense


@pytest.mark.parametrize("ehlo", ["250 peer\r\n", PIPELINING])
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (["354 go"], "unexpected answer of peer:25 to MAIL: 354 go"),
        (["250 ok", "999 what"], "malformed answer of peer:25 to RCPT: expected a code"),
        (["250 ok", "25 short"], "malformed answer of peer:25 to RCPT: expected a code"),
        (["250 ok", "553-first\r\ntype: mda\r\n553 last"], "malformed answer of peer:25 to RCPT: expected a code"),
        (["250 ok", "553 bad\nX-Injected: yes"], "malformed answer of peer:25 to RCPT: expected CR LF"),
        (["250 ok", "334 eh"], "unexpected answer of peer:25 to RCPT: 334 eh"),
        (["250 ok", "250 ok", "250 ok"], "unexpected answer of peer:25 to DATA: 250 ok"),
        (["250 ok", "250 ok", "334 go"], "unexpected answer of peer:25 to DATA: 334 go"),
        (["250 ok", "250 ok", "354 go", "354 go"], "unexpected answer of peer:25 to the message: 354 go"),
        (["250 ok", "250 ok", "354 go", "hello"], "malformed answer of peer:25 to the message: expected a code"),
        (["250 ok", "250 ok", "354 go", "421 bye"], "421 bye (said peer:25 to the message)"),
        (["250 ok", "250 ok", "421 bye"], "421 bye (said peer:25 to DATA)"),
        (["250 ok", "421 bye"], "421 bye (said peer:25 to RCPT)"),
        (["421 bye"], "421 bye (said peer:25 to MAIL)"),
    ],
)
def test_nonsense_ends_the_session_for_now(answers: Sequence[str], text: str, ehlo: str) -> None:
    """A server that is confused, or closes, has decided nothing; not another octet is sent to it."""
    core = ready(ehlo)
    begin(core)
    sent = ""
    for answer in answers:
        sent = hear(core, f"{answer}\r\n")
        if core.phase is Phase.CONTENT:
            end(core)

    [verdict] = finish(core)
    assert (verdict.judgement, verdict.text[: len(text)], sent) == (TEMPORARY, text, "")
    assert core.is_closed


def test_who_was_refused_before_stays_refused() -> None:
    """The end of the session is for the recipients that nothing is known of."""
    core = ready(PIPELINING)
    begin(core, THREE)
    hear(core, "250 ok\r\n250 ok\r\n550 no\r\n")
    core.connection_lost("Connection reset by peer")

    reason = "the connection to peer:25 was lost before it answered RCPT (Connection reset by peer)"
    assert finish(core) == (
        Verdict(TEMPORARY, reason, "4.4.2"),
        Verdict(PERMANENT, "550 no (said peer:25 to RCPT)", "5.0.0"),
        Verdict(TEMPORARY, reason, "4.4.2"),
    )


def test_a_recipient_accepted_without_a_sender_is_nonsense() -> None:
    """The state follows the answers: what the tables do not have is no answer."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, "550 5.7.1 no\r\n250 ok\r\n")

    assert finish(core) == (Verdict(PERMANENT, "550 5.7.1 no (said peer:25 to MAIL)", "5.7.1"),)
    assert core.is_closed


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (["220 a\r\n220 b"], "peer:25 sent more than its answer as its greeting"),
        (["220 a", "250 a\r\n250-b"], "peer:25 sent more than its answer to EHLO"),
        (["220 a", "250 a", "250 ok\r\n2"], "peer:25 sent more than its answer to MAIL"),
        (["220 a", "250 a", "250 ok", "250 ok\r\n354 go"], "peer:25 sent more than its answer to RCPT"),
        (["220 a", "250 a", "250 ok", "250 ok", "354 go\r\n250 ok"], "peer:25 sent more than its answer to DATA"),
    ],
)
def test_an_answer_to_nothing_is_no_answer_to_what_follows(answers: Sequence[str], text: str) -> None:
    """Above all no message is taken for delivered before its end was sent."""
    core = led_to(answers)

    assert judged(core) == Verdict(TEMPORARY, text, "4.5.0")
    assert core.is_closed


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("250 ok", "unexpected answer of peer:25 before the message was complete: 250 ok"),
        ("552 too big", "unexpected answer of peer:25 before the message was complete: 552 too big"),
        ("421 4.3.2 bye", "421 4.3.2 bye (said peer:25 before the message was complete)"),
        ("hello", "malformed answer of peer:25 before the message was complete: expected a code"),
    ],
)
def test_an_answer_to_half_a_message_is_none(answer: str, text: str) -> None:
    """The message is not completed, and is tried again."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, "250 ok\r\n250 ok\r\n354 go\r\n")
    assert kinds(core) == [ContentWanted]
    core.send_content(b"half\n")
    assert core.data_to_send() == b"half\r\n"

    assert hear(core, f"{answer}\r\n") == ""
    core.send_content(b"more\n")
    core.end_content()

    [verdict] = finish(core)
    assert (verdict.judgement, verdict.text[: len(text)]) == (TEMPORARY, text)
    assert core.data_to_send() == b""


def test_a_partial_answer_to_half_a_message_is_noticed_at_its_end() -> None:
    """An octet too early is too many."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, "250 ok\r\n250 ok\r\n354 go\r\n")
    assert kinds(core) == [ContentWanted]
    core.send_content(b"half\n")
    core.receive_data(b"2")
    core.end_content()

    assert core.data_to_send() == b"half\r\n"
    assert finish(core) == (Verdict(TEMPORARY, "peer:25 sent more than its answer to DATA", "4.5.0"),)


def test_what_follows_the_last_answer_changes_nothing() -> None:
    """An accepted message stays accepted; the session is not used again."""
    core = ready(PIPELINING)
    begin(core)
    hear(core, "250 ok\r\n250 ok\r\n354 go\r\n")
    end(core)
    hear(core, "250 ok\r\n550 no\r\n")

    assert finish(core) == (Verdict(OK, "250 ok", "2.0.0"),)
    assert core.is_closed
    core.begin(ONE)
    assert finish(core) == (Verdict(TEMPORARY, "unexpected answer of peer:25 unasked: 550 no", "4.5.0"),)


# ---------------------------------------------------------------- ends


LOST = [
    ([], "before it answered at all"),
    (["220 a"], "before it answered EHLO"),
    (["220 a", "500 a"], "before it answered HELO"),
    (["220 a", "250 a"], "before it answered MAIL"),
    (["220 a", "250 a", "250 a"], "before it answered RCPT"),
    (["220 a", "250 a", "250 a", "250 a"], "before it answered DATA"),
    (["220 a", "250 a", "250 a", "250 a", "354 a"], "while the message was sent"),
    (["220 a", "250 a", "250 a", "250 a", "354 a", "."], "after the message was sent: it may have arrived"),
]
SILENT = [
    "no greeting of peer:25",
    "no answer of peer:25 to EHLO",
    "no answer of peer:25 to HELO",
    "no answer of peer:25 to MAIL",
    "no answer of peer:25 to RCPT",
    "no answer of peer:25 to DATA",
    "peer:25 took nothing of the message",
    "no answer of peer:25 to the message",
]


def led_to(answers: Sequence[str]) -> ClientSession:
    """Return a session that has heard *answers*; after a dot it has sent the message."""
    core = new_session()
    is_begun = False
    for answer in answers:
        if answer == ".":
            core.end_content()
        else:
            hear(core, f"{answer}\r\n")
        if core.state is State.READY and not is_begun:
            is_begun = True
            assert kinds(core) == [Ready]
            begin(core)
    return core


def judged(core: ClientSession) -> Verdict:
    """Return the one verdict of a session that has ended."""
    [event] = [event for event in events(core) if not isinstance(event, ContentWanted)]
    assert isinstance(event, Finished | Failed)
    return event.verdict if isinstance(event, Failed) else event.verdicts[0]


@pytest.mark.parametrize(("answers", "text"), LOST)
def test_a_lost_connection_is_temporary(answers: Sequence[str], text: str) -> None:
    """The text says how far the session had come, and whether the message may have arrived."""
    core = led_to(answers)
    core.connection_lost("closed by the other side")

    assert judged(core) == Verdict(
        TEMPORARY, f"the connection to peer:25 was lost {text} (closed by the other side)", "4.4.2"
    )


@pytest.mark.parametrize(("answers", "text"), [(led[0], text) for led, text in zip(LOST, SILENT, strict=True)])
def test_silence_is_temporary(answers: Sequence[str], text: str) -> None:
    """The text says what was waited for, and how long."""
    core = led_to(answers)
    core.timed_out(300.0)

    found = judged(core)
    assert (found.judgement, found.status) == (TEMPORARY, "4.4.2")
    assert found.text.startswith(text)
    assert "300 seconds" in found.text


def test_a_message_that_cannot_be_read_is_never_completed() -> None:
    """Whoever sends it says why, and the dot stays unsent."""
    core = led_to(["220 a", "250 a", "250 a", "250 a", "354 a"])
    core.abandon(temporary("the disk is gone", "4.3.0"))
    core.end_content()

    assert judged(core) == Verdict(TEMPORARY, "the disk is gone", "4.3.0")
    assert core.data_to_send() == b""


def test_a_session_that_ended_takes_no_message() -> None:
    """That is no bug of whoever wanted to use it again: the server had enough meanwhile."""
    core = ready()
    hear(core, "421 4.3.2 bye\r\n")

    assert events(core) == []
    assert begin(core, THREE) == ""
    assert finish(core) == (Verdict(TEMPORARY, "421 4.3.2 bye (said peer:25 unasked)", "4.3.2"),) * 3


def test_a_text_has_a_limit() -> None:
    """What is too long is cut, and who said it is still told."""
    core = ready()
    begin(core)
    hear(core, "550-" + "x" * 4000 + "\r\n550 " + "y" * 4000 + "\r\n")

    [verdict] = finish(core)
    assert len(verdict.text) == MAX_TEXT_OCTETS
    assert verdict.text.endswith("xxx... (said peer:25 to MAIL)")


# ---------------------------------------------------------------- the tables


def test_every_state_can_be_reached_and_left() -> None:
    """From the greeting on, the tables lead everywhere and nowhere else."""
    reached = {State.CONNECTED}
    for _ in State:
        reached |= {after for (state, _), after in ACCEPTED.items() if state in reached}

    assert reached == set(State) - {State.CLOSED}
    assert {state for state, _ in REFUSED} <= reached
    assert {state for state, _ in ACCEPTED} == reached


# ---------------------------------------------------------------- laws

ANSWERS = st.sampled_from(["250 ok", "354 go", "550 5.1.1 no", "450 no", "250-a\r\n250 b", "421 bye", "220 a", "999 x"])


def play(script: Sequence[str], ehlo: str, cuts: Iterator[int]) -> tuple[list[str], list[Event]]:
    """Play a server that answers each command with the next line of *script*, its octets cut at *cuts*."""
    core, said, happened = ready(ehlo), [], []
    answers = iter(script)
    core.begin(THREE)
    while text := core.data_to_send().decode():
        said.append(text)
        count = 1 if text.endswith("\r\n.\r\n") else text.count("\r\n")
        octets = "".join(f"{answer}\r\n" for answer in itertools.islice(answers, count)).encode()
        while octets:
            cut = next(cuts)
            core.receive_data(octets[:cut])
            octets = octets[cut:]
        for event in events(core):
            happened.append(event)
            if isinstance(event, ContentWanted):
                core.send_content(b".hi\n")
                core.end_content()
    core.connection_lost("over")
    return said, happened + events(core)


@given(
    script=st.lists(ANSWERS, max_size=9),
    ehlo=st.sampled_from(["250 peer\r\n", PIPELINING]),
    cuts=st.lists(st.integers(1, 9), min_size=1),
)
def test_chunk_boundaries_are_invisible(script: list[str], ehlo: str, cuts: list[int]) -> None:
    """What a session says and finds does not depend on how TCP split the answers."""
    assert play(script, ehlo, itertools.cycle(cuts)) == play(script, ehlo, itertools.repeat(10_000))


@given(script=st.lists(ANSWERS, max_size=9), ehlo=st.sampled_from(["250 peer\r\n", PIPELINING]))
def test_every_recipient_gets_one_verdict(script: list[str], ehlo: str) -> None:
    """Whatever a server answers, and nobody has got the message unless it was asked for and accepted."""
    said, happened = play(script, ehlo, itertools.repeat(10_000))

    [verdicts] = [event.verdicts for event in happened if isinstance(event, Finished)]
    assert len(verdicts) == len(THREE.recipients)
    if any(verdict.judgement is OK for verdict in verdicts):
        assert "..hi\r\n.\r\n" in said


GARBAGE = st.binary(min_size=1, max_size=99) | st.lists(st.sampled_from([b"250", b"-", b" ", b"\r\n", b"\n"])).map(
    b"".join
)


@given(garbage=GARBAGE, answers=st.sampled_from([led[0] for led in LOST]))
def test_octets_that_are_no_reply_are_temporary(garbage: bytes, answers: list[str]) -> None:
    """Nothing that a server sends makes the core raise, and garbage decides nothing for good."""
    core = led_to(answers)
    core.receive_data(garbage)
    core.connection_lost("over")

    found = [event for event in events(core) if isinstance(event, Finished | Failed)]
    for event in found:
        for verdict in event.verdicts if isinstance(event, Finished) else [event.verdict]:
            assert verdict.text.isascii()
            assert verdict.text.isprintable()
            assert verdict.judgement is TEMPORARY or re.match(rb"[25]\d\d[ \r-]", garbage)
