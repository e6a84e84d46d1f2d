"""The sending side of a session, without a network: what is said, and what becomes of refusals."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.options import MailOptions, RcptOptions
from smtpdsl.runtime.protocol.client import (
    ClientSession,
    Finished,
    Phase,
    Ready,
    Security,
    Terms,
    Transaction,
    Verdict,
)
from smtpdsl.runtime.protocol.client_states import ACCEPTED, REFUSED, State
from tests.runtime.client_side import (
    OK,
    ONE,
    PERMANENT,
    PIPELINING,
    TEMPORARY,
    THREE,
    begin,
    end,
    failure,
    finish,
    hear,
    kinds,
    new_session,
    ready,
)

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


@pytest.mark.parametrize(
    ("ehlo", "answers", "said"),
    [
        (PIPELINING, "250 ok\r\n250 ok\r\n354 go\r\n", "hi\r\n.\r\n"),
        ("250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 ok\r\n250 ok\r\n", ""),
    ],
)
def test_a_message_that_is_at_hand_is_sent_without_asking(ehlo: str, answers: str, said: str) -> None:
    """As soon as the server takes it; a refusal leaves nothing of it for the next one."""
    core = ready(ehlo)
    core.begin(ONE, b"old\n")
    core.data_to_send()
    hear(core, "550 no\r\n" * (answers.count("\n") + (said == "")))
    assert kinds(core) == [Finished]

    core.begin(ONE, b"hi\n")
    begun = core.data_to_send()
    assert begun.endswith(b"BDAT 4 LAST\r\nhi\r\n" if not said else b"DATA\r\n")
    assert hear(core, "250 ok\r\n" * begun.startswith(b"RSET") + answers) == said
    assert hear(core, "250 2.0.0 queued\r\n") == ""
    assert finish(core) == (Verdict(OK, "250 2.0.0 queued", "2.0.0"),)


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


ASKED = MailOptions("8BITMIME", "HDRS", "Q+1 =", mt_priority=-3)
WISHES = (
    RcptOptions(frozenset({"SUCCESS", "FAILURE"}), "rfc822;one+a@y.example"),
    RcptOptions(frozenset({"NEVER"})),
    RcptOptions(),
)


def test_what_the_sender_asked_for_goes_to_a_server_that_sees_to_it() -> None:
    """RFC 3461 §5.2: each recipient with its own wishes, and what xtext has to spell out is."""
    core = ready("250-peer\r\n250-PIPELINING\r\n250-MT-PRIORITY\r\n250 DSN\r\n")

    assert begin(core, THREE._replace(options=ASKED, wishes=WISHES)) == (
        "MAIL FROM:<a@b.example> MT-PRIORITY=-3 RET=HDRS ENVID=Q+2B1+20+3D\r\n"
        "RCPT TO:<one@y.example> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;one+2Ba@y.example\r\n"
        "RCPT TO:<two@y.example> NOTIFY=NEVER\r\n"
        "RCPT TO:<three@y.example>\r\n"
        "DATA\r\n"
    )


def test_what_a_server_does_not_offer_is_not_asked_of_it() -> None:
    """It would refuse the message for that."""
    core = ready(PIPELINING)

    assert begin(core, THREE._replace(options=ASKED, wishes=WISHES)) == begin(ready(PIPELINING), THREE)


@pytest.mark.parametrize(
    ("orcpt", "said"),
    [
        ("rfc822;a b=+@c", "rfc822;a+20b+3D+2B@c"),
        ("UTF-8;j\u00f6+@c", r"UTF-8;j\x{F6}\x{2B}@c"),
        (r"utf-8;\x{2B}@c", r"utf-8;\x{2B}@c"),
        ("x400;", "x400;"),
    ],
)
def test_an_original_recipient_is_written_in_ascii(orcpt: str, said: str) -> None:
    """RFC 3461 §4, and RFC 6533 §3 for addresses in UTF-8."""
    core = ready("250-peer\r\n250-PIPELINING\r\n250 DSN\r\n")

    assert f" ORCPT={said}\r\n" in begin(core, ONE._replace(wishes=(RcptOptions(orcpt=orcpt),)))


UTF8 = "250-peer\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n"
JOERG = Mailbox(local_part="j\u00f6rg", domain="y.example")


def test_utf_8_goes_to_a_server_that_takes_it() -> None:
    """RFC 6531 §3.4; whether MAIL has asked for it, or an alias has brought it in."""
    for transaction in (
        ONE._replace(recipients=(JOERG,)),
        ONE._replace(recipients=(JOERG,), options=MailOptions(smtputf8=True)),
    ):
        core = ready(UTF8)
        core.begin(transaction)
        said = core.data_to_send().decode()
        assert said == "MAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<j\u00f6rg@y.example>\r\nDATA\r\n"

    assert begin(ready(UTF8)).startswith("MAIL FROM:<a@b.example>\r\n")
    assert begin(ready(UTF8), ONE._replace(options=MailOptions(smtputf8=True))).startswith(
        "MAIL FROM:<a@b.example> SMTPUTF8\r\n"
    )


def test_a_header_in_utf_8_does_not_go_to_a_server_that_cannot_take_it() -> None:
    """RFC 6531 §3.6; a message that is ASCII all the same goes, and one that never asked goes as it came."""
    utf8 = MailOptions(smtputf8=True)
    core = ready()
    assert begin(core, ONE._replace(options=utf8, has_8bit_header=True)) == ""
    text = "the header has UTF-8, which peer:25 would have to offer SMTPUTF8 for"
    assert finish(core) == (Verdict(PERMANENT, text, "5.6.7"),)

    assert begin(core, ONE._replace(options=utf8)) == "MAIL FROM:<a@b.example>\r\n"
    assert begin(ready(), ONE._replace(has_8bit_header=True)) == "MAIL FROM:<a@b.example>\r\n"


PROTECTED = ONE._replace(options=MailOptions(requiretls=True))


def secured(ehlo: str, *, verifies: bool) -> ClientSession:
    """Return a session over TLS from the start that is ready; with *verifies* the server has proved who it is."""
    core = ClientSession("peer:25", "client.example", "server.example", Terms(Security.IMMEDIATE, verifies=verifies))
    core.secured()
    hear(core, "220 peer\r\n")
    hear(core, ehlo)
    assert kinds(core) == [Ready]
    return core


@pytest.mark.parametrize(
    ("core", "lacks"),
    [
        (ready("250-peer\r\n250 REQUIRETLS\r\n"), "has not proved who it is"),
        (secured("250-peer\r\n250 REQUIRETLS\r\n", verifies=False), "has not proved who it is"),
        (secured("250 peer\r\n", verifies=True), "does not offer REQUIRETLS"),
    ],
)
def test_a_message_that_demands_tls_does_not_go_without(core: ClientSession, lacks: str) -> None:
    """RFC 8689 §4.2.1: nor to somebody who would send it on without; but a report on one does (§5)."""
    assert begin(core, PROTECTED) == ""
    text = f"the sender demands TLS on the whole way, and peer:25 {lacks}"
    assert finish(core) == (Verdict(PERMANENT, text, "5.7.30"),)

    assert begin(core, PROTECTED._replace(reverse_path=ReversePath())).startswith("MAIL FROM:<>")


def test_a_message_that_demands_tls_says_so_on_its_way() -> None:
    """The next server is to demand it as well."""
    core = secured("250-peer\r\n250 REQUIRETLS\r\n", verifies=True)

    assert begin(core, PROTECTED) == "MAIL FROM:<a@b.example> REQUIRETLS\r\n"


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


# ---------------------------------------------------------------- the tables


def test_every_state_can_be_reached_and_left() -> None:
    """From the greeting on, the tables lead everywhere and nowhere else."""
    reached = {State.CONNECTED}
    for _ in State:
        reached |= {after for (state, _), after in (*ACCEPTED.items(), *REFUSED.items()) if state in reached}

    assert reached == set(State) - {State.CLOSED}
    assert {state for state, _ in REFUSED} <= reached
    assert {state for state, _ in ACCEPTED} == reached
