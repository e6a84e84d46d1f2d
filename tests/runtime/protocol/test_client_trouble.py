"""The sending side of a session whose server talks nonsense, goes away, or says anything at all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.client import (
    ClientSession,
    ContentWanted,
    Event,
    Failed,
    Finished,
    Phase,
    Ready,
    Verdict,
)
from smtpdsl.runtime.protocol.client_states import State
from smtpdsl.runtime.protocol.client_verdicts import MAX_TEXT_OCTETS, temporary
from tests.runtime.client_side import (
    OK,
    ONE,
    PERMANENT,
    PIPELINING,
    TEMPORARY,
    THREE,
    begin,
    end,
    events,
    finish,
    hear,
    kinds,
    new_session,
    ready,
)

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


# ---------------------------------------------------------------- laws

COMMAND = re.compile(r"^(?:RSET|MAIL|RCPT|DATA|BDAT)", re.MULTILINE)
ANSWERS = st.sampled_from(["250 ok", "354 go", "550 5.1.1 no", "450 no", "250-a\r\n250 b", "421 bye", "220 a", "999 x"])


def play(script: Sequence[str], said_of: tuple[str, int], cuts: Iterator[int]) -> tuple[list[str], list[Event]]:
    """Play a server that answers each command with the next line of *script*, its octets cut at *cuts*.

    *said_of* is what it offers, and how long the message is said to be.
    """
    ehlo, size = said_of
    core, said, happened = ready(ehlo), [], []
    answers = iter(script)
    core.begin(THREE._replace(size=size))
    while (text := core.data_to_send().decode()) or core.wants_content:
        said.append(text)
        count = len(COMMAND.findall(text)) + (text.endswith("\r\n.\r\n"))
        octets = "".join(f"{answer}\r\n" for answer in itertools.islice(answers, count)).encode()
        while octets:
            cut = next(cuts)
            core.receive_data(octets[:cut])
            octets = octets[cut:]
        for event in events(core):
            happened.append(event)
            if isinstance(event, ContentWanted):
                core.send_content(b".hi\n")
                core.send_content(b".ho\n")
                core.end_content()
    core.connection_lost("over")
    return said, happened + events(core)


SAID_OF = st.tuples(
    st.sampled_from(["250 peer\r\n", PIPELINING, "250-peer\r\n250-CHUNKING\r\n250 PIPELINING\r\n"]),
    st.sampled_from([10, 1_000_000]),
)


@given(script=st.lists(ANSWERS, max_size=9), said_of=SAID_OF, cuts=st.lists(st.integers(1, 9), min_size=1))
def test_chunk_boundaries_are_invisible(script: list[str], said_of: tuple[str, int], cuts: list[int]) -> None:
    """What a session says and finds does not depend on how TCP split the answers."""
    assert play(script, said_of, itertools.cycle(cuts)) == play(script, said_of, itertools.repeat(10_000))


@given(script=st.lists(ANSWERS, max_size=9), said_of=SAID_OF)
def test_every_recipient_gets_one_verdict(script: list[str], said_of: tuple[str, int]) -> None:
    """Whatever a server answers, and nobody has got the message unless it was asked for and accepted."""
    said, happened = play(script, said_of, itertools.repeat(10_000))

    [verdicts] = [event.verdicts for event in happened if isinstance(event, Finished)]
    assert len(verdicts) == len(THREE.recipients)
    if any(verdict.judgement is OK for verdict in verdicts):
        assert "".join(said).endswith(("\r\n..hi\r\n..ho\r\n.\r\n", "BDAT 5\r\n.hi\r\nBDAT 5 LAST\r\n.ho\r\n"))


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
