"""What became of a recipient, in words that an administrator can act on.

250 2.0.0 queued as 4F2A                                          accepted
550 5.1.1 no such user (said mx.example[192.0.2.1]:25 to RCPT)    refused for good
no answer of mx.example[192.0.2.1]:25 to RCPT within 300 seconds  to be tried again
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from smtpdsl.mail.ip import ipv4_value
from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.replies import ReceivedReply, ReplyError

# What OpenSMTPD keeps of the text of an error.
MAX_TEXT_OCTETS = 2047

BROKEN_SESSION = "4.4.2"
BROKEN_PROTOCOL = "4.5.0"
LOOP = "4.4.6"


# What `of_answer` says of a refusal, at the end of a text; a peer is NAME[ADDRESS]:PORT, or the address alone.
_ANSWER = re.compile(r"(?:^|: )([45][0-9]{2}(?: [^\n]*)?) \(said (\S+):[0-9]+ [^()]*\)\Z")


class Judgement(Enum):
    """Whether a message reached a recipient, and whether it is worth another attempt."""

    # As those of `Phase`.
    __hash__ = object.__hash__

    ACCEPTED = 2
    TEMPORARY = 4
    PERMANENT = 5


class Verdict(NamedTuple):
    """What became of one recipient; *text* is one line of printable ASCII, *status* an enhanced status."""

    judgement: Judgement
    text: str
    status: str


def of_answer(reply: ReceivedReply, peer: str, phase: Phase) -> Verdict:
    """Tell what *peer* answered; its code decides, and is 2yz, 4yz or 5yz."""
    judgement = Judgement(reply.code // 100)
    status = reply.enhanced_status or f"{judgement.value}.0.0"
    where = "" if judgement is Judgement.ACCEPTED else f" (said {peer} {phase.value})"
    return Verdict(judgement, shortened(reply.one_line, where), status)


class Answer(NamedTuple):
    """What a server answered, and its name, or its address in brackets."""

    text: str
    host: str


def answer_in(text: str) -> Answer | None:
    """Return the answer that *text*, the one of a `Verdict` or a text that ends with it, tells of; None if of none."""
    found = _ANSWER.search(text)
    if found is None:
        return None
    name, bracket, rest = found[2].partition("[")
    if bracket:
        return Answer(found[1], name or bracket + rest)
    return Answer(found[1], f"[{name}]" if ipv4_value(name) is not None else name)


def temporary(text: str, status: str) -> Verdict:
    """Tell of trouble that may pass."""
    return Verdict(Judgement.TEMPORARY, shortened(text), status)


def permanent(text: str, status: str) -> Verdict:
    """Tell of what no other attempt can change."""
    return Verdict(Judgement.PERMANENT, shortened(text), status)


def for_now(verdict: Verdict) -> Verdict:
    """Make *verdict* a temporary one: it is about the server, or about this session, and not about a recipient."""
    return verdict._replace(judgement=Judgement.TEMPORARY, status=f"4{verdict.status[1:]}")


def malformed(error: ReplyError, peer: str, phase: Phase) -> Verdict:
    """Tell of octets that are no reply."""
    return temporary(f"malformed answer of {peer} {phase.value}: {error}", BROKEN_PROTOCOL)


def unexpected(reply: ReceivedReply, peer: str, phase: Phase) -> Verdict:
    """Tell of a reply that means nothing where it came."""
    return temporary(shortened(f"unexpected answer of {peer} {phase.value}: {reply.one_line}"), BROKEN_PROTOCOL)


def early(peer: str, phase: Phase) -> Verdict:
    """Tell of an answer that came before the question, and would be taken for the answer to another one."""
    return temporary(f"{peer} sent more than its answer {phase.value}", BROKEN_PROTOCOL)


def lost(peer: str, phase: Phase, reason: str) -> Verdict:
    """Tell of a connection that ended."""
    if phase in {Phase.END, Phase.LAST}:
        text = f"the connection to {peer} was lost after the message was sent: it may have arrived ({reason})"
    elif phase is Phase.CONTENT:
        text = f"the connection to {peer} was lost while the message was sent ({reason})"
    elif phase is Phase.IDLE:
        text = f"the connection to {peer} was lost ({reason})"
    else:
        text = f"the connection to {peer} was lost before it answered {_question(phase)} ({reason})"
    return temporary(text, BROKEN_SESSION)


def silent(peer: str, phase: Phase, seconds: float) -> Verdict:
    """Tell of a server that does nothing."""
    if phase is Phase.CONTENT:
        text = f"{peer} took nothing of the message for {seconds:g} seconds"
    elif phase is Phase.GREETING:
        text = f"no greeting of {peer} within {seconds:g} seconds"
    else:
        text = f"no answer of {peer} {phase.value} within {seconds:g} seconds"
        text += ": the message may have arrived" if phase in {Phase.END, Phase.LAST} else ""
    return temporary(text, BROKEN_SESSION)


def unsecured(peer: str, reason: str) -> Verdict:
    """Tell of a handshake that failed."""
    return temporary(f"no TLS with {peer}: {reason}", "4.7.5")


def loop(peer: str, name: str) -> Verdict:
    """Tell of a next hop that has our own name.

    Temporary, since it is the configuration that is wrong: whoever mends it frees the mail.
    """
    text = f'{peer} calls itself "{name}" as this server does: sent there, the message would come back'
    return temporary(text, LOOP)


def shortened(text: str, tail: str = "") -> str:
    """Return *text* and *tail* in at most `MAX_TEXT_OCTETS`; what is too long is cut out of *text*."""
    room = MAX_TEXT_OCTETS - len(tail)
    return (text if len(text) <= room else text[: room - 3] + "...") + tail


def _question(phase: Phase) -> str:
    return "at all" if phase is Phase.GREETING else phase.value.removeprefix("to ")
