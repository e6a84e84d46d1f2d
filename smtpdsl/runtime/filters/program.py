"""A filter program, and the sessions that it is asked about.

    register|ready ─▶ ready     what it wants to hear and when it is asked is known from here on
    report|…          ──▶       to each session that it knows, by the session's identifier
    filter|…          ──▶
    filter-result|…   ◀──

A program that ends has forgotten its sessions: what it was asked gets no answer, and those
sessions are `lost` to the next one that is started in its place, which would not know them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.runtime.filters.protocol.answers import Said, read_answer
from smtpdsl.runtime.filters.protocol.handshake import Registration, configuration
from smtpdsl.runtime.filters.protocol.versions import Version, version_for
from smtpdsl.runtime.filters.told_session import ProgramSession
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.programs.limits import USUAL_LIMITS, ProgramLimits
from smtpdsl.runtime.programs.starting import Starter
from smtpdsl.runtime.programs.supervised import SupervisedProgram


class Patience(NamedTuple):
    """How long a program may take, in seconds.

    Attributes:
        start: A session waits so long for one that is being started.
        answer: It may think about a question.
        message: It may keep a message that it has read.
    """

    start: float = 5.0
    answer: float = 60.0
    message: float = 300.0


class FilterTerms(NamedTuple):
    """What filter programs are told of this server, and how long they may take; *clock* gives seconds since 1970."""

    admd: str
    timeout: int
    clock: Callable[[], float]
    patience: Patience = Patience()
    limits: ProgramLimits = USUAL_LIMITS


class FilterProgram:
    """A program that is asked; implements `Talker`."""

    def __init__(self, command: ProgramCommand, starter: Starter, log: Log, terms: FilterTerms, place: str) -> None:
        """Ask what *starter* starts by *command*, which is declared at *place*: a file and a line."""
        self.name = command.name
        self.place = place
        self.terms = terms
        self.version: Version = version_for(command.command)
        self.registration = Registration()
        self.heard_at = 0.0
        self.process = SupervisedProgram(command, starter, self, log, terms.limits)
        self._log = log
        self._sessions: dict[str, ProgramSession] = {}
        self._tokens = itertools.count(1)
        self._has_complained = False

    # ------------------------------------------------------------ what it says

    def began(self) -> None:
        """Tell it who we are."""
        self.registration = Registration()
        self._has_complained = False
        self.process.send(configuration(self.version, self.terms.admd, self.terms.timeout))

    def heard(self, line: bytes) -> None:
        """Take the next *line* of it.

        Raises:
            ProtocolError: That is nonsense.
        """
        if not self.registration.is_complete:
            self.registration.read(line)
            if self.registration.is_complete:
                self.process.ready()
            return
        self.heard_at = asyncio.get_running_loop().time()
        said = read_answer(line, self.version)
        session = self._sessions.get(said.session)
        # Who has left is not waited for any more, and its answer may be on the way.
        if session is not None and not session.hear(said):
            self._complain(said)

    def ended(self, why: str) -> None:
        """Let nobody wait for it."""
        sessions, self._sessions = self._sessions, {}
        for each in sessions.values():
            each.lose(f"the program {why}")

    def _complain(self, said: Said) -> None:
        """Tell that it answered what nobody asked, once in its life: it is not in the way of anybody."""
        if not self._has_complained:
            self._has_complained = True
            kind = type(said).__name__
            self._log.warn(f'the program "{self.name}" gave an answer that nobody waits for ({kind}); it is ignored')

    # ------------------------------------------------------------ for sessions

    def next_token(self) -> str:
        """Return what the next answer is known by."""
        return f"{next(self._tokens) & 0xFFFFFFFFFFFFFFFF:016x}"

    def enter(self, session: ProgramSession) -> None:
        """Let *session* hear its answers."""
        self._sessions[session.id] = session

    def leave(self, session: ProgramSession) -> None:
        """Let *session* hear nothing more."""
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]
