"""A filter that is written in the configuration: conditions, and what to do if all of them hold.

    phase connect match !fcrdns src <dialup> reject "550 5.7.25 …"

    not confirmed and in the table    Refuse(550)
    confirmed, or not in the table    Proceed
    cannot be told now                Refuse(451): neither mail nor a sender is guessed about

A condition that does not hold decides alone, whatever the others would say if they could.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple

from smtpdsl.ir.resolved import BuiltinFilter, Decision, FilterCondition, InTable, Question, Subject
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.reply import Reply, parse_reply_text
from smtpdsl.runtime.filters.conditions import Later, Tables, answering
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.rulings import BYPASS, JUNK, PROCEED, Refuse, Report, Rewrite, Said
from smtpdsl.text_error import TextError

# RFC 5321 §3.8: whoever says this closes the connection.
_CLOSING = 421
_FOR_NOW = 451
# What the author wrote is no reply, which `check` has told.
_UNUSABLE = Reply(code=_CLOSING, enhanced_status="4.3.5", lines=("Service not available",))


class _Doubt(NamedTuple):
    """What the client is told where a condition cannot be answered, and what the log is."""

    status: str
    text: str
    why: str


# RFC 7372 §3.2.
_ABOUT_NAME = _Doubt(
    "4.7.25",
    "Temporary failure: your reverse DNS name could not be looked up",
    "the reverse DNS name cannot be found out now",
)


class Builtin:
    """A built-in filter."""

    kind = "builtin"

    def __init__(self, source: BuiltinFilter, tables: Tables) -> None:
        """Do as *source* says, asking *tables*."""
        self.name = source.name
        self.place = source.span.place
        self.hooks = frozenset({Hook(source.phase.value)})
        self._parts = [(each, answering(each.question, tables)) for each in source.conditions]
        self._said = self._reading(source.decision)

    def decide(self, hook: Hook, facts: Facts) -> Said | Awaitable[Said]:
        """Say what is to be done at *hook*."""
        doubtful: FilterCondition | None = None
        later: list[tuple[FilterCondition, Later]] = []
        for condition, answer in self._parts:
            found = answer(facts)
            if not isinstance(found, Answer):
                later.append((condition, found))
            elif found is (Answer.YES if condition.negated else Answer.NO):
                return PROCEED
            elif found is Answer.UNAVAILABLE:
                doubtful = doubtful or condition
        if later:
            return self._decide_later(later, doubtful, hook, facts)
        return self._decided(doubtful, hook, facts)

    async def _decide_later(
        self, later: list[tuple[FilterCondition, Later]], doubtful: FilterCondition | None, hook: Hook, facts: Facts
    ) -> Said:
        """Decide by the tables that live elsewhere, too: one after the other, until one of them is enough."""
        for condition, ask in later:
            found = await ask()
            if found is (Answer.YES if condition.negated else Answer.NO):
                return PROCEED
            if found is Answer.UNAVAILABLE:
                doubtful = doubtful or condition
        return self._decided(doubtful, hook, facts)

    def _decided(self, doubtful: FilterCondition | None, hook: Hook, facts: Facts) -> Said:
        """Say what is to be done if everything holds but *doubtful*, which nobody can answer."""
        if doubtful is None:
            return self._said
        # Nothing that is done to the session depends on a report.
        return PROCEED if isinstance(self._said, Report) else self._doubt(doubtful.question, hook, facts)

    def _reading(self, decision: Decision) -> Said:
        """Read what is to be said whenever the conditions hold."""
        text = decision.argument.text if decision.argument else ""
        match decision.kind:
            case "junk":
                return JUNK
            case "bypass":
                return BYPASS
            case "report":
                return Report(text=text)
            case "rewrite":
                return Rewrite(text=text, filter=self.name, place=self.place)
        return self._refusal(text, closes=decision.kind == "disconnect")

    def _refusal(self, text: str, *, closes: bool) -> Refuse:
        try:
            reply = parse_reply_text(text)
        except TextError:
            reply = _UNUSABLE
        closes = closes or reply.code == _CLOSING
        return Refuse(reply=reply, closes=closes, filter=self.name, place=self.place)

    def _doubt(self, question: Question, hook: Hook, facts: Facts) -> Refuse:
        """Refuse for now."""
        about = _ABOUT_NAME
        if isinstance(question, InTable) and question.table and not _lacks_name(question, facts):
            about = _Doubt("4.3.0", "Temporary failure", f"{question.table.shown} cannot be asked now")
        # RFC 5321 §4.3.2: in place of a greeting there is 421, and no other code for now.
        code = _CLOSING if hook is Hook.CONNECT else _FOR_NOW
        reply = Reply(code=code, enhanced_status=about.status, lines=(about.text,))
        return Refuse(reply=reply, closes=code == _CLOSING, filter=self.name, place=self.place, why=about.why)


def _lacks_name(question: InTable, facts: Facts) -> bool:
    return question.subject is Subject.RDNS and facts.client.rdns is None
