"""What becomes of a recipient: the rules, the expansion, and the envelopes or the reply that come out.

    client, reverse-path, recipient
      │ rules           ir.diagram, or ir.semantics with what ir.answers knows of the envelope
      │ expansion       ir.expansion: aliases, virtual users, accounts, .forward
      ▼
    Accepted(envelopes)  or  Refused(reply, rule, why)  or  an awaitable of one of them

Only a server that has given up root, or has tables that live elsewhere, has anything to wait for: what others have to
read for it, or to look up.
The same code answers `smtpdsl explain`, so that the two cannot disagree.  Whatever cannot
be known now is a temporary failure and says why.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeAlias

from smtpdsl.ir.answers import Lookup, Site, answer
from smtpdsl.ir.expansion import Outage, Questions, expand
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account, Delivery, Entry, Expansion, MemberKind
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Question, RelayAction, Table
from smtpdsl.ir.semantics import Answer, Decision, evaluate
from smtpdsl.ir.srs_settings import srs_of
from smtpdsl.ir.table_file import Service
from smtpdsl.ir.table_index import TableIndex, is_system_userbase
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.mail.reply import Reply, parse_reply_text
from smtpdsl.runtime.inquiry import Elsewhere, Inquiry, Others
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.judged_before import JudgedBefore, Noting
from smtpdsl.runtime.log import printable
from smtpdsl.runtime.senders import lets_send, may_send_as


class Outside(Protocol):
    """What lies outside the configuration."""

    def system_account(self, name: str) -> Account | None:
        """An account of this system."""

    def lines(self, path: str) -> tuple[str, ...] | None:
        """The lines of a file of targets, without comments; None if it cannot be read."""

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """The `.forward` of a user; None if there is none."""


class Accepted(NamedTuple):
    """The recipient is taken; these envelopes are what it means."""

    envelopes: tuple[Envelope, ...]


class Refused(NamedTuple):
    """The recipient is not taken; *rule* (file and line) and *why* are for the log."""

    reply: Reply
    rule: str
    why: str


Judgement: TypeAlias = Accepted | Refused


class Policy:
    """Judges recipients by one program."""

    # Nothing that it is asked, see `Inquiry`.
    lacks = False

    def __init__(
        self,
        program: Program,
        site: Site,
        outside: Outside,
        others: Others | None = None,
        tables: Elsewhere | None = None,
        *,
        clock: Callable[[], float] = time.time,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Judge by *program*, at *site*.

        Args:
            program: The rules, and all that they name.
            site: What is local.
            outside: Accounts and files.
            others: Who reads what this process may not.
            tables: Who answers for tables that live elsewhere.
            clock: Gives seconds since 1970, which addresses made by SRS are compared with.
            warn: Told of addresses that look like those and are none.
        """
        self.site = site
        self._srs = srs_of(program.settings)
        self._clock = clock
        self._warn = warn
        self._program = program
        self._outside = outside
        self._others = others
        self.tables = tables
        # Only then there may be something to wait for.
        self._inquires = others is not None or tables is not None
        self._index = TableIndex()
        self._before: JudgedBefore[Accepted] = JudgedBefore()

    def judge(self, client: Client, reverse_path: ReversePath, recipient: Mailbox) -> Judgement | Awaitable[Judgement]:
        """Decide about one recipient of a transaction; what has to be waited for is an awaitable."""
        asked = AskedEnvelope(client=client, reverse_path=reverse_path, recipient=recipient)
        inquiry = Inquiry(self, self._others, self.tables) if self._inquires else None
        judgement = self._judged(asked, inquiry or self)
        if judgement is not None:
            return judgement
        assert inquiry is not None, "nothing else lacks an answer"
        return self._ask(asked, inquiry)

    def _judged(self, asked: AskedEnvelope, questions: Policy | Inquiry) -> Judgement | None:
        """Decide, unless *questions* lack an answer."""
        # What an address of SRS stands for depends on the day.
        is_lasting = self._srs is None or not asked.reverse_path.is_null
        known = self._before.find(asked, questions) if is_lasting else None
        if known is not None and not questions.lacks:
            return known
        noting = Noting(questions)
        expansion = self._expand(asked, noting)
        if questions.lacks:
            return None
        judgement = self._judgement(expansion, asked.recipient)
        if is_lasting and isinstance(judgement, Accepted):
            self._before.note(asked.recipient, noting.notes, judgement)
        return judgement

    async def _ask(self, asked: AskedEnvelope, inquiry: Inquiry) -> Judgement:
        """Decide when everything is known."""
        judgement = None
        while judgement is None:
            await inquiry.find_out()
            judgement = self._judged(asked, inquiry)
        return judgement

    def _expand(self, asked: AskedEnvelope, questions: Questions) -> Expansion:
        return expand(asked, questions, self.site.delimiter, self._decoded if self._srs is not None else None)

    def _decoded(self, recipient: Mailbox) -> Mailbox | str | None:
        return self._srs.returned(recipient, self._clock()) if self._srs is not None else None

    def _judgement(self, expansion: Expansion, recipient: Mailbox) -> Judgement:
        if self._warn is not None:
            for warning in expansion.warnings:
                self._warn(printable(warning))
        failure = expansion.failure
        if failure is not None:
            rule = expansion.decision.rule.span.place if expansion.decision.rule else "none"
            return Refused(_reply(failure.reply), rule, failure.why)
        return Accepted(tuple(_envelope(each, recipient) for each in expansion.deliveries))

    def may_send_as(self, senders: Table, login: str, reverse_path: ReversePath) -> Answer | Awaitable[Answer]:
        """Decide whether *login* may be the sender, as the option `senders` of its listener says."""
        tables = self.tables
        if tables is not None and tables.has(senders):
            return self._may_send_as(tables.value(senders, Service.MAILADDRMAP, login), reverse_path)
        return may_send_as(self._index, senders, login, reverse_path, self.site.delimiter)

    async def _may_send_as(self, found: Awaitable[str | Outage | None], reverse_path: ReversePath) -> Answer:
        value = await found
        return Answer.UNAVAILABLE if isinstance(value, Outage) else lets_send(value, reverse_path, self.site.delimiter)

    # ------------------------------------------------------------ what the expansion asks

    def decide(self, envelope: AskedEnvelope, lookup: Lookup | None = None) -> Decision:
        """Evaluate the rules, asking *lookup* for what lives elsewhere: by their diagram, or one by one without one.

        A client whose name nobody could find out is in no class of the diagram: a rule that asks
        for it cannot be answered, and the others are asked in their order.
        """
        if self._program.diagram is not None and envelope.client.is_rdns_known:
            return self._program.diagram.decide(envelope, lookup or self)

        def ask(question: Question) -> Answer:
            return answer(question, envelope, self.site, lookup or self).answer

        return evaluate(self._program.rules, ask)

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look *key* up in a table of aliases."""
        return self._index.entry(table, key) if table.is_known else Outage.UNAVAILABLE

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Look a user up."""
        if userbase is None or is_system_userbase(userbase):
            return self._outside.system_account(name)
        return self._index.account(userbase, name) if userbase.is_known else Outage.UNAVAILABLE

    def included(self, path: str) -> tuple[str, ...] | None:
        """Read the lines of a file that an alias includes."""
        return self._outside.lines(path)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the `.forward` of a user."""
        return self._outside.forward(account)

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Ask a table that lives elsewhere, where nobody waits for its answer."""
        del table, service, key
        return Answer.UNAVAILABLE


def _envelope(delivery: Delivery, recipient: Mailbox) -> Envelope:
    action = delivery.rule.action
    assert action is not None, "what is rejected is not delivered"
    if isinstance(action, RelayAction):
        return Envelope(Route.RELAY, action.name, recipient, delivery.dest, ttl=action.ttl.value)
    return Envelope(
        Route.LOCAL,
        action.name,
        recipient,
        delivery.dest,
        user=delivery.account.name if delivery.account is not None else "",
        extension=delivery.extension or "",
        ttl=action.ttl.value,
        target=delivery.target if delivery.kind is MemberKind.COMMAND else "",
        file=delivery.target if delivery.kind is MemberKind.FILE else "",
    )


def _reply(text: str) -> Reply:
    """Read the reply of a failure; it may name a member with letters that no reply can carry."""
    return parse_reply_text("".join(each if " " <= each <= "~" else "?" for each in text))
