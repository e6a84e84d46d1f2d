"""Which filters a listener asks, and when: worked out once, before there is a session.

    filter { "door", "spam" }    CONNECT    door
                                 RCPT_TO    spam
                                 MAIL_FROM  nobody, and yet one of `hooks`: a message begins

A listener without filters has no hooks, and its sessions need not think of any.  Where a program is
among them, every moment is one of `hooks`: it wants to hear of the session as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtpdsl.ir.resolved import (
    BuiltinFilter,
    ConfirmedReverseName,
    FilterChain,
    FilterUse,
    HasReverseName,
    InTable,
    ProgramFilter,
    Question,
    Subject,
)
from smtpdsl.runtime.filters.builtin import Builtin
from smtpdsl.runtime.filters.conditions import Tables
from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.program import FilterProgram
from smtpdsl.runtime.filters.program_session import ProgramFilterSession, ProgramMember
from smtpdsl.runtime.filters.programs import NO_PROGRAMS, FilterPrograms
from smtpdsl.runtime.filters.session import Filter, FilterSession
from smtpdsl.runtime.log import Log


class FilterPlan:
    """The filters of one listener, none of which is a program.

    Attributes:
        hooks: When there is something to ask; for other moments a session may skip the question.
        needs_reverse_name: Whether any of them asks for the name of the client, which takes time to find out.
        programs: The programs that are asked, each of them once.
    """

    programs: tuple[FilterProgram, ...] = ()

    def __init__(self, filters: Sequence[Filter] = (), *, needs_reverse_name: bool = False) -> None:
        """Ask *filters*, in this order in every phase."""
        self._filters = {hook: tuple(each for each in filters if hook in each.hooks) for hook in Hook}
        hooks = {hook for hook, asked in self._filters.items() if asked}
        # A message begins, and the mark of the last one is none of its own.
        self.hooks = frozenset(hooks | {Hook.MAIL_FROM} if hooks else ())
        self.needs_reverse_name = needs_reverse_name

    def session(self, identifier: str, log: Log) -> FilterSession:
        """Return what asks about the session *identifier*, which `log` knows by this name."""
        return FilterSession(identifier, self._filters.__getitem__, log)


class ProgramPlan(FilterPlan):
    """The filters of one listener, programs among them: those say themselves when they are asked."""

    def __init__(self, members: Sequence[Filter | ProgramMember]) -> None:
        """Ask *members*, in this order in every phase."""
        super().__init__(needs_reverse_name=True)
        self._members = tuple(members)
        self.hooks = frozenset(Hook)
        self.programs = tuple(dict.fromkeys(each.program for each in members if isinstance(each, ProgramMember)))

    def program_session(self, identifier: str, log: Log) -> ProgramFilterSession:
        """Return what asks about the session *identifier*, and tells the programs what happens in it."""
        return ProgramFilterSession(identifier, self._members, self.programs, log)


def plan_filters(use: FilterUse | None, tables: Tables, programs: FilterPrograms = NO_PROGRAMS) -> FilterPlan:
    """Return the plan of a listener whose option `filter` is *use*; its programs are among *programs*."""
    members = _members(use)
    if any(isinstance(each, ProgramFilter) for each in members):
        return ProgramPlan([_member(each, tables, programs) for each in members])
    builtin = [each for each in members if isinstance(each, BuiltinFilter)]
    asks_for_name = any(_asks_for_name(condition.question) for each in builtin for condition in each.conditions)
    return FilterPlan([Builtin(each, tables) for each in builtin], needs_reverse_name=asks_for_name)


def _members(use: FilterUse | None) -> tuple[ProgramFilter | BuiltinFilter, ...]:
    if use is None or use.filter is None:
        return ()
    return use.filter.members if isinstance(use.filter, FilterChain) else (use.filter,)


def _member(member: ProgramFilter | BuiltinFilter, tables: Tables, programs: FilterPrograms) -> Filter | ProgramMember:
    if isinstance(member, BuiltinFilter):
        return Builtin(member, tables)
    assert member.proc is not None, "a filter without its program is an error"
    return ProgramMember(member.name, member.span.place, programs.program(member.proc))


def _asks_for_name(question: Question) -> bool:
    if isinstance(question, InTable):
        return question.subject is Subject.RDNS
    return isinstance(question, ConfirmedReverseName | HasReverseName)
