"""Whether strangers can send mail through this server to domains that are not ours.

    match from any for any action "out"                       always
    match from any mail-from <friends> for any action "out"   possibly, if nobody here knows what <friends> has

Mail that a rule takes and an alias or a virtual user sends on counts too.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from smtpdsl.analysis.networks import address_in, is_home, is_public_crowd, is_wide
from smtpdsl.analysis.rules import AskedRules, Outcome
from smtpdsl.analysis.search import Goal
from smtpdsl.analysis.sent_on import Senders
from smtpdsl.analysis.space import STRANGER
from smtpdsl.analysis.strangers import Strangers
from smtpdsl.analysis.walk import Walker
from smtpdsl.analysis.witness import Witness, replay
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.network import parse_network
from smtpdsl.ir.resolved import InTable, LocalAction, RelayAction, Rule, Slot, Subject
from smtpdsl.ir.table_file import Service

# Entries of a table that are tried as recipients.
_TRIED = 200


class Openness(Enum):
    """How sure it is."""

    ALWAYS = "always"
    POSSIBLY = "possibly"
    UNKNOWN = "unknown"
    NEVER = "never"


class OpenRelay(NamedTuple):
    """What strangers can do by *rule*; *path* is what the recipient becomes on the way."""

    rule: Rule
    openness: Openness
    witness: Witness | None = None
    path: tuple[str, ...] = ()


class RelayWithoutAuth(NamedTuple):
    """By *rule* everybody in the network *entry* may send to foreign domains."""

    rule: Rule
    entry: str
    witness: Witness


class OpenRelays:
    """Looks at the rules through which mail leaves."""

    def __init__(self, asked: AskedRules, walker: Walker) -> None:
        """Look at the rules of *asked*; *walker* follows aliases."""
        self.asked = asked
        self.walker = walker
        self.strangers = Strangers(asked.ruleset, asked.site)

    def findings(self) -> Iterator[OpenRelay]:
        """Yield the rules by which strangers send to foreign domains, and those of which nobody knows."""
        for group in self.asked.groups:
            rule = self.asked.rules[group[0]]
            if rule.action is None:
                continue
            found = [each for number in group if (each := self.by_rule(number)) is not None]
            # Of two lines that stand for one rule the worse one counts.
            yield from found[:1]

    def by_rule(self, number: int) -> OpenRelay | None:
        """Return what strangers can do by the rule *number*; None for nothing."""
        rule = self.asked.rules[number]
        if isinstance(rule.action, LocalAction):
            return self._through_tables(number) if self._may_send_on(rule.action) else None
        outcome = self.look(number)
        if outcome.witness is not None:
            openness = Openness.POSSIBLY if outcome.witness.is_conditional else Openness.ALWAYS
            return OpenRelay(rule, openness, outcome.witness)
        return None if outcome.is_certain else OpenRelay(rule, Openness.UNKNOWN)

    def look(self, number: int) -> Outcome:
        """Look for mail of a stranger for a foreign domain about which the rule *number* decides."""
        rule, strangers = self.asked.rules[number], self.strangers
        goal = Goal.deciding(number, kinds=STRANGER, allowed=strangers.foreign_mail, assumes=strangers.assumes)
        return self.asked.look((2 << number) - 1, goal, proves=lambda decision: decision.rule is rule)

    # ------------------------------------------------------------ aliases

    def _may_send_on(self, action: LocalAction) -> bool:
        tables = [table for table in (action.alias, action.virtual) if table is not None]
        is_relaying = any(isinstance(rule.action, RelayAction) for rule in self.asked.rules)
        return is_relaying and any("@" in (entry.value or "") for table in tables for entry in table.entries)

    def _through_tables(self, number: int) -> OpenRelay | None:
        taken = self.look(number)
        if taken.witness is None and taken.is_certain:
            return None
        found = Senders(self.asked, self.strangers, self.walker).find(number)
        if found is None:
            return None
        openness = Openness.POSSIBLY if found.witness.is_conditional else Openness.ALWAYS
        return OpenRelay(self.asked.rules[number], openness, found.witness, found.path)

    # ------------------------------------------------------------ crowds

    def crowds(self) -> Iterator[RelayWithoutAuth]:
        """Yield the rules that let a large network of other people send without a login."""
        for number, rule in enumerate(self.asked.rules):
            if isinstance(rule.action, RelayAction) and (found := self._crowd(number)) is not None:
                yield found

    def _crowd(self, number: int) -> RelayWithoutAuth | None:
        rule = self.asked.rules[number]
        source = rule.condition(Slot.FROM)
        question = source.question if source else None
        if source is None or source.negated or not isinstance(question, InTable) or question.table is None:
            return None
        if question.subject is not Subject.SOURCE or question.service is not Service.NETADDR:
            return None
        wide = [entry.key for entry in question.table.entries if _is_crowd(entry.key)]
        if not wide:
            return None
        foreign = {Aspect.RECIPIENT: self.strangers.is_foreign}
        goal = Goal.deciding(number, kinds=STRANGER, allowed=foreign, assumes=self.strangers.assumes)
        found = self.asked.look((2 << number) - 1, goal).witness
        for entry in wide[:_TRIED] if found else ():
            assert found is not None
            network = parse_network(entry)
            assert network is not None
            client = found.envelope.client.replace(source=address_in(network))
            witness = Witness(found.envelope.replace(client=client), found.assumed)
            if replay(self.asked.rules, witness, self.asked.site).rule is rule and not witness.is_conditional:
                return RelayWithoutAuth(rule, entry, witness)
        return None


def _is_crowd(entry: str) -> bool:
    network = parse_network(entry)
    return network is not None and is_public_crowd(network) and not is_wide(network) and not is_home(network)
