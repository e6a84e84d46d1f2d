"""A chain of filters that is asked about one session.

    connect     "friends" Proceed ▶ "log" Report ▶ "dialup" Junk      "names" is not asked
    mail-from   "friends" Bypass                                      nobody is asked any more

In each phase the filters that act in it are asked in order, until one says something
else than that the others are to be asked too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.rulings import PROCEED, Bypass, Junk, Proceed, Report, Rewrite, Ruling, Said
from smtpdsl.runtime.log import Log

# Before these a message has begun, so it is the message that is marked.
_OF_A_MESSAGE = frozenset({Hook.MAIL_FROM, Hook.RCPT_TO, Hook.DATA, Hook.DATA_LINE, Hook.COMMIT})


class Filter(Protocol):
    """A member of a chain; what it knows of a session besides is its own affair."""

    name: str
    """As the configuration calls it."""
    place: str
    """The file and the line where it is declared."""
    kind: str
    """How it is called when it reports: ``builtin``, or ``proc`` for a program."""

    @property
    def hooks(self) -> frozenset[Hook]:
        """When it wants to be asked."""

    def decide(self, hook: Hook, facts: Facts) -> Said | Awaitable[Said]:
        """Say what is to be done; an awaitable suspends the session."""


class Listener(Protocol):
    """Who hears what filters have said."""

    def filter_reported(self, kind: str, name: str, text: str) -> None:
        """The filter *name*, ``builtin`` or a program (``proc``), reports *text*."""

    def filters_ruled(self, hook: Hook, ruling: Ruling) -> None:
        """All of them together have decided."""


class FilterSession:
    """What filters say of one session, and what they have said.

    Attributes:
        listener: Who hears of that, if anybody.
    """

    __slots__ = ("_asked_at", "_bypassed_at", "_identifier", "_is_message_junk", "_junk_since", "_log", "listener")

    def __init__(self, identifier: str, asked_at: Callable[[Hook], Sequence[Filter]], log: Log) -> None:
        """Ask about the session *identifier*; *asked_at* says whom."""
        self._identifier = identifier
        self._asked_at = asked_at
        self._log = log
        self.listener: Listener | None = None
        self._bypassed_at: Hook | None = None
        self._junk_since: Hook | None = None
        self._is_message_junk = False

    def secured(self) -> None:
        """Forget what was decided by what the client said in the clear (RFC 3207 §4.2), which others may have said."""
        if self._bypassed_at is not Hook.CONNECT:
            self._bypassed_at = None
        if self._junk_since is not Hook.CONNECT:
            self._junk_since = None

    @property
    def is_bypassed(self) -> bool:
        """Whether nobody is asked any more."""
        return self._bypassed_at is not None

    @property
    def is_junk(self) -> bool:
        """Whether the message that is under way is to be marked."""
        return self._junk_since is not None or self._is_message_junk

    def ask(self, hook: Hook, facts: Facts) -> Ruling | Awaitable[Ruling]:
        """Ask the filters of *hook*.

        One question at a time: the next one waits for the answer to this one.
        """
        if hook is Hook.MAIL_FROM:
            self._is_message_junk = False
        ruling = PROCEED if self._bypassed_at else self._walk(hook, facts, self._asked_at(hook))
        if self.listener is None:
            return ruling
        if isinstance(ruling, Awaitable):
            return self._awaited(hook, ruling, self.listener)
        self.listener.filters_ruled(hook, ruling)
        return ruling

    async def _awaited(self, hook: Hook, answer: Awaitable[Ruling], listener: Listener) -> Ruling:
        ruling = await answer
        listener.filters_ruled(hook, ruling)
        return ruling

    def reported(self, kind: str, name: str, place: str, hook: str, text: str) -> None:
        """Tell what the filter *name*, declared at *place*, reports."""
        about = {"phase": hook, "filter": name, "decision": "report", "text": text, "rule": place}
        self._log.event(self._identifier, "smtp filter", about)
        if self.listener is not None:
            self.listener.filter_reported(kind, name, text)

    def _walk(self, hook: Hook, facts: Facts, filters: Sequence[Filter]) -> Ruling | Awaitable[Ruling]:
        for position, each in enumerate(filters, 1):
            said = each.decide(hook, facts)
            if isinstance(said, Awaitable):
                return self._walk_on(hook, facts, each, said, filters[position:])
            ruling = self._take(hook, each, said)
            if ruling is not None:
                return ruling
        return PROCEED

    async def _walk_on(
        self, hook: Hook, facts: Facts, asked: Filter, answer: Awaitable[Said], rest: Sequence[Filter]
    ) -> Ruling:
        ruling = self._take(hook, asked, await answer)
        if ruling is not None:
            return ruling
        later = self._walk(hook, facts, rest)
        return await later if isinstance(later, Awaitable) else later

    def _take(self, hook: Hook, each: Filter, said: Said) -> Ruling | None:
        """Note what *each* has said; None if the next one is to be asked."""
        match said:
            case Proceed():
                return None
            case Report():
                self.reported(each.kind, each.name, each.place, hook.value, said.text)
                return None
            case Bypass():
                self._bypassed_at = hook
                self._tell(hook, each, {"decision": "bypass"})
                return PROCEED
            case Junk():
                if hook in _OF_A_MESSAGE:
                    self._is_message_junk = True
                else:
                    self._junk_since = self._junk_since or hook
                self._tell(hook, each, {"decision": "junk"})
            case Rewrite() if hook is Hook.CONNECT:
                # There is no command yet; that it has no effect has been said.
                return PROCEED
            case Rewrite():
                # The argument of AUTH is a password.
                shown = {} if hook is Hook.AUTH else {"text": said.text}
                self._tell(hook, each, {"decision": "rewrite", **shown})
        return said

    def _tell(self, hook: Hook, each: Filter, values: dict[str, object]) -> None:
        about: dict[str, object] = {"phase": hook.value, "filter": each.name}
        self._log.event(self._identifier, "smtp filter", {**about, **values, "rule": each.place})
