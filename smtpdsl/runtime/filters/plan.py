"""Which filters a listener asks, and when: worked out once, before there is a session.

    filter { "door", "spam" }    CONNECT    door
                                 RCPT_TO    spam
                                 MAIL_FROM  nobody, and yet one of `hooks`: a message begins

A listener without filters has no hooks, and its sessions need not think of any.
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
from smtpdsl.runtime.filters.session import Filter, FilterSession
from smtpdsl.runtime.log import Log


class FilterPlan:
    """The filters of one listener.

    Attributes:
        hooks: When there is something to ask; for other moments a session may skip the question.
        needs_reverse_name: Whether any of them asks for the name of the client, which takes time to find out.
    """

    def __init__(self, filters: Sequence[Filter] = (), *, needs_reverse_name: bool = False) -> None:
        """Ask *filters*, in this order in every phase."""
        self._filters = {hook: tuple(each for each in filters if hook in each.hooks) for hook in Hook}
        hooks = {hook for hook, asked in self._filters.items() if asked}
        # A message begins, and the mark of the last one is none of its own.
        self.hooks = frozenset(hooks | {Hook.MAIL_FROM} if hooks else ())
        self.needs_reverse_name = needs_reverse_name

    def session(self, identifier: str, log: Log) -> FilterSession:
        """Return what asks about the session *identifier*, which `log` knows by this name."""
        return FilterSession(identifier, self._filters, log)


def plan_filters(use: FilterUse | None, tables: Tables) -> FilterPlan:
    """Return the plan of a listener whose option `filter` is *use*; what is served has no programs in it."""
    members = _members(use)
    asks_for_name = any(_asks_for_name(condition.question) for each in members for condition in each.conditions)
    return FilterPlan([Builtin(each, tables) for each in members], needs_reverse_name=asks_for_name)


def _members(use: FilterUse | None) -> tuple[BuiltinFilter, ...]:
    if use is None or use.filter is None:
        return ()
    members = use.filter.members if isinstance(use.filter, FilterChain) else (use.filter,)
    return tuple(map(_builtin, members))


def _builtin(member: ProgramFilter | BuiltinFilter) -> BuiltinFilter:
    assert isinstance(member, BuiltinFilter), "a listener that asks a program is not served"
    return member


def _asks_for_name(question: Question) -> bool:
    if isinstance(question, InTable):
        return question.subject is Subject.RDNS
    return isinstance(question, ConfirmedReverseName | HasReverseName)
