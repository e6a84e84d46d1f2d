"""A chain with programs in it, that is asked about one session and told what happens in it.

"door" ▶ rspamd ▶ "late" ▶ dkimsign      each phase: those that want to be asked, in this order
         └────────────────── └────────── what happens: each process that wants to hear of it, once
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import NamedTuple

from smtpdsl.runtime.filters.asked_program import AskedProgram
from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.program import FilterProgram
from smtpdsl.runtime.filters.session import Filter, FilterSession
from smtpdsl.runtime.filters.told_session import ProgramSession
from smtpdsl.runtime.log import Log


class ProgramMember(NamedTuple):
    """A member of a chain that is a program: what the filter is called, where it is declared, and who is asked."""

    name: str
    place: str
    program: FilterProgram


class ProgramFilterSession(FilterSession):
    """What filters say of one session; some of them are programs."""

    __slots__ = ("_members", "sessions")

    def __init__(
        self,
        identifier: str,
        members: Sequence[Filter | ProgramMember],
        programs: Sequence[FilterProgram],
        log: Log,
    ) -> None:
        """Ask *members* about the session *identifier*; each of *programs* knows it once."""
        super().__init__(identifier, self._wanting, log)
        self.sessions = tuple(ProgramSession(each, identifier, partial(self._told, each.place)) for each in programs)
        of = dict(zip(programs, self.sessions, strict=True))
        self._members: tuple[Filter, ...] = tuple(
            AskedProgram(each.name, each.place, of[each.program]) if isinstance(each, ProgramMember) else each
            for each in members
        )

    def _wanting(self, hook: Hook) -> Sequence[Filter]:
        return [each for each in self._members if hook in each.hooks]

    def _told(self, place: str, name: str, text: str) -> None:
        self.reported("proc", name, place, "none", text)

    @property
    def are_ready(self) -> bool:
        """Whether every program runs, and has said what it wants to hear."""
        return all(each.program.process.is_ready for each in self.sessions)

    async def begin(self) -> None:
        """Let the programs know the session, when they are ready; those that are not soon are lost to it."""
        await asyncio.gather(*(each.begin() for each in self.sessions))

    def enter(self) -> None:
        """Let the programs know the session; all of them are ready."""
        for each in self.sessions:
            each.enter()

    def unread(self) -> Awaitable[object] | None:
        """Return what has to be waited for, because a program does not read; None if each of them does."""
        full = [each.program.process for each in self.sessions if each.program.process.is_full and not each.why_lost]
        return asyncio.gather(*(each.wait_for_room() for each in full)) if full else None

    def leave(self) -> None:
        """Let the programs forget the session."""
        for each in self.sessions:
            each.leave()

    @property
    def readers(self) -> list[AskedProgram]:
        """The programs that read messages, in order."""
        if self.is_bypassed:
            return []
        return [each for each in self._wanting(Hook.DATA_LINE) if isinstance(each, AskedProgram)]
