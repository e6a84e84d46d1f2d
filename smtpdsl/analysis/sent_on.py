"""Mail of strangers that a rule takes and an alias or a virtual user sends on.

    match from any for any action "all"        virtual { "@" = "boss@far.example" }
    match from local for any action "out"      the address it becomes is mail of this host

What is decided about the address that an entry names depends on the client and the sender of the
original mail too.  So both decisions are looked for at once: the rules stand twice, for the recipient
and for what becomes of it, with everything left out that is certain by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from smtpdsl.analysis.rules import AskedRules, first_of
from smtpdsl.analysis.search import Budget, Goal, OverBudgetError, find
from smtpdsl.analysis.space import STRANGER, Space
from smtpdsl.analysis.strangers import Strangers
from smtpdsl.analysis.walk import Walker
from smtpdsl.analysis.witness import Witness
from smtpdsl.ir.alias_value import AddressTarget, TargetError, parse_targets
from smtpdsl.ir.answers import answer
from smtpdsl.ir.aspects import Aspect, aspect_of, is_fallible
from smtpdsl.ir.classes import NoLookup
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.expansion import expand
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import MemberKind
from smtpdsl.ir.resolved import AnySource, Condition, InTable, LocalAction, RelayAction, Rule, Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import AddressError, Mailbox
from smtpdsl.mail.envelope import Envelope

# Entries that are tried, and foreign domains for each; steps of one search.
_ENTRIES = 50
_DOMAINS = 12
_STEPS = 5_000
# About what of it nothing varies, once the recipient is known; and once this host has made the mail.
_OF_RECIPIENT = frozenset({Aspect.RECIPIENT})
_OF_THIS_HOST = frozenset({Aspect.RECIPIENT, Aspect.SOURCE, Aspect.RDNS})


class SentOn(NamedTuple):
    """Mail that leaves, and the members of its expansion."""

    witness: Witness
    path: tuple[str, ...]


class Senders:
    """Looks for mail that leaves through the tables of local actions."""

    def __init__(self, asked: AskedRules, strangers: Strangers, walker: Walker) -> None:
        """Ask the rules of *asked*; *walker* follows aliases."""
        self.asked = asked
        self.strangers = strangers
        self.walker = walker

    def find(self, number: int) -> SentOn | None:
        """Return mail of a stranger for a foreign domain that the rule *number* takes, and that is sent on."""
        rule = self.asked.rules[number]
        assert isinstance(rule.action, LocalAction)
        tried: set[tuple[Mailbox, Mailbox]] = set()
        for table in (rule.action.alias, rule.action.virtual):
            for user, target in islice(_entries(table), _ENTRIES):
                for recipient in self._recipients(user):
                    if (recipient, target) not in tried:
                        tried.add((recipient, target))
                        found = self._try(number, recipient, target)
                        if found is not None:
                            return found
        return None

    def _recipients(self, user: str) -> Iterator[Mailbox]:
        """Yield foreign recipients that an entry for *user* may be looked up for."""
        foreign = [OUTSIDER.recipient]
        for axis in self.asked.space.examples.axes:
            if axis.aspect is Aspect.RECIPIENT and axis.variable is None:
                examples = (atom.example for atom in axis.atoms)
                foreign += [each.recipient for each in examples if self.strangers.is_foreign(each)]
        yield from (_with_user(user, each) for each in dict.fromkeys(foreign[:_DOMAINS]))

    def _try(self, number: int, recipient: Mailbox, target: Mailbox) -> SentOn | None:
        first = OUTSIDER.replace(recipient=recipient)
        then = OUTSIDER.replace(recipient=target, is_internal=True)
        outside, inside = self._open(first, _OF_RECIPIENT), self._open(then, _OF_THIS_HOST)
        if outside[number] is None:
            return None
        space = Space([*(each or () for each in outside), *(each or () for each in inside)], self.asked.site)
        count = len(self.asked.rules)
        possible = sum(1 << place for place, each in enumerate([*outside, *inside]) if each is not None)

        def leaves(alive: int) -> bool:
            taken, sent = alive & ((1 << count) - 1), alive >> count
            is_taken = bool(taken) and first_of(taken) == number
            return is_taken and bool(sent) and isinstance(self.asked.rules[first_of(sent)].action, RelayAction)

        # The rules for the address are no reason to stop looking at those for the recipient.
        goal = Goal(
            leaves,
            passed=((1 << 2 * count) - 1),
            kinds=STRANGER,
            allowed={Aspect.SOURCE: self.strangers.is_stranger, Aspect.TAG: self.strangers.can_have_tag},
            assumes=self.strangers.assumes,
        )
        try:
            found = find(space.examples, possible & space.possible, goal, Budget(_STEPS))
        except OverBudgetError:
            return None
        if found is None:
            return None
        envelope = found.envelope(space).replace(recipient=recipient)
        return self._proven(number, Witness(envelope, found.assumed))

    def _open(self, envelope: Envelope, known: frozenset[Aspect]) -> list[tuple[Condition, ...] | None]:
        """Return what is open of each rule when these aspects of *envelope* are *known*."""
        space = self.asked.space
        alive = space.possible
        for aspect in known & set(space.questions.uses):
            dimension = space.dimension(aspect)
            assert dimension is not None
            alive &= dimension.mask(envelope)
        return [
            self._left(rule, envelope, known) if alive >> number & 1 else None
            for number, rule in enumerate(self.asked.rules)
        ]

    def _left(self, rule: Rule, envelope: Envelope, known: frozenset[Aspect]) -> tuple[Condition, ...] | None:
        """Return the conditions of *rule* that are open when *envelope* is *known*; None if it cannot match."""
        left = []
        for each in rule.conditions:
            question = each.question
            if isinstance(question, AnySource):
                if each.negated:
                    return None
            elif is_fallible(question):
                is_known = isinstance(question, InTable) and aspect_of(question) in known
                if not is_known:
                    left.append(each)
                elif not each.negated:
                    # A table of ours names no foreign domain.
                    return None
            elif aspect_of(question) not in known:
                left.append(each)
            elif isinstance(question, InTable) and question.service is Service.REGEX:
                found = answer(question, envelope, self.asked.site, NoLookup()).answer
                if (found.negate() if each.negated else found) is not Answer.YES:
                    return None
        return tuple(left)

    def _proven(self, number: int, witness: Witness) -> SentOn | None:
        """Return *witness* if the expansion of its recipient leaves by a relay."""
        walker = Walker(self.asked.ruleset, self.asked.site, self.walker.accounts, witness.assumed)
        expansion = expand(witness.envelope, walker, self.asked.site.delimiter)
        is_leaving = any(each.kind is MemberKind.ADDRESS for each in expansion.deliveries)
        if not is_leaving or expansion.decision.rule is not self.asked.rules[number]:
            return None
        return SentOn(witness, tuple(dict.fromkeys(step.member.text for step in expansion.steps)))


def _entries(table: Table | None) -> Iterator[tuple[str, Mailbox]]:
    """Yield the users of entries that name addresses, with each address; an entry for everybody has no user."""
    for entry in table.entries if table is not None else ():
        if "@" in (entry.value or ""):
            user = entry.key.partition("@")[0] if "@" in entry.key else entry.key
            yield from ((user, address) for address in _addresses(entry.value or ""))


def _addresses(value: str) -> Sequence[Mailbox]:
    try:
        targets = parse_targets(value)
    except TargetError:
        return ()
    return [Mailbox(local_part=t.local_part, domain=t.domain) for t in targets if isinstance(t, AddressTarget)]


def _with_user(user: str, usual: Mailbox) -> Mailbox:
    try:
        return Mailbox.parse(f"{fold(user)}@{usual.domain}", utf8=True) if user else usual
    except AddressError:
        return usual
