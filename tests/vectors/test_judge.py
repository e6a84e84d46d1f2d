"""The judge sees what is wrong: each test is a run that is not as stated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.evidence import Evidence
from tests.vectors.format import Vector, parse_line
from tests.vectors.judge import judge
from tests.vectors.judge_client import judge_client, state_of
from tests.vectors.log_lines import Attempt
from tests.vectors.played import Played
from tests.vectors.remote import Conversation
from tests.vectors.replies import Reply
from tests.vectors.stored import Stored

IDENTIFIER = "5f1e02aa"
ACCEPTED = Reply("250", (f"2.0.0 {IDENTIFIER} Message accepted for delivery",))
EARLY = tuple(Reply(code, ("x",)) for code in ("220", "250", "250", "250", "354"))
CONTENT = b"Subject: x\n\nhello\n"
SENT = (b"EHLO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n",)
STORED = Stored("alice", "a@b.test", ("alice@local.test",), "127.1.0.1", IDENTIFIER, CONTENT)
DELIVERED = Attempt(IDENTIFIER, "mda", "Ok")
GOOD = Played(EARLY, (ACCEPTED,), is_closed=False, sent=SENT)
EVIDENCE = Evidence(attempts=[DELIVERED], stored=[STORED])


def vector(**fields: Any) -> Vector:  # noqa: ANN401 - whatever JSON can say
    """Make a vector that gets a message accepted."""
    usual = {"id": "x", "listener": "mx", "pre": "data", "send": "", "codes": ["250"], "accepted": 1}
    return parse_line(json.dumps({**usual, **fields}).encode())


def problems(played: Played = GOOD, evidence: Evidence = EVIDENCE, **fields: Any) -> str:  # noqa: ANN401 - as above
    """Judge, and return the sentences in one line."""
    return "; ".join(judge(vector(**fields), played, evidence))


def test_a_run_that_is_as_stated() -> None:
    """Nothing is found, also where fields were added that the message did not have."""
    completed = STORED._replace(content=b"Subject: x\nDate: now\nMessage-ID: <1@mx.test>\n\nhello\n")

    assert not problems()
    assert not problems(evidence=EVIDENCE._replace(stored=[completed]))


def test_what_the_vector_states() -> None:
    """Codes, the end of the connection, and how many messages are accepted."""
    assert "expected the codes 550, seen 250" in problems(codes=["550"])
    assert "seen 250*3" in problems(GOOD._replace(replies=(*EARLY[1:4],)), Evidence())
    assert "expected the connection closed, seen open" in problems(conn="closed")
    assert "expected 0 accepted messages at most, seen 1" in problems(accepted=0)


def test_lines_of_a_message_after_data_was_refused() -> None:
    """They are commands then, of which one is in `codes`; a reply that accepts something is still one too many."""
    refused = (Reply("503", ("x",)), *[Reply("500", ("x",))] * 3)
    fields = {"pre": "ehlo", "send": ["DATA\r\n", "x\r\ny\r\nz\r\n"], "codes": ["354|503", "250|500"]}

    assert not problems(GOOD._replace(replies=refused), Evidence(), **fields)
    assert "expected the codes" in problems(
        GOOD._replace(replies=(*refused, Reply("250", ("x",)))), Evidence(), **fields
    )


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ([], "1 deliveries of 5f1e02aa, and 0 messages"),
        ([STORED, STORED], "1 deliveries of 5f1e02aa, and 2 messages"),
        ([STORED._replace(content=b"Subject: x\n\nhallo\n")], "differs from what was sent: from octet 13 on"),
        ([STORED._replace(content=CONTENT + b"more\n")], "differs from what was sent"),
        ([STORED._replace(reverse_path="evil@b.test")], "a message from <evil@b.test> in a transaction of <a@b.test>"),
        ([STORED._replace(recipients=("bob@local.test",))], "who is no recipient"),
        ([STORED, STORED._replace(identifier="00000001")], "has a message that was not accepted"),
    ],
)
def test_messages_are_compared_with_what_was_accepted(stored: Sequence[Stored], problem: str) -> None:
    """Number, sender, recipients and content."""
    assert problem in problems(evidence=EVIDENCE._replace(stored=stored))


def test_a_message_that_was_lost() -> None:
    """Told 250 for, and tried in vain or never."""
    assert "no delivery was tried" in problems(evidence=Evidence())
    failed = Evidence(attempts=[DELIVERED._replace(result="TempFail")])
    assert "accepted and not delivered: ['TempFail']" in problems(evidence=failed)


def test_a_sink_that_nobody_may_reach() -> None:
    """Only a recipient there allows it."""
    conversation = Conversation(commands=["EHLO mx.test"])

    assert "(5) a connection to the sink" in problems(evidence=EVIDENCE._replace(sink=[conversation]))
    stray = Conversation(stray=[b"x\n"])
    assert "without CRLF" in problems(evidence=EVIDENCE._replace(sink=[stray]))


def test_a_submitted_message_keeps_no_bcc() -> None:
    """Its header may be mended, its text may not."""
    mended = STORED._replace(content=b"Subject: y\n\nhello\n")
    telling = STORED._replace(content=b"Bcc: joe@b.test\n\nhello\n")

    assert not problems(listener="sub-auth", evidence=EVIDENCE._replace(stored=[mended]))
    assert "Bcc" in problems(listener="sub-auth", evidence=EVIDENCE._replace(stored=[telling]))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"0123456789abcdef smtp failed-command command=\x1b[31m", "control character"),
        (b"  File server.py, line 3", "no event"),
        (b"warn: fault: KeyError in server.py, line 3", "the log has"),
        (b'0123456789abcdef smtp failed-command command="AUTH PLAIN AGFsaWNl"', "secret"),
        (b"info: s3cret pass", "secret"),
    ],
)
def test_a_line_of_the_log_that_must_not_be(line: bytes, problem: str) -> None:
    """No control characters, no tracebacks, no secrets."""
    log = [b"0123456789abcdef smtp connected address=127.1.0.1", line]

    assert problem in problems(evidence=EVIDENCE._replace(log=log), send="AUTH PLAIN AGFsaWNl\r\n")


def test_what_must_never_be(tmp_path: Path) -> None:
    """A file, and STARTTLS where there is TLS already."""
    pwn = tmp_path / "pwn"
    pwn.touch()
    secured = Reply("250", ("mx.test Hello c [127.1.0.1]", "STARTTLS"), over_tls=True)

    assert "never: the file" in problems(evidence=EVIDENCE._replace(pwn=pwn))
    assert "never: STARTTLS" in problems(GOOD._replace(replies=(secured,)), Evidence())


def test_what_a_reply_must_not_be() -> None:
    """The reader has told it."""
    assert "check 3: a reply line" in problems(GOOD._replace(reply_problems=("a reply line without a code",)))


CLIENT = vector(
    listener="mta-out",
    role="server-script",
    pre="message queued for x@remote.test",
    send=[{"on": "connect", "reply": "220 x\r\n"}],
    state="temp",
    never=["AUTH on an unencrypted connection", "body bytes at the server"],
)


def test_what_becomes_of_a_recipient() -> None:
    """By the results of all attempts."""
    assert [state_of(each) for each in ([], ["Ok"], ["TempFail"], ["PermFail"], ["Ok", "TempFail"])] == [
        "not tried",
        "delivered",
        "temp",
        "perm",
        "mixed",
    ]


def test_our_own_client_is_judged() -> None:
    """Its state, and what a server has heard of it."""
    late = Evidence(attempts=[Attempt(IDENTIFIER, "mta", "TempFail")])
    heard = Conversation(commands=["EHLO mx.test", "AUTH PLAIN xxx"], bodies=[b"x"])

    assert not judge_client(CLIENT, late, [Conversation(commands=["EHLO mx.test"])])
    assert judge_client(CLIENT, EVIDENCE, []) == ["expected the state temp, seen delivered"]
    assert judge_client(CLIENT, late, [heard]) == [f"never: {words}" for words in CLIENT.never]
