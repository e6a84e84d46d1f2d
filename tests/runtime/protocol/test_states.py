"""The transition table."""

from __future__ import annotations

from typing import get_args

import pytest

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import Connected, Data, EndOfContent, Mail, Noop, Question, Quit, Rcpt
from smtpdsl.runtime.protocol.states import TRANSITIONS, State, next_state

OK = Reply(code=250, lines=("Ok",))
NO = Reply(code=550, lines=("No",))
LATER = Reply(code=451, lines=("Later",))
GONE = Reply(code=421, lines=("Gone",))


def test_every_state_is_reached_and_left() -> None:
    """No row is forgotten: from the connection all states can be reached, and from each the end."""
    reached = {State.CONNECTED}
    for _ in State:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(State)
    assert {before for before, _ in TRANSITIONS} == set(State) - {State.CLOSED}


def test_every_question_has_a_row() -> None:
    """Whatever waits for a reply is allowed somewhere."""
    assert {question for _, question in TRANSITIONS} == set(get_args(Question))


def test_what_needs_no_transaction_changes_none() -> None:
    """RFC 5321 §4.1.4: NOOP, HELP and VRFY leave every state as it is."""
    for (before, question), after in TRANSITIONS.items():
        if question.__name__ in {"Noop", "Help", "Vrfy"}:
            assert after is before


@pytest.mark.parametrize("reply", [NO, LATER])
def test_a_refusal_leaves_the_state(reply: Reply) -> None:
    """Except that QUIT and the end of the mail data happen anyway."""
    assert next_state(State.CONNECTED, Connected(), reply) is State.CONNECTED
    assert next_state(State.RCPT, Data(), reply) is State.RCPT
    assert next_state(State.RCPT, Quit(), reply) is State.CLOSED
    assert next_state(State.DATA, EndOfContent(0, None), reply) is State.READY


def test_421_ends_every_session() -> None:
    """RFC 5321 §3.8: whoever says it closes."""
    assert next_state(State.READY, Noop(), GONE) is State.CLOSED
    assert next_state(State.DATA, EndOfContent(0, None), GONE) is State.CLOSED


def test_a_positive_reply_goes_on() -> None:
    """The table says where."""
    assert next_state(State.RCPT, Noop(), OK) is State.RCPT
    assert next_state(State.RCPT, Data(), Reply(code=354, lines=("Go",))) is State.DATA
    assert (State.READY, Rcpt) not in TRANSITIONS
    assert (State.MAIL, Mail) not in TRANSITIONS
