"""What may follow what in a session: the transition table.

    CONNECTED ──220──▶ GREETED ──EHLO──▶ READY ──MAIL──▶ MAIL ──RCPT──▶ RCPT ──DATA──▶ DATA
                                           ▲               │              │              │
                                           └──── RSET, HELO, EHLO ────────┴───── end ────┘

TLS, authentication and chunks are in the picture of docs/flow.md, which is drawn from here.

A reply decides whether a transition happens: a refusal leaves the state, except where
`REFUSALS` says otherwise, and 421 always ends the session.  So does, from every state,
what the server does not want to hear the end of.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeAlias

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import (
    Auth,
    AuthResponse,
    Bdat,
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
    StartTls,
    Vrfy,
    XClient,
)


class State(Enum):
    """Where a session is."""

    # A member is equal to itself only; hashing its name, as Enum does, costs a call for each command.
    __hash__ = object.__hash__

    CONNECTED = auto()
    """Not greeted yet, or greeted with a refusal: then only QUIT is left (RFC 5321 §3.1)."""
    GREETED = auto()
    """The client has not said who it is, or not since TLS came up."""
    READY = auto()
    """No transaction is open."""
    SECURING = auto()
    """TLS is coming up; nothing is heard before it has."""
    AUTH = auto()
    """The client answers a challenge."""
    MAIL = auto()
    """The reverse-path is known."""
    RCPT = auto()
    """So is a recipient at least."""
    DATA = auto()
    """Mail data is being received."""
    CHUNK = auto()
    """So is a chunk of mail data."""
    CHUNKS = auto()
    """One chunk at least is there, and another is to follow."""
    BROKEN = auto()
    """A chunk of unknown length followed: what comes may be text of a message, and is not obeyed before RSET."""
    CLOSED = auto()
    """Nothing more is heard."""


class Step(Enum):
    """What happens without being asked about, or not by the question alone."""

    __hash__ = object.__hash__

    SECURED = auto()
    """TLS is up."""
    AUTHENTICATED = auto()
    """AUTH, or what the client said to a challenge, was answered 235."""
    CHUNK_ENDED = auto()
    """A chunk is complete, and it is not the last one."""
    CHUNK_LOST = auto()
    """Nobody knows how many octets follow BDAT."""


Happening: TypeAlias = type[Question] | Step

# RFC 5321 §4.1.4, RFC 3207 §4, RFC 4954 §4, RFC 3030 §2 and XCLIENT, and only that: a pair that is absent is
# answered 503.  The diagram in docs/flow.md is drawn from this table; a transition written anywhere
# else is a bug.
TRANSITIONS: Mapping[tuple[State, Happening], State] = {
    (State.CONNECTED, Connected): State.GREETED,
    (State.CONNECTED, Quit): State.CLOSED,
    (State.CONNECTED, Step.CHUNK_LOST): State.CONNECTED,
    (State.GREETED, Helo): State.READY,
    (State.GREETED, Ehlo): State.READY,
    (State.GREETED, Rset): State.GREETED,
    (State.GREETED, Noop): State.GREETED,
    (State.GREETED, Vrfy): State.GREETED,
    (State.GREETED, Help): State.GREETED,
    (State.GREETED, Quit): State.CLOSED,
    (State.GREETED, Step.CHUNK_LOST): State.CLOSED,
    (State.READY, Helo): State.READY,
    (State.READY, Ehlo): State.READY,
    (State.READY, StartTls): State.SECURING,
    (State.READY, Auth): State.AUTH,
    # It is another client that speaks from here on.
    (State.READY, XClient): State.GREETED,
    (State.READY, Step.AUTHENTICATED): State.READY,
    (State.READY, Mail): State.MAIL,
    (State.READY, Rset): State.READY,
    (State.READY, Noop): State.READY,
    (State.READY, Vrfy): State.READY,
    (State.READY, Help): State.READY,
    (State.READY, Quit): State.CLOSED,
    (State.READY, Step.CHUNK_LOST): State.BROKEN,
    # RFC 3207 §4.2: what was known before TLS is forgotten, and EHLO is due again.
    (State.SECURING, Step.SECURED): State.GREETED,
    (State.AUTH, AuthResponse): State.AUTH,
    (State.AUTH, Step.AUTHENTICATED): State.READY,
    (State.MAIL, Helo): State.READY,
    (State.MAIL, Ehlo): State.READY,
    (State.MAIL, Rcpt): State.RCPT,
    (State.MAIL, Rset): State.READY,
    (State.MAIL, Noop): State.MAIL,
    (State.MAIL, Vrfy): State.MAIL,
    (State.MAIL, Help): State.MAIL,
    (State.MAIL, Quit): State.CLOSED,
    (State.MAIL, Step.CHUNK_LOST): State.BROKEN,
    (State.RCPT, Helo): State.READY,
    (State.RCPT, Ehlo): State.READY,
    (State.RCPT, Rcpt): State.RCPT,
    (State.RCPT, Data): State.DATA,
    (State.RCPT, Bdat): State.CHUNK,
    (State.RCPT, Rset): State.READY,
    (State.RCPT, Noop): State.RCPT,
    (State.RCPT, Vrfy): State.RCPT,
    (State.RCPT, Help): State.RCPT,
    (State.RCPT, Quit): State.CLOSED,
    (State.RCPT, Step.CHUNK_LOST): State.BROKEN,
    (State.DATA, EndOfContent): State.READY,
    (State.CHUNK, Step.CHUNK_ENDED): State.CHUNKS,
    (State.CHUNK, EndOfContent): State.READY,
    (State.CHUNKS, Bdat): State.CHUNK,
    (State.CHUNKS, Helo): State.READY,
    (State.CHUNKS, Ehlo): State.READY,
    (State.CHUNKS, Rset): State.READY,
    (State.CHUNKS, Noop): State.CHUNKS,
    (State.CHUNKS, Vrfy): State.CHUNKS,
    (State.CHUNKS, Help): State.CHUNKS,
    (State.CHUNKS, Quit): State.CLOSED,
    (State.CHUNKS, Step.CHUNK_LOST): State.BROKEN,
    (State.BROKEN, Rset): State.READY,
    (State.BROKEN, Noop): State.BROKEN,
    (State.BROKEN, Help): State.BROKEN,
    (State.BROKEN, Quit): State.CLOSED,
    (State.BROKEN, Step.CHUNK_LOST): State.BROKEN,
}

# What happens although the answer is no: the session is over after QUIT, the exchange after a response, and the
# transaction after the mail data (RFC 5321 §4.1.1.4) and after a chunk (RFC 3030 §2).
REFUSALS: Mapping[tuple[State, Happening], State] = {
    **{pair: state for pair, state in TRANSITIONS.items() if pair[1] is Quit},
    (State.AUTH, AuthResponse): State.READY,
    (State.RCPT, Bdat): State.READY,
    (State.DATA, EndOfContent): State.READY,
    (State.CHUNK, EndOfContent): State.READY,
}

# RFC 5321 §4.2.1: only replies below 400 are positive.
_FIRST_NEGATIVE = 400
_FIRST_INTERMEDIATE = 300
# RFC 4954 §6
AUTHENTICATED = 235
CHALLENGE = 334
# Questions that are said yes to in one way only: 354 asks for mail data, 220 for TLS or greets another client.
_SPECIAL: Mapping[type[Question], frozenset[int]] = {
    Data: frozenset({354}),
    StartTls: frozenset({220}),
    XClient: frozenset({220}),
    Auth: frozenset({AUTHENTICATED, CHALLENGE}),
    AuthResponse: frozenset({AUTHENTICATED, CHALLENGE}),
}
# RFC 5321 §3.8: whoever says this closes the connection.
SERVICE_NOT_AVAILABLE = 421


def is_positive(reply: Reply) -> bool:
    """Whether *reply* says yes, or yes so far."""
    return reply.code < _FIRST_NEGATIVE


def answers(question: Question, reply: Reply) -> bool:
    """Whether a client could make sense of *reply*, and may believe it."""
    code = reply.code
    if code >= _FIRST_NEGATIVE:
        return True
    special = _SPECIAL.get(type(question))
    if special is not None:
        return code in special
    if type(question) is EndOfContent and question.problem is not None:
        return False
    return code < _FIRST_INTERMEDIATE and code != AUTHENTICATED


def next_state(state: State, question: Question, reply: Reply) -> State:
    """Return the state after *question*, which `TRANSITIONS` allows in *state*, was answered with *reply*."""
    code = reply.code
    if code == SERVICE_NOT_AVAILABLE:
        return State.CLOSED
    if code >= _FIRST_NEGATIVE:
        return REFUSALS.get((state, type(question)), state)
    return TRANSITIONS[state, Step.AUTHENTICATED if code == AUTHENTICATED else type(question)]
