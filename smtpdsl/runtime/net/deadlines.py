"""How long a client may take; pure, the time is an argument.

    HANDSHAKE   a PROXY header, a TLS handshake        handshake-timeout, however many octets come
    COMMAND     no command yet                         idle-timeout
    PARTIAL     a command has begun, its CRLF is due   command-timeout, however many octets come
    CONTENT     mail data                              data-grace, then each octet buys 1/min-data-rate
                                                       seconds; idle-timeout of silence at most, and
                                                       data-timeout in all
    UNREAD      it does not take our replies           command-timeout

Between `pause` and `resume` we are at work, and no time passes for the client.

A slow client is no slower for being split in another way: nothing here counts reads.

    deadlines = Deadlines(timeouts, now)
    deadlines.heard(now, len(octets))                       # each time octets come
    look_at = deadlines.go_on(now, Phase.COMMAND, step)     # after the work that they gave
    if (overdue := deadlines.due(now)) is not None:         # at `look_at`
        ...
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from operator import attrgetter
from typing import NamedTuple

from smtpdsl.mail.reply import Reply


class Timeouts(NamedTuple):
    """Limits of time, in seconds, and the least rate of mail data, in octets a second; a rate of 0 is none."""

    # RFC 5321 §4.5.3.2.7: a server waits at least five minutes for a command.
    idle: float = 300.0
    command: float = 60.0
    handshake: float = 30.0
    data: float = 7200.0
    data_grace: float = 60.0
    min_data_rate: int = 500


class Phase(Enum):
    """What the client is at."""

    # A member is equal to itself only; hashing its name, as Enum does, costs a call for each command.
    __hash__ = object.__hash__

    HANDSHAKE = auto()
    COMMAND = auto()
    PARTIAL = auto()
    CONTENT = auto()
    UNREAD = auto()


# It is asked for each time that octets come, and a member of an enumeration takes long to find.
_CONTENT = Phase.CONTENT


class Overdue(NamedTuple):
    """Why the session ends; no reply where the client could not read one."""

    why: str
    reply: Reply | None


def _overdue(why: str, text: str) -> Overdue:
    # RFC 3463 §3.5: X.4.2, the connection cannot do what it is for.
    return Overdue(why, Reply(code=421, enhanced_status="4.4.2", lines=(f"{text}, closing the connection",)))


IDLE = _overdue("idle for too long", "Idle for too long")
SLOW_COMMAND = _overdue("command not complete in time", "That command took too long")
SLOW_CONTENT = _overdue("mail data too slow", "Mail data came too slowly")
LONG_CONTENT = _overdue("mail data not complete in time", "Mail data took too long")
NO_HANDSHAKE = Overdue("no handshake in time", None)
UNREAD_REPLIES = Overdue("replies not read in time", None)

_LIMITS = {
    Phase.HANDSHAKE: attrgetter("handshake"),
    Phase.COMMAND: attrgetter("idle"),
    Phase.PARTIAL: attrgetter("command"),
    Phase.UNREAD: attrgetter("command"),
}
_OVERDUE = {
    Phase.HANDSHAKE: NO_HANDSHAKE,
    Phase.COMMAND: IDLE,
    Phase.PARTIAL: SLOW_COMMAND,
    Phase.CONTENT: SLOW_CONTENT,
    Phase.UNREAD: UNREAD_REPLIES,
}


class Deadlines:
    """The deadline of one session.

    Invariant: within a phase the deadline only ever moves to the future.

    Attributes:
        phase: What the client is at.
    """

    __slots__ = ("_due", "_latest", "_paused", "_step", "_timeouts", "phase")

    def __init__(self, timeouts: Timeouts, now: float, phase: Phase = Phase.COMMAND) -> None:
        """Begin with *phase*: HANDSHAKE where the client has to speak first."""
        self._timeouts = timeouts
        self._paused: float | None = None
        self._due = self._latest = inf
        self._begin(now, phase, 0)

    def enter(self, now: float, phase: Phase, step: int = 0) -> None:
        """Say what the client is at; the same phase at the same step goes on and keeps its deadline.

        Args:
            now: Seconds, of any clock that only goes forward.
            phase: What is waited for from now on.
            step: A number that changes with each command that was answered, and with each
                message: another command, or another message, has time of its own.
        """
        if phase is not self.phase or step != self._step:
            self._begin(now, phase, step)

    def heard(self, now: float, octets: int) -> None:
        """Take notice of *octets* that came from the client; they count for mail data alone."""
        if self.phase is not _CONTENT:
            return
        timeouts = self._timeouts
        bought = octets / timeouts.min_data_rate if timeouts.min_data_rate else inf
        # What came fast is no licence to say nothing for hours.
        silence = now + max(timeouts.idle, timeouts.data_grace)
        self._due = min(self._due + bought, silence)

    def pause(self, now: float) -> None:
        """Stop the clock: we are at work, and the client waits for us."""
        if self._paused is None:
            self._paused = now

    def resume(self, now: float) -> None:
        """Let the clock go on; what we took is not the client's."""
        if self._paused is not None:
            self._due += now - self._paused
            self._latest += now - self._paused
            self._paused = None

    def go_on(self, now: float, phase: Phase, step: int) -> float:
        """Let the clock go on for a client that is at *phase*, as `enter` has it.

        Returns:
            The moment from which on `due` may have an answer, if nothing is heard.
        """
        if self._paused is not None:
            self.resume(now)
        if phase is not self.phase or step != self._step:
            self._begin(now, phase, step)
        return min(self._due, self._latest)

    def due(self, now: float) -> Overdue | None:
        """Return why the session must end now; None as long as it may go on."""
        if now < self._end:
            return None
        if self.phase is _CONTENT and now < self._due:
            return LONG_CONTENT
        return _OVERDUE[self.phase]

    def next_look(self, now: float) -> float:
        """Return in how many seconds `due` may have an answer, if nothing is heard; `inf` if it will have none."""
        return max(0.0, self._end - now)

    @property
    def _end(self) -> float:
        return min(self._due, self._latest) if self._paused is None else inf

    def _begin(self, now: float, phase: Phase, step: int) -> None:
        timeouts = self._timeouts
        self.phase, self._step = phase, step
        if phase is _CONTENT:
            self._due = now + (timeouts.data_grace if timeouts.min_data_rate else timeouts.idle)
            self._latest = now + timeouts.data
        else:
            self._due = now + _LIMITS[phase](timeouts)
            self._latest = inf
        if self._paused is not None:
            self._paused = now
