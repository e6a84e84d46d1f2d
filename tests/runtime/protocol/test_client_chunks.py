"""The sending side of a session whose server takes messages in chunks (RFC 3030)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from smtpdsl.runtime.protocol.client import ClientSession, ContentWanted, Ready, Security, Terms, Verdict
from smtpdsl.runtime.protocol.client_habits import Habits
from smtpdsl.runtime.protocol.client_states import State
from tests.runtime.client_side import (
    OK,
    ONE,
    PERMANENT,
    TEMPORARY,
    THREE,
    begin,
    end,
    finish,
    hear,
    kinds,
    ready,
)

CHUNKING = "250-peer.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
ENVELOPE = "MAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\n"
LONG = ONE._replace(size=1_000_000)


def greeted(terms: Terms) -> ClientSession:
    """Return a session on *terms* whose server offers chunks, and waits for a transaction."""
    core = ClientSession("peer:25", "client.example", "server.example", terms)
    hear(core, "220 peer.example\r\n")
    hear(core, CHUNKING)
    assert kinds(core) == [Ready]
    return core


def test_a_short_message_goes_with_its_envelope() -> None:
    """One write, and one wait for all the answers."""
    core = ready(CHUNKING)

    assert begin(core) + end(core, b".hi\n") == ENVELOPE + "BDAT 5 LAST\r\n.hi\r\n"
    assert hear(core, "250 ok\r\n250 ok\r\n250 2.0.0 queued\r\n") == ""
    assert finish(core) == (Verdict(OK, "250 2.0.0 queued", "2.0.0"),)
    assert begin(core).startswith("MAIL")


def test_a_long_message_waits_for_its_recipients() -> None:
    """Nobody is sent what everybody would refuse; then its blocks are sent without a wait."""
    core = ready(CHUNKING)

    assert begin(core, LONG) == ENVELOPE
    assert kinds(core) == []
    assert hear(core, "250 ok\r\n250 ok\r\n") == ""
    assert kinds(core) == [ContentWanted]
    core.send_content(b"one\n")
    core.send_content(b"two\n")
    assert core.data_to_send() == b"BDAT 5\r\none\r\n"
    core.end_content()
    assert core.data_to_send() == b"BDAT 5 LAST\r\ntwo\r\n"
    hear(core, "250 5 octets\r\n250 queued\r\n")
    assert finish(core) == (Verdict(OK, "250 queued", "2.0.0"),)


@pytest.mark.parametrize("answer", ["450 no", "550 no"])
def test_a_long_message_that_nobody_takes_is_not_sent(answer: str) -> None:
    """The transaction is over with the last recipient."""
    core = ready(CHUNKING)
    begin(core, LONG)
    hear(core, f"250 ok\r\n{answer}\r\n")

    assert [verdict.text for verdict in finish(core)] == [f"{answer} (said peer:25 to RCPT)"]


@pytest.mark.parametrize(
    "ehlo", ["250-peer\r\n250 CHUNKING\r\n", "250-peer\r\n250 PIPELINING\r\n", "250-peer\r\n250 BINARYMIME\r\n"]
)
def test_chunks_that_save_no_time_are_not_sent(ehlo: str) -> None:
    """Where each had to be waited for, DATA is as good."""
    core = ready(ehlo)
    said = begin(core)
    while "DATA" not in said:
        said += hear(core, "250 ok\r\n")

    assert "BDAT" not in said


def test_a_mail_store_gets_none() -> None:
    """By LMTP, where each recipient has an answer of its own."""
    core = ClientSession("store", "client.example", "server.example", Terms(Security.NEVER, is_lmtp=True))
    hear(core, "220 store\r\n")
    hear(core, CHUNKING)
    core.next_event()

    assert begin(core).endswith("DATA\r\n")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("250 ok\r\n550 5.1.1 no\r\n250 ok\r\n450 later\r\n250 ok\r\n", [PERMANENT, OK, TEMPORARY]),
        ("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n452 full\r\n", [TEMPORARY] * 3),
        ("250 ok\r\n250 ok\r\n450 ok\r\n250 ok\r\n554 spam\r\n", [PERMANENT, TEMPORARY, PERMANENT]),
        ("250 ok\r\n550 ok\r\n550 ok\r\n550 ok\r\n554 nobody\r\n", [PERMANENT] * 3),
        ("451 no\r\n503 no\r\n503 no\r\n503 no\r\n503 no\r\n", [TEMPORARY] * 3),
    ],
)
def test_each_recipient_has_its_answer(answers: str, found: Sequence[object]) -> None:
    """That of RCPT if it was refused there, else that of the message."""
    core = ready(CHUNKING)
    begin(core, THREE)
    end(core)
    hear(core, answers)

    assert [verdict.judgement for verdict in finish(core)] == found
    assert not core.is_closed


def test_what_was_refused_is_reset_before_another_message() -> None:
    """RFC 3030 §2: the state of the server is anybody's guess, and RSET is due."""
    core = ready(CHUNKING)
    begin(core)
    end(core)
    hear(core, "250 ok\r\n550 no\r\n503 no\r\n")
    finish(core)

    assert core.state is State.SPOILED
    assert begin(core) + end(core, b"") == f"RSET\r\n{ENVELOPE}BDAT 0 LAST\r\n"
    hear(core, "250 ok\r\n" * 4)
    assert [verdict.judgement for verdict in finish(core)] == [OK]


def test_a_chunk_that_is_refused_is_the_last_one() -> None:
    """The message is not completed; what was sent ahead is refused, too, and says nothing new."""
    core = ready(CHUNKING)
    begin(core, LONG)
    hear(core, "250 ok\r\n250 ok\r\n")
    assert kinds(core) == [ContentWanted]
    for block in (b"one\n", b"two\n", b"three\n"):
        core.send_content(block)
    assert core.data_to_send() == b"BDAT 5\r\none\r\nBDAT 5\r\ntwo\r\n"
    hear(core, "552 5.3.4 too big\r\n")
    assert not core.wants_content
    core.send_content(b"four\n")
    core.end_content()

    assert core.data_to_send() == b""
    assert kinds(core) == []
    hear(core, "503 5.5.1 what\r\n")
    assert finish(core) == (Verdict(PERMANENT, "552 5.3.4 too big (said peer:25 to BDAT)", "5.3.4"),)
    assert core.state is State.SPOILED


def test_half_a_message_is_never_taken_for_a_whole_one() -> None:
    """A server that refuses a chunk and accepts the next is confused; what it has is nothing."""
    core = ready(CHUNKING)
    begin(core, LONG)
    hear(core, "250 ok\r\n250 ok\r\n")
    kinds(core)
    for block in (b"one\n", b"two\n", b"three\n"):
        core.send_content(block)
    core.end_content()
    hear(core, "452 full\r\n250 ok\r\n250 queued\r\n")

    assert [verdict.text for verdict in finish(core)] == ["452 full (said peer:25 to BDAT)"]
    assert core.is_closed


@pytest.mark.parametrize("answer", ["500 what?", "502 5.5.1 Command not implemented"])
def test_a_server_that_offers_chunks_and_knows_none_gets_data(answer: str) -> None:
    """It takes the message for commands, so the session ends, and the message waits; in the next one it is asked to."""
    terms = Terms(habits=Habits())
    core = greeted(terms)
    begin(core)
    end(core)
    hear(core, f"250 ok\r\n250 ok\r\n{answer}\r\n500 what?\r\n")

    assert [verdict.judgement for verdict in finish(core)] == [TEMPORARY]
    assert core.is_closed
    assert begin(greeted(terms)) == ENVELOPE + "DATA\r\n"


def test_a_message_that_is_not_liked_is_not_sent_another_way() -> None:
    """Some say 500 of a message, with a status that is about it."""
    terms = Terms(habits=Habits())
    core = greeted(terms)
    begin(core)
    end(core)
    hear(core, "250 ok\r\n250 ok\r\n500 5.4.6 Routing loop detected\r\n")

    assert [verdict.judgement for verdict in finish(core)] == [PERMANENT]
    assert begin(greeted(terms)) == ENVELOPE


@pytest.mark.parametrize(
    ("answers", "text", "may_have"),
    [
        ("", "before it answered MAIL (reset)", False),
        ("250 ok\r\n", "before it answered RCPT (reset)", True),
        ("250 ok\r\n250 ok\r\n", "after the message was sent: it may have arrived (reset)", True),
    ],
)
def test_a_lost_connection(answers: str, text: str, *, may_have: bool) -> None:
    """One that was gone before it answered anything has taken nothing, though all was sent."""
    core = ready(CHUNKING)
    begin(core)
    end(core)
    hear(core, answers)
    core.connection_lost("reset")

    assert finish(core) == (Verdict(TEMPORARY, f"the connection to peer:25 was lost {text}", "4.4.2"),)
    assert core.has_sent_content is may_have


def test_an_answer_to_nothing_ends_a_long_message() -> None:
    """What was said before the first chunk is not the answer to it."""
    core = ready(CHUNKING)
    begin(core, LONG)
    hear(core, "250 ok\r\n250 ok\r\n25")
    assert kinds(core) == [ContentWanted]
    core.send_content(b"one\n")
    core.end_content()

    assert finish(core) == (Verdict(TEMPORARY, "peer:25 sent more than its answer to RCPT", "4.5.0"),)
    assert core.data_to_send() == b""
