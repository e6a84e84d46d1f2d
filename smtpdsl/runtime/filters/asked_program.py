"""A filter program as a member of a chain, in one session.

connect      mx.client.example|192.0.2.1     reject|550 5.7.1 no    Refuse(550)
mail-from    ann@example.org                 rewrite|<eve@a.example>
data         (an empty field)                no answer              Refuse(451): never a guess
"""

from __future__ import annotations

from collections.abc import Awaitable

from smtpdsl.mail.reply import Reply, parse_reply_text
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.protocol.answers import Result
from smtpdsl.runtime.filters.rulings import JUNK, PROCEED, Refuse, Report, Rewrite, Said
from smtpdsl.runtime.filters.told_session import LostError, ProgramSession
from smtpdsl.text_error import TextError

# RFC 5321 §3.8: whoever says this closes the connection.
_CLOSING = 421
_FOR_NOW = 451
_UNUSABLE = Reply(code=_CLOSING, enhanced_status="4.3.0", lines=("Service not available",))
_NO_NAME = "<unknown>"
# Whoever wants to leave or to begin anew may do so without anybody's advice.
_HARMLESS = frozenset({Hook.RSET, Hook.NOOP, Hook.QUIT})


class AskedProgram:
    """Implements `Filter`."""

    kind = "proc"

    def __init__(self, name: str, place: str, session: ProgramSession) -> None:
        """Ask the program of *session*; the filter is called *name*, and declared at *place*."""
        self.name = name
        self.place = place
        self.session = session

    @property
    def hooks(self) -> frozenset[Hook]:
        """When it wants to be asked."""
        return self.session.hooks

    def decide(self, hook: Hook, facts: Facts) -> Said | Awaitable[Said]:
        """Say what is to be done."""
        return self.lost(hook, self.session.why_lost) if self.session.why_lost else self._ask(hook, facts)

    def lost(self, hook: Hook, why: str) -> Said:
        """Return what is done at *hook* where the program does not answer, for the reason *why*."""
        if hook in _HARMLESS:
            return PROCEED
        # RFC 5321 §4.3.2: in place of a greeting there is 421, and no other code for now.
        code = _CLOSING if hook is Hook.CONNECT else _FOR_NOW
        reply = Reply(code=code, enhanced_status="4.3.0", lines=("Temporary failure",))
        return Refuse(reply=reply, closes=code == _CLOSING, filter=self.name, place=self.place, why=why)

    async def _ask(self, hook: Hook, facts: Facts) -> Said:
        try:
            return self._read(hook, await self.session.ask(hook, *_fields(hook, facts)))
        except LostError as error:
            return self.lost(hook, str(error))

    def _read(self, hook: Hook, result: Result) -> Said:
        match result.decision:
            case "proceed":
                return PROCEED
            case "junk" if hook is Hook.COMMIT:
                # The mark would stand in front of the message, which has been read.
                return Report(text="junk, too late for this message")
            case "junk":
                return JUNK
            case "report":
                return Report(text=result.text)
            case "rewrite":
                return Rewrite(text=result.text, filter=self.name, place=self.place)
        return self._refusal(result.text, closes=result.decision == "disconnect")

    def _refusal(self, text: str, *, closes: bool) -> Refuse:
        try:
            reply, why = parse_reply_text(text), ""
        except TextError as error:
            reply, why = _UNUSABLE, f"the program said what is no reply: {error}"
        closes = closes or reply.code == _CLOSING
        return Refuse(reply=reply, closes=closes, filter=self.name, place=self.place, why=why)


def _fields(hook: Hook, facts: Facts) -> tuple[str, ...]:
    """Return what the program is asked about."""
    match hook:
        case Hook.CONNECT:
            return facts.client.rdns or _NO_NAME, facts.client.source
        case Hook.HELO | Hook.EHLO:
            return (facts.client.helo,)
        case Hook.AUTH:
            return (facts.argument,)
        case Hook.MAIL_FROM:
            return (str(facts.reverse_path.mailbox or "") if facts.reverse_path is not None else "",)
        case Hook.RCPT_TO:
            return (str(facts.recipient or ""),)
    return ()
