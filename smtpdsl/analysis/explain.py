"""Why a sender and a recipient get this verdict, and where the message would go.

    Ruleset, Envelope  ->  Explanation

The decision is the reference's (`ir.semantics`), the expansion the server's
(`ir.expansion`), the deliveries those that would be carried out (`ir.delivery`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from smtpdsl.ir.answers import Lookup, Site, Witness, answer
from smtpdsl.ir.delivery import Plan, plan
from smtpdsl.ir.expansion import Outage, expand
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account, Delivery, Entry, Expansion
from smtpdsl.ir.resolved import Condition, LocalAction, Question, Rule, Ruleset, Table
from smtpdsl.ir.semantics import Answer, Decision, Verdict, evaluate
from smtpdsl.ir.srs_settings import srs_of
from smtpdsl.ir.table_file import Service
from smtpdsl.ir.table_index import TableIndex, is_system_userbase
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope

ACCEPTED = "250 2.1.5 Destination address valid: Recipient ok"


class Sources(Lookup, Protocol):
    """What lies outside the configuration: other tables, accounts, files."""

    def system_account(self, name: str) -> Account | None:
        """An account of this system."""

    def lines(self, path: str) -> tuple[str, ...] | None:
        """The lines of a file of targets, without comments; None if it cannot be read."""

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """The `.forward` of a user; None if there is none."""


class Line(NamedTuple):
    """One condition of the trail: what was asked of which envelope, and why it was answered so."""

    rule: Rule
    condition: Condition
    envelope: Envelope
    witness: Witness
    answer: Answer
    """With the negation of the condition applied."""


class Explanation(NamedTuple):
    """A verdict with everything that led to it."""

    envelope: Envelope
    verdict: Verdict
    reply: str
    rule: Rule | None
    """The rule of the recipient as given; members of an expansion may have others."""
    trail: tuple[Line, ...]
    """Every condition asked, of the recipient first, then of the addresses of its expansion."""
    expansion: Expansion
    plans: tuple[Plan, ...]
    notes: tuple[str, ...]
    """What this explanation does not know, and what the log of the server would warn of."""


def explain(ruleset: Ruleset, envelope: Envelope, site: Site, sources: Sources, moment: float) -> Explanation:
    """Trace *envelope* through *ruleset* as at *moment*, in seconds since 1970."""
    asker = _Asker(ruleset, site, sources)
    srs = srs_of(ruleset.settings)

    def decode(recipient: Mailbox) -> Mailbox | str | None:
        return srs.returned(recipient, moment) if srs is not None else None

    expansion = expand(envelope, asker, site.delimiter, decode)
    failure = expansion.failure
    return Explanation(
        envelope=envelope,
        verdict=failure.verdict if failure else Verdict.ACCEPT,
        reply=failure.reply if failure else ACCEPTED,
        rule=expansion.decision.rule,
        trail=tuple(asker.trail),
        expansion=expansion,
        plans=tuple(plan(each, envelope, site, _agent(each, sources)) for each in expansion.deliveries),
        notes=tuple(
            dict.fromkeys(
                [
                    *asker.notes,
                    *_sender_notes(ruleset, envelope),
                    *expansion.warnings,
                ]
            )
        ),
    )


def _agent(delivery: Delivery, sources: Sources) -> Account | None:
    action = delivery.rule.action
    user = action.user if isinstance(action, LocalAction) else None
    return sources.system_account(user.text) if user else None


def _sender_notes(ruleset: Ruleset, envelope: Envelope) -> Iterator[str]:
    """Yield a note where a listener may refuse the sender of a login before any rule is asked."""
    if envelope.client.login is None:
        return
    tables = {each.senders.shown: None for each in ruleset.listeners if each.senders is not None}
    for table in tables:
        yield f"`senders {table}` of a listener may refuse this sender first; it is not asked here"


class _Asker:
    """Answers the questions of the expansion, and keeps the trail of every decision."""

    def __init__(self, ruleset: Ruleset, site: Site, sources: Sources) -> None:
        self.ruleset = ruleset
        self.site = site
        self.sources = sources
        self.index = TableIndex()
        self.trail: list[Line] = []
        self.notes: list[str] = []

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Ask a table whose content is not known here, on behalf of a condition."""
        self._is_elsewhere(table)
        return self.sources.contains(table, service, key)

    def _is_elsewhere(self, table: Table) -> None:
        self.notes.append(f"what {table.shown} has is not known here, so the server may decide otherwise")

    def decide(self, envelope: Envelope) -> Decision:
        witnesses: dict[int, Witness] = {}

        def ask(question: Question) -> Answer:
            witness = answer(question, envelope, self.site, self)
            witnesses[id(question)] = witness
            return witness.answer

        decision = evaluate(self.ruleset.rules, ask)
        for step in decision.trail:
            witness = witnesses[id(step.condition.question)]
            self.trail.append(Line(step.rule, step.condition, envelope, witness, step.answer))
        return decision

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        if not table.is_known:
            self._is_elsewhere(table)
            return Outage.UNAVAILABLE
        return self.index.entry(table, key)

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        if userbase is None or is_system_userbase(userbase):
            return self.sources.system_account(name)
        if not userbase.is_known:
            self._is_elsewhere(userbase)
            return Outage.UNAVAILABLE
        return self.index.account(userbase, name)

    def included(self, path: str) -> tuple[str, ...] | None:
        return self.sources.lines(path)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        found = self.sources.forward(account)
        if isinstance(found, ForwardProblem) and found.is_hidden:
            # The server may read it, and whoever asks may not.
            self.notes.append(f"{found.why}; so mail for {account.name} may go elsewhere")
            return None
        return found
