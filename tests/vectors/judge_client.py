"""Judges what our own client did with a server that the harness played.

state    what became of the recipient: delivered, temp, perm, or mixed for several
never    what the server must not have heard
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.vectors.evidence import Evidence
from tests.vectors.format import Vector
from tests.vectors.log_lines import broken_lines, faults
from tests.vectors.remote import Conversation

_STATES = {"Ok": "delivered", "TempFail": "temp", "PermFail": "perm"}
_UNENCRYPTED = re.compile(r"([A-Z]+) on an unencrypted connection")


def state_of(results: Sequence[str]) -> str:
    """Name what became of the recipients, by the *results* of their attempts."""
    states = {_STATES.get(result, result) for result in results}
    if not states:
        return "not tried"
    return "mixed" if len(states) > 1 else states.pop()


def judge_client(vector: Vector, evidence: Evidence, conversations: Sequence[Conversation]) -> list[str]:
    """Return what is not as *vector* states."""
    seen = state_of([each.result for each in evidence.attempts])
    problems = [] if seen in vector.states else [f"expected the state {'|'.join(sorted(vector.states))}, seen {seen}"]
    if evidence.pwn is not None and evidence.pwn.exists():
        problems.append(f"never: the file {evidence.pwn} exists")
    problems += _never(vector, conversations)
    problems += [f"check 7: {problem}" for problem in (*faults(evidence.log), *broken_lines(evidence.log))]
    return problems


def _never(vector: Vector, conversations: Sequence[Conversation]) -> Iterator[str]:
    for words in vector.never:
        clear = _UNENCRYPTED.fullmatch(words)
        heard = [command for each in conversations for command in each.commands]
        if clear and any(command.upper().startswith(clear[1]) for command in heard):
            yield f"never: {words}"
        if words == "body bytes at the server" and _has_body(conversations):
            yield f"never: {words}"


def _has_body(conversations: Sequence[Conversation]) -> bool:
    """Whether a server got anything of a message, be it as commands that it did not understand."""
    strange = any(command.startswith(("Received:", "Subject:")) for each in conversations for command in each.commands)
    return strange or any(each.body_octets for each in conversations)
