"""The program behind the listener `mx-filtered`: it is asked in every phase, and speaks version 0.7 of the protocol.

    judge      lets everything pass, but a message with a line `x-filter: reject`
    die        kills itself at the first event
    garbage    answers what nobody can read

A report whose fields are not where they belong ends it with a complaint, which is in the log then.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator

PHASES = ("connect", "helo", "ehlo", "starttls", "auth", "mail-from", "rcpt-to", "data", "data-line", "commit")
# How many fields each event has at least, and at most unless the last one may hold any text.
_IDENTIFY_FIELDS = 8
_GARBAGE = ("filter-result|zz|", "filter-result|0123456789abcdef|0123456789abcdef|proceed", "x" * (1 << 20))


def answers(lines: Iterable[str], behaviour: str) -> Iterator[str]:
    """Yield what is said to *lines*; the handshake comes first."""
    rejected: set[str] = set()
    for line in lines:
        fields = line.rstrip("\n").split("|")
        if fields[:2] == ["config", "ready"]:
            # What a client hears in place of the greeting is no answer to what a vector says.
            phases = PHASES if behaviour == "judge" else PHASES[1:]
            yield from (f"register|filter|smtp-in|{phase}" for phase in phases)
            yield "register|report|smtp-in|link-identify"
            yield "register|ready"
        elif fields[0] == "config":
            continue
        elif behaviour == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif behaviour == "garbage":
            yield from _GARBAGE
        elif fields[0] == "filter":
            yield _judge(line.rstrip("\n"), rejected)
        elif fields[4:5] == ["link-identify"] and (len(fields) < _IDENTIFY_FIELDS or fields[6] not in ("HELO", "EHLO")):
            message = f"an event with shifted fields: {line!r}"
            raise SystemExit(message)


def _judge(line: str, rejected: set[str]) -> str:
    """Answer a question of the filter stream; what comes after the token may hold anything."""
    _, _, _, _, phase, session, token, parameter = line.split("|", 7)
    if phase == "data-line":
        if parameter == "x-filter: reject":
            rejected.add(session)
        return f"filter-dataline|{session}|{token}|{parameter}"
    if phase == "commit" and session in rejected:
        rejected.discard(session)
        return f"filter-result|{session}|{token}|reject|550 5.7.1 the filter refuses it"
    return f"filter-result|{session}|{token}|proceed"


def main() -> None:
    """Talk to the server on standard input and output."""
    try:
        for answer in answers(sys.stdin, sys.argv[1]):
            print(answer, flush=True)  # noqa: T201 - that is how it speaks
    except BrokenPipeError:
        # Nobody listens to nonsense for long, and what is left of it is lost.
        os._exit(1)


if __name__ == "__main__":
    main()
