"""Filters that are programs, over a real socket: what clients hear, what programs hear, and what becomes of mail."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials.crypt_library import crypt_hash
from tests.certificates import make_pair
from tests.runtime.filters.program_places import QUICK, contents, declared, hang_up, heard, play
from tests.runtime.net.places import Client, Place

GREETING, HELLO = "", "EHLO c.test\r\n"
MAIL, RCPT = "MAIL FROM:<eve@away.test>\r\n", "RCPT TO:<alice@local.test>\r\n"
BODY = "Subject: x\r\n\r\n..dot\r\nbody\r\n.\r\n"
ALL = "connect,helo,ehlo,starttls,auth,mail-from,rcpt-to,data,data-line,commit,rset,quit,noop"


async def converse(client: Client) -> list[str]:
    """Hand over a message, command by command, and return the codes of all replies."""
    codes = []
    for each in (GREETING, HELLO, MAIL, RCPT, "DATA\r\n", BODY, "QUIT\r\n"):
        codes += await client.codes(each)
        if codes[-1][0] in "45":
            break
    return codes


ACCEPTED = ["220", "250", "250", "250", "354", "250", "221"]


# ---------------------------------------------------------------- what it is told


def test_a_program_hears_of_everything_in_order() -> None:
    """The outline of a session: reports, questions behind the report of their command, and each reply."""

    async def scene(_: Place, client: Client) -> None:
        assert await converse(client) == ACCEPTED
        assert await client.rest() == b""

    place = play(declared("a", ALL, "*"), scene)
    events = [fields[2] if fields[0] == "report" else f"[{fields[2]}]" for fields in heard(place)]
    text = " ".join(each for each in events if each != "protocol-server")
    assert text == (
        "link-connect [connect] filter-response link-greeting "
        "protocol-client [ehlo] filter-response link-identify "
        "protocol-client [mail-from] filter-response tx-begin tx-mail "
        "protocol-client [rcpt-to] filter-response tx-envelope tx-rcpt "
        "protocol-client [data] filter-response tx-data protocol-client "
        "[commit] filter-response tx-commit tx-reset "
        "protocol-client [quit] filter-response link-disconnect"
    )


def test_fields_are_where_version_0_7_has_them() -> None:
    """Identifiers are those of the log; a result comes before an address."""

    async def scene(_: Place, client: Client) -> None:
        await converse(client)
        await client.rest()

    place = play(
        declared("a", "connect,mail-from", "link-connect,link-identify,tx-mail,tx-rcpt,filter-response"), scene
    )
    port = heard(place)[0][6].rpartition(":")[2]
    session = "0000000000000001"
    assert heard(place) == [
        ["report", "smtp-in", "link-connect", session, "client.test", "pass", f"127.0.0.1:{port}", "127.0.0.1:2525"],
        ["filter", "smtp-in", "connect", session, "0000000000000001", "client.test", "127.0.0.1"],
        ["report", "smtp-in", "filter-response", session, "connected", "proceed"],
        ["report", "smtp-in", "filter-response", session, "ehlo", "proceed"],
        ["report", "smtp-in", "link-identify", session, "EHLO", "c.test"],
        ["filter", "smtp-in", "mail-from", session, "0000000000000002", "eve@away.test"],
        ["report", "smtp-in", "filter-response", session, "mail-from", "proceed"],
        ["report", "smtp-in", "tx-mail", session, "9e3779b1", "ok", "eve@away.test"],
        ["report", "smtp-in", "filter-response", session, "rcpt-to", "proceed"],
        ["report", "smtp-in", "tx-rcpt", session, "9e3779b1", "ok", "alice@local.test"],
        *(["report", "smtp-in", "filter-response", session, phase, "proceed"] for phase in ("data", "commit", "quit")),
    ]


def test_a_client_that_leaves_is_told_of() -> None:
    """What was begun is rolled back, and the program knows the session no more."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL, count=2)
        await hang_up(client)
        await place.sessions.wait_until_none()

    place = play(declared("a", "", "tx-begin,tx-rollback,tx-reset,link-disconnect"), scene)
    assert [fields[2] for fields in heard(place)] == ["tx-begin", "tx-rollback", "tx-reset", "link-disconnect"]


def test_tls_and_logins_are_told_and_passwords_are_not(tmp_path: Path) -> None:
    """But to a program that is asked about AUTH itself: what it may rewrite, it sees."""
    pair = make_pair("mx.test")
    (tmp_path / "mx.crt").write_text(pair.certificate)
    (tmp_path / "mx.key").write_text(pair.key)
    (tmp_path / "mx.key").chmod(0o600)
    hashed = crypt_hash(b"secret word", "$5$rounds=1000$saltsalt")
    around = f'pki "mx" cert "/mx.crt" key "/mx.key"\ntable people {{ ann = "{hashed}" }}\n'
    right, wrong = (b64encode(f"\0ann\0{word}".encode()).decode() for word in ("secret word", "guess"))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes(f"{HELLO}STARTTLS\r\n", count=2) == ["250", "220"]
        await client.secure(context)
        assert await client.codes(f"{HELLO}AUTH PLAIN {wrong}\r\n", count=2) == ["250", "535"]
        assert await client.codes(f"AUTH PLAIN\r\n{right}\r\n", count=2) == ["334", "235"]

    events = "link-tls,link-auth,protocol-client,link-disconnect"
    filters = around + declared("a", "starttls", events) + declared("b", "auth")
    place = play(filters, scene, used="{ a, b }", options='tls pki "mx" auth <people>', root=tmp_path)
    told = [[fields[2], *fields[4:]] for fields in heard(place)]
    assert [each for each in told if each[0] == "link-auth"] == [
        ["link-auth", "fail", "ann"],
        ["link-auth", "pass", "ann"],
    ]
    assert [each[0] for each in told[:4]] == ["protocol-client", "protocol-client", "starttls", "link-tls"]
    assert told[3][1].startswith("TLSv1.3:")
    assert not any(word in str(told) for word in (right, wrong))
    assert [fields[5] for fields in heard(place, "b")] == [f"PLAIN {wrong}", "PLAIN"]


# ---------------------------------------------------------------- what it decides


@pytest.mark.parametrize(
    ("phase", "answer", "codes"),
    [
        ("connect", "reject|550 5.7.1 no", ["550"]),
        ("connect", "disconnect|554 5.7.1 no", ["554"]),
        ("ehlo", "reject|550 no", ["220", "550"]),
        ("mail-from", "reject|451 4.7.1 later", ["220", "250", "451"]),
        ("mail-from", "rewrite|<ann@other.test>", ACCEPTED),
        ("rcpt-to", "rewrite|<bob@local.test>", ACCEPTED),
        ("rcpt-to", "reject|550 5.1.1 nobody", ["220", "250", "250", "550"]),
        ("data", "reject|554 no", ["220", "250", "250", "250", "554"]),
        ("data", "junk", ACCEPTED),
        ("commit", "reject|550 5.7.1 spam", ["220", "250", "250", "250", "354", "550"]),
        ("commit", "junk", ACCEPTED),
        ("quit", "proceed", ACCEPTED),
        ("mail-from", "report|seen", ACCEPTED),
        # No reply at all: the session ends, and not for good.
        ("mail-from", "reject|nonsense", ["220", "250", "421"]),
    ],
)
def test_its_decision_holds(phase: str, answer: str, codes: list[str]) -> None:
    """In each phase, as those of built-in filters do."""

    async def scene(_: Place, client: Client) -> None:
        assert await converse(client) == codes

    place = play(declared("a", phase, "", f"{phase}={answer}"), scene)
    assert len(place.intake.submissions) == (codes == ACCEPTED)
    if answer.startswith("rewrite"):
        (submission,) = place.intake.submissions
        found = str(submission.reverse_path) if phase == "mail-from" else f"<{submission.envelopes[0].recipient}>"
        assert found == answer.removeprefix("rewrite|")
    assert [each.startswith("X-Spam: Yes") for each in contents(place)] == [(phase, answer) == ("data", "junk")] * len(
        contents(place)
    )


def test_a_chain_asks_until_somebody_decides() -> None:
    """Built-in filters and programs, in the order of the chain, until one refuses."""
    filters = (
        'filter early phase mail-from match mail-from "nobody@away.test" reject "550 no"\n'
        + declared("a", "mail-from,rcpt-to", "filter-report")
        + 'filter told phase rcpt-to match rcpt-to "alice@local.test" report "seen"\n'
        + declared("b", "mail-from", "", "mail-from=reject|550 5.7.1 b says no")
        + declared("c", "mail-from")
    )

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes(HELLO + "MAIL FROM:<nobody@away.test>\r\n", count=2) == ["250", "550"]
        assert await client.say(MAIL) == [["550 5.7.1 b says no"]]

    place = play(filters, scene, used="{ early, a, told, b, c }")
    assert [fields[2] for fields in heard(place, "a")] == ["mail-from"]
    assert heard(place, "c") == []


# ---------------------------------------------------------------- messages


def test_a_message_comes_back_as_the_program_wants_it() -> None:
    """Our own trace field goes through it, dots are what they were, and the next program reads what this one wrote."""
    filters = declared("a", "data-line", "", "data-line=!upper") + declared("b", "data-line", "", "data-line=!collect")

    async def scene(_: Place, client: Client) -> None:
        assert await converse(client) == ACCEPTED

    place = play(filters, scene, used="{ a, b }")
    (content,) = contents(place)
    lines = content.split("\n")
    assert lines[0] == "X-Filtered: yes"
    assert lines[1].startswith("RECEIVED: FROM C.TEST")
    assert lines[-4:] == ["", ".DOT", "BODY", ""]
    # The header of mail that begins its way here is completed before.
    assert [each.partition(":")[0] for each in lines[-7:-4]] == ["SUBJECT", "DATE", "MESSAGE-ID"]


@pytest.mark.parametrize("way", ["DATA", "BDAT"])
def test_a_large_message_is_never_held(way: str) -> None:
    """It goes to the spool while it comes, and is what it was."""
    message = "Subject: x\r\n\r\n" + "".join(f"line {number} {'x' * 60}\r\n" for number in range(12_000))

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL + RCPT, count=3)
        if way == "DATA":
            await client.say("DATA\r\n")
            assert await client.codes(message + ".\r\n") == ["250"]
        else:
            assert await client.codes(f"BDAT {len(message)} LAST\r\n{message}") == ["250"]

    place = play(declared("a", "data-line"), scene)
    (writer,) = place.intake.writers
    body = message.replace("\r\n", "\n").encode().partition(b"\n\n")[2]
    assert writer.octets.partition(b"\n\n")[2] == body


def test_a_line_that_no_program_can_read_is_refused_for_good() -> None:
    """It is the client's fault, and the program is not told of it: some end if they are."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL + RCPT, count=3)
        message = "Subject: x\r\n\r\n" + "y" * 70_000
        assert await client.codes(f"BDAT {len(message)} LAST\r\n{message}") == ["554"]
        assert await client.codes(MAIL) == ["250"]

    play(declared("a", "data-line"), scene)


def test_lines_may_end_as_in_smtp() -> None:
    """The one that ends the message too."""

    async def scene(_: Place, client: Client) -> None:
        assert await converse(client) == ACCEPTED

    place = play(declared("a", "data-line", "", "data-line=!crlf"), scene)
    assert "\r" not in contents(place)[0]


def test_what_comes_back_of_a_message_that_was_given_up_is_nothing() -> None:
    """RFC 3030 §2: RSET ends a message between two chunks, and the program has not given back all of it."""
    chunk = "Subject: x\r\n\r\n" + f"{'x' * 70}\r\n" * 2000

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL + RCPT, count=3)
        assert await client.codes(f"BDAT {len(chunk)}\r\n{chunk}RSET\r\n", count=2) == ["250", "250"]
        # All of it has come back when the program has answered what somebody else says later.
        second = await place.client()
        await second.say(GREETING)
        assert await second.codes("HELO c.test\r\n") == ["250"]
        await second.close()
        assert all(each.is_discarded for each in place.intake.writers)

    play(declared("a", "data-line,helo"), scene)


@pytest.mark.parametrize("action", ["!long", "!headless", "!endless", "!die", "!nonsense"])
def test_what_a_program_does_to_a_message_is_never_the_fault_of_the_client(action: str) -> None:
    """It may try again."""

    async def scene(_: Place, client: Client) -> None:
        assert (await converse(client))[-1] == "451"

    place = play(declared("a", "data-line", "", f"data-line={action}"), scene)
    assert place.intake.submissions == []


# ---------------------------------------------------------------- programs that misbehave


@pytest.mark.parametrize("action", ["!die", "!nonsense", "!flood"])
def test_a_program_that_is_lost_costs_its_sessions_a_451(action: str) -> None:
    """It is started again, and the next client finds one that works until it is asked that."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes(HELLO + MAIL, count=2) == ["250", "451"]
        # This session is not known to the one that is started in its place.
        assert await client.codes("RSET\r\nNOOP\r\n" + MAIL, count=3) == ["250", "250", "451"]
        second = await place.client()
        assert await second.codes(GREETING) == ["220"]
        await second.close()

    place = play(declared("a", "connect,mail-from", "", f"mail-from={action}"), scene)
    (warning, *_) = [each for each in place.log.warnings if "it is started again" in each]
    assert warning.startswith('the program "a" ')
    (refused, *_) = place.log.named("smtp failed-command")
    assert (refused["filter"], refused["rule"]) == ("a", "smtpd.conf:1")


def test_a_message_is_not_sent_through_a_program_that_is_lost() -> None:
    """It ended after RCPT, for another client, and is asked for nothing but messages."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL + RCPT, count=3)
        second = await place.client()
        await second.say(GREETING)
        assert await second.codes("HELO c.test\r\n") == ["451"]
        await second.close()
        assert await client.codes("DATA\r\n") == ["354"]
        assert await client.codes(BODY) == ["451"]

    place = play(declared("a", "helo,data-line", "", "helo=!die"), scene)
    assert place.intake.submissions == []


def test_a_program_that_ends_at_once_costs_the_greeting() -> None:
    """RFC 5321 §4.3.2: there is no 451 in its place."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.say(GREETING) == [["421 4.3.0 Temporary failure"]]

    play(declared("a", "connect", "", "connect=!die"), scene)


def test_a_program_that_does_not_answer_is_not_waited_for() -> None:
    """Nor is it kept: it answers nobody."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes(HELLO + MAIL, count=2) == ["250", "451"]

    place = play(declared("a", "mail-from", "", "mail-from=!hang"), scene, answer_seconds=0.2)
    assert any("it answered nothing for 0.2 seconds" in each for each in place.log.warnings)


@pytest.mark.parametrize("action", ["!twice", "!token"])
def test_an_answer_that_nobody_waits_for_is_nothing(action: str) -> None:
    """It is told once in the log, and the session goes on."""

    async def scene(_: Place, client: Client) -> None:
        assert await converse(client) == ACCEPTED

    place = play(declared("a", "ehlo,mail-from,rcpt-to", "", f"ehlo={action}", f"mail-from={action}"), scene)
    assert len([each for each in place.log.warnings if "nobody waits for" in each]) == 1


def test_a_program_that_does_not_read_is_given_up() -> None:
    """What it is told does not pile up: the session waits for it, and then it is ended."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        await client.say(HELLO + MAIL + RCPT + "DATA\r\n", count=4)
        message = "Subject: x\r\n\r\n" + "".join(f"{'x' * 990}\r\n" for _ in range(900))
        assert await client.codes(message + ".\r\n") == ["451"]

    limits = QUICK._replace(unread_seconds=0.2, full_octets=1024)
    place = play(declared("a", "data-line", "", "data-line=!hang", "x=!deaf"), scene, limits=limits, answer_seconds=0.4)
    assert place.intake.submissions == []


def test_a_client_who_leaves_while_a_program_thinks_is_forgotten() -> None:
    """Its answer comes for nobody, and the next session is as good as the first."""

    async def scene(place: Place, client: Client) -> None:
        await client.say(GREETING)
        client.writer.write((HELLO + MAIL).encode())
        await client.writer.drain()
        await client.say()
        await hang_up(client)
        await place.sessions.wait_until_none()
        second = await place.client()
        assert await second.codes(GREETING) == ["220"]
        await second.close()

    play(declared("a", "connect,mail-from", "", "mail-from=!hang"), scene)


def test_pipelined_commands_wait_for_the_answer() -> None:
    """Each is answered in its turn."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        assert await client.codes(HELLO + MAIL + RCPT + "DATA\r\n", count=4) == ["250", "250", "250", "354"]
        assert await client.codes(BODY + "NOOP\r\nQUIT\r\n", count=3) == ["250", "250", "221"]

    place = play(declared("a", ALL), scene)
    assert len(place.intake.submissions) == 1


def test_many_sessions_are_told_apart() -> None:
    """One process answers for all of them, each by its identifier."""

    async def scene(place: Place, client: Client) -> None:
        clients = [client, *[await place.client() for _ in range(9)]]
        assert await asyncio.gather(*map(converse, clients)) == [ACCEPTED] * 10
        for each in clients[1:]:
            await each.close()

    place = play(declared("a", ALL, "*"), scene)
    assert len(place.intake.submissions) == 10


def test_a_client_that_speaks_for_another_is_another_one() -> None:
    """It is told as one that leaves, and one that comes."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(GREETING)
        words = f"{HELLO}XCLIENT ADDR=192.0.2.7 NAME=other.test\r\n{HELLO}"
        assert await client.codes(words, count=3) == ["250", "220", "250"]

    place = play(declared("a", "", "link-connect,link-disconnect"), scene, options='xclient { "127.0.0.1" }')
    told = [(fields[2], *fields[4:6], *(each.rpartition(":")[0] for each in fields[6:7])) for fields in heard(place)]
    assert told == [
        ("link-connect", "client.test", "pass", "127.0.0.1"),
        ("link-disconnect",),
        ("link-connect", "other.test", "pass", "192.0.2.7"),
        ("link-disconnect",),
    ]


def test_a_session_waits_for_a_program_that_is_being_started() -> None:
    """But not for long, and then it is refused for now."""

    async def scene(place: Place, client: Client) -> None:
        assert await client.say(GREETING) == [["421 4.3.0 Temporary failure"]]
        (refused,) = place.log.named("smtp failed-command")
        assert refused["why"] == "the program does not run"

    play(declared("a", "connect", "", "x=!silent"), scene, start_seconds=0.1)
