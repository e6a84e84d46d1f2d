"""Whether a property holds of all mail: proven, disproven by an example, or not known because of a table.

    never match from any for any action "relay" unless auth

The conditions of the property are rules of their own here, which decide nothing: an
envelope disproves it if those of the property are among the rules whose conditions hold,
those of the exception are not, and the rule that decides is the wrong one.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, assert_never

from smtpdsl.analysis.meaning import Meanings
from smtpdsl.analysis.open_relay import Openness, OpenRelays
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.search import Budget, Found, Goal, OverBudgetError, find
from smtpdsl.analysis.space import EVERYBODY, INTERNAL, STRANGER, Axes, Space
from smtpdsl.analysis.strangers import Strangers
from smtpdsl.analysis.walk import Anybody, Walker
from smtpdsl.analysis.witness import Witness, replay
from smtpdsl.ir.answers import Site
from smtpdsl.ir.properties import Never, NoOpenRelay, Pattern, Property, TlsForAuth
from smtpdsl.ir.resolved import InTable, Listener, ListenerTls, RelayAction, Rule, Ruleset
from smtpdsl.ir.semantics import Answer, Decision, Verdict

STEPS = 200_000


class Proof(Enum):
    """What came out."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Result(NamedTuple):
    """What is known of a property."""

    proof: Proof
    why: str = ""
    """Why nobody knows."""
    witness: Witness | None = None
    decision: Decision | None = None
    """What is done with the witness."""
    listener: Listener | None = None
    """Where somebody can log in without TLS."""


def prove(asked: Property, ruleset: Ruleset, site: Site, steps: int = STEPS) -> Result:
    """Find out whether *asked* holds of *ruleset*."""
    match asked:
        case NoOpenRelay():
            return _no_open_relay(ruleset, site)
        case TlsForAuth():
            return _tls_for_auth(ruleset)
        case Pattern() | Never():
            return _Search(asked, ruleset, site, Budget(steps)).run()
    assert_never(asked)


# ---------------------------------------------------------------- relays and logins


def _no_open_relay(ruleset: Ruleset, site: Site) -> Result:
    asked = AskedRules(ruleset, site, STEPS)
    relays = OpenRelays(asked, Walker(ruleset, site, Anybody()))
    found = list(relays.findings())
    certain = next((each for each in found if each.openness is Openness.ALWAYS), None)
    if certain is not None and certain.witness is not None:
        return Result(Proof.FAILS, witness=certain.witness, decision=replay(ruleset.rules, certain.witness, site))
    possible = next((each for each in found if each.openness is Openness.POSSIBLY), None)
    if possible is not None:
        return Result(Proof.UNKNOWN, _because(possible.witness))
    if found:
        return Result(Proof.UNKNOWN, "it would take too long to find out")
    return _trusted(asked)


def _trusted(asked: AskedRules) -> Result:
    """Look at the tables that a finding gives credit to: a proof gives none."""
    strangers = Strangers(asked.ruleset, asked.site)
    for number, rule in enumerate(asked.rules):
        if isinstance(rule.action, RelayAction):
            goal = Goal.deciding(number, kinds=STRANGER, allowed=strangers.foreign_mail)
            outcome = asked.look((2 << number) - 1, goal)
            if outcome.witness is not None:
                return Result(Proof.UNKNOWN, _because(outcome.witness))
            if not outcome.is_certain:
                return Result(Proof.UNKNOWN, "a regular expression may match somebody nobody thought of")
    return Result(Proof.HOLDS)


def _tls_for_auth(ruleset: Ruleset) -> Result:
    for listener in ruleset.listeners:
        if listener.auth is not None and listener.tls is ListenerTls.NONE:
            return Result(Proof.FAILS, listener=listener)
    for action in ruleset.actions.values():
        if isinstance(action, RelayAction) and action.hosts is not None and not action.hosts.is_known and action.auth:
            return Result(Proof.UNKNOWN, f"what {action.hosts.shown} has is not known here")
    return Result(Proof.HOLDS)


def _because(witness: Witness | None) -> str:
    tables = [
        question.table.shown
        for question, given in (witness.assumed if witness else ())
        if given is Answer.YES and isinstance(question, InTable) and question.table is not None
    ]
    return (
        f"what {' and '.join(dict.fromkeys(tables))} has is not known here" if tables else "a table is not known here"
    )


# ---------------------------------------------------------------- patterns


class _Search:
    """Looks for an envelope that disproves a pattern."""

    def __init__(self, asked: Pattern | Never, ruleset: Ruleset, site: Site, budget: Budget) -> None:
        self.asked = asked
        self.rules = ruleset.rules
        self.site = site
        self.budget = budget
        exception = asked.exception if isinstance(asked, Never) else ()
        self.pattern = 1 << len(self.rules)
        self.exception = self.pattern << 1 if exception else 0
        conditions = [rule.conditions for rule in self.rules]
        conditions += [asked.conditions] + ([exception] if exception else [])
        self.space = Space(conditions, site)
        self.meanings = Meanings()

    def run(self) -> Result:
        try:
            found = self.find(self.space.examples)
            if found is not None:
                return self.disproven(found)
            bounds = self.space.bounds
            if not self.space.examples.is_exact and (not bounds.is_exact or self.find(bounds) is not None):
                return Result(Proof.UNKNOWN, "a regular expression may match somebody nobody thought of")
        except OverBudgetError:
            return Result(Proof.UNKNOWN, "it would take too long to find out")
        return Result(Proof.HOLDS)

    def find(self, axes: Axes) -> Found | None:
        """Look for somebody who needs no table that is not known; then for anybody."""
        alive = self.space.possible
        for assumes in (lambda _, given: given is Answer.NO, None):
            goal = Goal(
                self.is_wrong,
                kept=self.pattern,
                passed=self.pattern | self.exception,
                kinds=EVERYBODY & ~INTERNAL,
                assumes=assumes,
            )
            if (found := find(axes, alive, goal, self.budget)) is not None:
                return found
        return None

    def is_wrong(self, alive: int) -> bool:
        """Whether the property fails with the rules *alive*."""
        if alive & self.exception:
            return False
        left = alive & (self.pattern - 1)
        return self.is_bad(self.rules[(left & -left).bit_length() - 1] if left else None)

    def is_bad(self, rule: Rule | None) -> bool:
        action = rule.action if rule is not None else None
        match self.asked:
            case Pattern(accepts=accepts):
                return (action is None) is accepts
            case Never(rejects=True):
                return action is None
            case Never(action=None):
                return action is not None
            case Never(action=wanted):
                return action is not None and self.meanings.of(action) == self.meanings.of(wanted)

    def disproven(self, found: Found) -> Result:
        witness = Witness(found.envelope(self.space), found.assumed)
        decision = replay(self.rules, witness, self.site)
        if decision.verdict is Verdict.TEMPFAIL or not self.is_bad(decision.rule) or not self.fits(witness):
            return Result(Proof.UNKNOWN, "no example could be found")
        if witness.is_conditional:
            return Result(Proof.UNKNOWN, _because(witness), witness=witness, decision=decision)
        return Result(Proof.FAILS, witness=witness, decision=decision)

    def fits(self, witness: Witness) -> bool:
        """Whether the reference says that *witness* is what the property is about."""
        sample = self.rules[0] if self.rules else None
        if sample is None:
            return True
        is_in = replay([sample.replace(conditions=self.asked.conditions)], witness, self.site).rule is not None
        if isinstance(self.asked, Never) and self.asked.exception:
            exception = replay([sample.replace(conditions=self.asked.exception)], witness, self.site).rule
            return is_in and exception is None
        return is_in
