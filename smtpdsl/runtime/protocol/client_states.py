"""How far a session has come, seen from the client.

                  greeting         EHLO, HELO        MAIL         RCPT         DATA
    CONNECTED ──▶ GREETED ──▶ READY ──▶ MAIL ──▶ RCPT ──▶ DATA ──▶ (the dot) READY
                   ▲   STARTTLS │ └──────┴─┬─────▶ NOBODY ──▶ (the dot) READY
                   └─ SECURING ◀┘          └ BDAT ▶ CHUNKS ──▶ (the last one) READY
                                                     └ refused ▶ SPOILED ── RSET ──▶ READY

The state follows the *answers*: it is where the server is, as far as it has told.  So the
tables hold for commands that are sent one by one and for those that are sent together
(RFC 2920); pipelining changes when octets are written, and nothing else.  QUIT and 421
close the session from any state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from smtpdsl.runtime.protocol.replies import ReceivedReply


class Phase(Enum):
    """What the client waits for; the value is how messages end that tell of an answer."""

    # There is one of each.  An Enum is looked up by its name, which costs more than all else that a table does.
    __hash__ = object.__hash__

    GREETING = "as its greeting"
    EHLO = "to EHLO"
    LHLO = "to LHLO"
    HELO = "to HELO"
    STARTTLS = "to STARTTLS"
    # No answer is due: both sides shake hands.
    TLS = "while TLS began"
    AUTH = "to AUTH"
    RSET = "to RSET"
    MAIL = "to MAIL"
    RCPT = "to RCPT"
    DATA = "to DATA"
    # No answer is due: the client sends the message, or has nothing to do.
    CONTENT = "before the message was complete"
    END = "to the message"
    # The message goes in chunks: to one of them, and to the last one.
    CHUNK = "to BDAT"
    LAST = "to BDAT LAST"
    IDLE = "unasked"
    QUIT = "to QUIT"


class State(Enum):
    """Where the server is."""

    __hash__ = object.__hash__

    CONNECTED = "connected"
    GREETED = "greeted"
    SECURING = "begins TLS"
    READY = "ready"
    MAIL = "has a sender"
    RCPT = "has a recipient"
    DATA = "waits for the message"
    NOBODY = "waits for a message that nobody is to get"
    CHUNKS = "has a part of the message"
    SPOILED = "has refused a part of the message"
    CLOSED = "closed"


# What an answer leads to that accepts.  A pair that is absent accepts what it cannot: the server is confused.
ACCEPTED: Mapping[tuple[State, Phase], State] = {
    (State.CONNECTED, Phase.TLS): State.CONNECTED,
    (State.CONNECTED, Phase.GREETING): State.GREETED,
    (State.GREETED, Phase.EHLO): State.READY,
    (State.GREETED, Phase.LHLO): State.READY,
    (State.GREETED, Phase.HELO): State.READY,
    # RFC 3207 §4.2: after the handshake everything begins anew.
    (State.READY, Phase.STARTTLS): State.SECURING,
    (State.SECURING, Phase.TLS): State.GREETED,
    (State.READY, Phase.AUTH): State.READY,
    (State.READY, Phase.MAIL): State.MAIL,
    (State.MAIL, Phase.RCPT): State.RCPT,
    (State.RCPT, Phase.RCPT): State.RCPT,
    (State.RCPT, Phase.DATA): State.DATA,
    # RFC 2920 §3.1: sent in one go, DATA may be accepted although MAIL or each RCPT was refused.
    (State.READY, Phase.DATA): State.NOBODY,
    (State.MAIL, Phase.DATA): State.NOBODY,
    (State.DATA, Phase.END): State.READY,
    # RFC 2033 §4.2: LMTP answers for each recipient, and the first answer ends the transaction.
    (State.READY, Phase.END): State.READY,
    (State.NOBODY, Phase.END): State.READY,
    # RFC 3030 §2: the last chunk ends the message.
    (State.RCPT, Phase.CHUNK): State.CHUNKS,
    (State.CHUNKS, Phase.CHUNK): State.CHUNKS,
    (State.RCPT, Phase.LAST): State.READY,
    (State.CHUNKS, Phase.LAST): State.READY,
    (State.MAIL, Phase.RSET): State.READY,
    (State.RCPT, Phase.RSET): State.READY,
    (State.SPOILED, Phase.RSET): State.READY,
}

# The refusals that change something; after any other the server is where it was.
REFUSED: Mapping[tuple[State, Phase], State] = {
    # RFC 5321 §4.1.1.4: the end of the message ends the transaction, however it is answered.
    (State.DATA, Phase.END): State.READY,
    (State.NOBODY, Phase.END): State.READY,
    # RFC 3030 §2: nobody knows where the server is after that, and RSET is due.  What was sent ahead is refused, too.
    **{
        (state, phase): State.SPOILED
        for state in (State.READY, State.MAIL, State.RCPT, State.CHUNKS)
        for phase in (Phase.CHUNK, Phase.LAST)
    },
}

# RFC 2920 §3.1: after these another command may be sent before they are answered.
GROUPED = frozenset({Phase.RSET, Phase.MAIL, Phase.RCPT})

# The codes that accept, where not every 2yz does.
_ACCEPTING = {
    Phase.GREETING: frozenset({220}),
    Phase.STARTTLS: frozenset({220}),
    # RFC 4954 §6: authenticated, or another question.
    Phase.AUTH: frozenset({235, 334}),
    Phase.DATA: frozenset({354}),
    # What comes before the handshake is over is no answer.
    Phase.TLS: frozenset(),
}
# RFC 5321 §4.2.4: what is said to a command that nobody knows; some say it of messages, with a status that tells.
_UNKNOWN_COMMANDS = frozenset({500, 502})
_COMPLETED = 2
_REFUSING = frozenset({4, 5})


def is_due(phase: Phase, code: int) -> bool:
    """Whether *code* accepts or refuses what was asked in *phase*; any other means nothing there."""
    if code // 100 in _REFUSING:
        return phase is not Phase.TLS
    accepting = _ACCEPTING.get(phase)
    return code // 100 == _COMPLETED if accepting is None else code in accepting


def is_unknown_command(reply: ReceivedReply) -> bool:
    """Whether *reply* says that the server does not know the command, and not that it does not like the message."""
    return reply.code in _UNKNOWN_COMMANDS and reply.enhanced_status[:4] in {"", "5.5."}
