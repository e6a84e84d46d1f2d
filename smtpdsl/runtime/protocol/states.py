"""What may follow what in a session: the transition table.

    CONNECTED ──220──▶ GREETED ──EHLO──▶ READY ──MAIL──▶ MAIL ──RCPT──▶ RCPT ──DATA──▶ DATA
                                           ▲               │              │              │
                                           └──── RSET, HELO, EHLO ────────┴───── end ────┘

A reply decides whether a transition happens: a refusal leaves the state, except after
QUIT and after the mail data, and 421 always ends the session.  So does, from every state,
what the server does not want to hear the end of.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import (
    Connected,
    Data,
    Ehlo,
    EndOfContent,
    Helo,
    Help,
    Mail,
    Noop,
    Question,
    Quit,
    Rcpt,
    Rset,
    Vrfy,
)


class State(Enum):
    """Where a session is."""

    # A member is equal to itself only; hashing its name, as Enum does, costs a call for each command.
    __hash__ = object.__hash__

    CONNECTED = auto()
    """Not greeted yet, or greeted with a refusal: then only QUIT is left (RFC 5321 §3.1)."""
    GREETED = auto()
    """The client has not said who it is."""
    READY = auto()
    """No transaction is open."""
    MAIL = auto()
    """The reverse-path is known."""
    RCPT = auto()
    """So is a recipient at least."""
    DATA = auto()
    """Mail data is being received."""
    CLOSED = auto()
    """Nothing more is heard."""


# RFC 5321 §4.1.4, and only that: a pair that is absent is answered 503.  A transition written
# anywhere else is a bug.
TRANSITIONS: Mapping[tuple[State, type[Question]], State] = {
    (State.CONNECTED, Connected): State.GREETED,
    (State.CONNECTED, Quit): State.CLOSED,
    (State.GREETED, Helo): State.READY,
    (State.GREETED, Ehlo): State.READY,
    (State.GREETED, Rset): State.GREETED,
    (State.GREETED, Noop): State.GREETED,
    (State.GREETED, Vrfy): State.GREETED,
    (State.GREETED, Help): State.GREETED,
    (State.GREETED, Quit): State.CLOSED,
    (State.READY, Helo): State.READY,
    (State.READY, Ehlo): State.READY,
    (State.READY, Mail): State.MAIL,
    (State.READY, Rset): State.READY,
    (State.READY, Noop): State.READY,
    (State.READY, Vrfy): State.READY,
    (State.READY, Help): State.READY,
    (State.READY, Quit): State.CLOSED,
    (State.MAIL, Helo): State.READY,
    (State.MAIL, Ehlo): State.READY,
    (State.MAIL, Rcpt): State.RCPT,
    (State.MAIL, Rset): State.READY,
    (State.MAIL, Noop): State.MAIL,
    (State.MAIL, Vrfy): State.MAIL,
    (State.MAIL, Help): State.MAIL,
    (State.MAIL, Quit): State.CLOSED,
    (State.RCPT, Helo): State.READY,
    (State.RCPT, Ehlo): State.READY,
    (State.RCPT, Rcpt): State.RCPT,
    (State.RCPT, Data): State.DATA,
    (State.RCPT, Rset): State.READY,
    (State.RCPT, Noop): State.RCPT,
    (State.RCPT, Vrfy): State.RCPT,
    (State.RCPT, Help): State.RCPT,
    (State.RCPT, Quit): State.CLOSED,
    (State.DATA, EndOfContent): State.READY,
}

# The transaction is over however the message is answered (RFC 5321 §4.1.1.4), and so is the session after QUIT.
_WHATEVER_IS_ANSWERED = frozenset({EndOfContent, Quit})
# RFC 5321 §4.2.1: only replies below 400 are positive, and only 354 asks for mail data.
_FIRST_NEGATIVE = 400
_INTERMEDIATE = range(300, 400)
_MAIL_DATA_FOLLOWS = 354
# RFC 5321 §3.8: whoever says this closes the connection.
SERVICE_NOT_AVAILABLE = 421


def is_positive(reply: Reply) -> bool:
    """Whether *reply* says yes, or yes so far."""
    return reply.code < _FIRST_NEGATIVE


def answers(question: Question, reply: Reply) -> bool:
    """Whether a client could make sense of *reply*, and may believe it."""
    match question:
        case Data():
            return reply.code == _MAIL_DATA_FOLLOWS or not is_positive(reply)
        case EndOfContent(problem=Reply()):
            return not is_positive(reply)
        case _:
            return reply.code not in _INTERMEDIATE


def next_state(state: State, question: Question, reply: Reply) -> State:
    """Return the state after *question*, which `TRANSITIONS` allows in *state*, was answered with *reply*."""
    if reply.code == SERVICE_NOT_AVAILABLE:
        return State.CLOSED
    if is_positive(reply) or type(question) in _WHATEVER_IS_ANSWERED:
        return TRANSITIONS[state, type(question)]
    return state
