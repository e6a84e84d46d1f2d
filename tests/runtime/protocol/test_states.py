"""The transition table."""

from __future__ import annotations

from typing import get_args

import pytest

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import (
    Auth,
    AuthResponse,
    Bdat,
    Connected,
    Data,
    EndOfContent,
    Helo,
    Help,
    Mail,
    Noop,
    Question,
    Quit,
    Rcpt,
    StartTls,
    Vrfy,
)
from smtpdsl.runtime.protocol.states import REFUSALS, TRANSITIONS, State, Step, answers, next_state

OK = Reply(code=250, lines=("Ok",))
NO = Reply(code=550, lines=("No",))
LATER = Reply(code=451, lines=("Later",))
GONE = Reply(code=421, lines=("Gone",))
KNOWN = Reply(code=235, lines=("Welcome",))
CHALLENGE = Reply(code=334, lines=("",))
SECRET = Auth("PLAIN", b"x")
RESPONSE = AuthResponse(b"x")
CHUNK = Bdat(1, is_last=True)


def test_every_state_is_reached_and_left() -> None:
    """No row is forgotten: from the connection all states can be reached, and from each the end."""
    reached = {State.CONNECTED}
    for _ in State:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(State)
    assert {before for before, _ in TRANSITIONS} == set(State) - {State.CLOSED}


def test_every_happening_has_a_row() -> None:
    """Whatever waits for a reply is allowed somewhere, and every step is taken."""
    assert {happening for _, happening in TRANSITIONS} == set(get_args(Question)) | set(Step)
    assert REFUSALS.keys() <= TRANSITIONS.keys()


def test_what_needs_no_transaction_changes_none() -> None:
    """RFC 5321 §4.1.4: NOOP, HELP and VRFY leave every state as it is."""
    for (before, happening), after in TRANSITIONS.items():
        if happening in {Noop, Help, Vrfy}:
            assert after is before


def test_wherever_a_client_may_speak_it_may_leave() -> None:
    """QUIT is always heard, and always obeyed."""
    speaks = {before for before, happening in TRANSITIONS if happening in {Noop, Quit}}

    for state in speaks:
        assert TRANSITIONS[state, Quit] is REFUSALS[state, Quit] is State.CLOSED


@pytest.mark.parametrize("reply", [NO, LATER])
def test_a_refusal_leaves_the_state(reply: Reply) -> None:
    """Except that QUIT and the end of the mail data happen anyway."""
    assert next_state(State.CONNECTED, Connected(), reply) is State.CONNECTED
    assert next_state(State.RCPT, Data(), reply) is State.RCPT
    assert next_state(State.READY, StartTls(), reply) is State.READY
    assert next_state(State.READY, SECRET, reply) is State.READY
    assert next_state(State.RCPT, Quit(), reply) is State.CLOSED
    assert next_state(State.DATA, EndOfContent(0, None), reply) is State.READY
    assert next_state(State.CHUNK, EndOfContent(0, None), reply) is State.READY


@pytest.mark.parametrize("reply", [NO, LATER])
def test_a_refused_chunk_ends_the_transaction(reply: Reply) -> None:
    """RFC 3030 §2: the client has to begin anew, so the chunks that it sent ahead belong to nothing."""
    assert next_state(State.RCPT, CHUNK, reply) is State.READY


def test_421_ends_every_session() -> None:
    """RFC 5321 §3.8: whoever says it closes."""
    assert next_state(State.READY, Noop(), GONE) is State.CLOSED
    assert next_state(State.DATA, EndOfContent(0, None), GONE) is State.CLOSED
    assert next_state(State.AUTH, RESPONSE, GONE) is State.CLOSED
    assert next_state(State.RCPT, CHUNK, GONE) is State.CLOSED


def test_a_positive_reply_goes_on() -> None:
    """The table says where."""
    assert next_state(State.RCPT, Noop(), OK) is State.RCPT
    assert next_state(State.RCPT, Data(), Reply(code=354, lines=("Go",))) is State.DATA
    assert next_state(State.RCPT, CHUNK, OK) is State.CHUNK
    assert next_state(State.READY, StartTls(), Reply(code=220, lines=("Go",))) is State.SECURING
    assert (State.READY, Rcpt) not in TRANSITIONS
    assert (State.MAIL, Mail) not in TRANSITIONS


def test_an_exchange_goes_on_until_it_is_decided() -> None:
    """RFC 4954 §4: 334 asks for more, everything else ends it."""
    assert next_state(State.READY, SECRET, CHALLENGE) is State.AUTH
    assert next_state(State.AUTH, RESPONSE, CHALLENGE) is State.AUTH
    assert next_state(State.READY, SECRET, KNOWN) is State.READY
    assert next_state(State.AUTH, RESPONSE, KNOWN) is State.READY
    assert next_state(State.AUTH, RESPONSE, NO) is State.READY


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        (Noop(), {250, 220, 550}),
        (Helo("x"), {250, 220, 550}),
        (Data(), {354, 550}),
        (CHUNK, {250, 220, 550}),
        (StartTls(), {220, 550}),
        (SECRET, {334, 235, 550}),
        (RESPONSE, {334, 235, 550}),
        (EndOfContent(0, None), {250, 220, 550}),
        (EndOfContent(0, NO), {550}),
    ],
)
def test_each_question_has_its_answers(question: Question, codes: set[int]) -> None:
    """No client is told that it is known, or asked for anything, by the answer to something else."""
    possible = {220, 235, 250, 334, 354, 550}

    assert {code for code in possible if answers(question, Reply(code=code, lines=("",)))} == codes
