"""Judges a run by what the vector states and by the checks of README.md.

    codes, conn, accepted, state, never     what the vector states
    1 others are served  2 no fault  3 replies  4 messages  5 the sink  6 resources  7 the log

1, 2 and 6 concern the server as a whole: `rounds` looks at them after several runs, and repeats the
runs alone if something is wrong.  Everything that is found is one sentence: what was expected, and
what was seen.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

from tests.vectors import log_lines
from tests.vectors.codes import Codes
from tests.vectors.evidence import Evidence, accepted
from tests.vectors.format import Vector
from tests.vectors.judge_messages import messages
from tests.vectors.played import PASSWORD, Played
from tests.vectors.steps import Early, Repeat, Slowly, Write

_AUTH = re.compile(rb"^AUTH +[^ \r\n]+ +([^ \r\n]{8,})", re.IGNORECASE | re.MULTILINE)
# In the first line of the reply to EHLO only.
_HELLO = " Hello "


def judge(vector: Vector, played: Played, evidence: Evidence) -> list[str]:
    """Return what is not as *vector* states; nothing if all is well."""
    return [
        *played.problems,
        *_codes(vector, played),
        *_connection(vector, played),
        *_accepted(vector, played),
        *_never(vector, played, evidence),
        *(f"check 3: {problem}" for problem in played.reply_problems),
        *(f"check 4: {problem}" for problem in messages(vector, played, evidence)),
        *(f"check 7: {problem}" for problem in _log(vector, evidence)),
    ]


# ------------------------------------------------------------ what the vector states


def _codes(vector: Vector, played: Played) -> Iterator[str]:
    codes = Codes(vector.codes)
    if _is_data_refused(vector, played) and len(played.codes) > len(vector.codes):
        # The lines of the message are commands then; one reply of them is in `codes`.
        played = played.without_refusals_after(len(vector.codes))
    if codes.fit(played.codes) or (played.is_closed and codes.fit_early(played.codes)):
        return
    last = f", the last is {played.replies[-1].text[:100]!r}" if played.replies else ""
    yield f"expected the codes {' '.join(vector.codes) or 'none'}, seen {_counted(played.codes)}{last}"


def _is_data_refused(vector: Vector, played: Played) -> bool:
    asks = any(isinstance(step, Write) and step.octets.upper() == b"DATA\r\n" for step in vector.steps)
    return asks and "354" not in played.codes


def _counted(codes: Sequence[str]) -> str:
    """Write *codes*; a long row of the same is counted."""
    words: list[tuple[str, int]] = []
    for code in codes:
        if words and words[-1][0] == code:
            words[-1] = (code, words[-1][1] + 1)
        else:
            words.append((code, 1))
    return " ".join(code if count == 1 else f"{code}*{count}" for code, count in words[:20]) or "none"


def _connection(vector: Vector, played: Played) -> Iterator[str]:
    seen = "closed" if played.is_closed else "open"
    if vector.conn not in ("any", seen):
        yield f"expected the connection {vector.conn}, seen {seen}"


def _accepted(vector: Vector, played: Played) -> Iterator[str]:
    count = len(accepted(played))
    if vector.accepted is not None and count > vector.accepted:
        yield f"expected {vector.accepted} accepted messages at most, seen {count}"


def _never(vector: Vector, played: Played, evidence: Evidence) -> Iterator[str]:
    """What has words of its own here; the rest of `never` is in the checks of messages, sink and log."""
    if evidence.pwn is not None and evidence.pwn.exists():
        yield f"never: the file {evidence.pwn} exists"
    secured = [reply for reply in played.replies if reply.over_tls and _HELLO in reply.text]
    if any(line.upper().startswith("STARTTLS") for reply in secured for line in reply.lines):
        yield "never: STARTTLS is offered over TLS"
    for words in vector.never:
        named = re.fullmatch(r"session user (\S+)", words)
        if named and any(f"user={named[1]}".encode() in line and b"result=ok" in line.lower() for line in evidence.log):
            yield f"never: {words}"
        lookup = re.fullmatch(r"a lookup or delivery for (\S+)", words)
        if lookup and any(lookup[1].encode() in line for line in evidence.log):
            yield f"never: {words}"


# ------------------------------------------------------------ check 7


def _log(vector: Vector, evidence: Evidence) -> Iterator[str]:
    yield from log_lines.faults(evidence.log)
    yield from log_lines.broken_lines(evidence.log)
    yield from log_lines.leaks(evidence.log, _secrets(vector))


def _secrets(vector: Vector) -> set[bytes]:
    """What the client says in AUTH, and the password of the fixture."""
    octets = b"".join(step.octets for step in vector.steps if isinstance(step, Write | Repeat | Slowly | Early))
    spoken = {found.rstrip(b"\r\n") for found in _AUTH.findall(octets)}
    return {PASSWORD.encode(), b64encode(PASSWORD.encode()), *spoken}
