"""The decision diagram: what the runtime walks once for each recipient.

    recipient? --for domain <local>--> deliver   (smtpd.conf:14)
               --otherwise--> authentication? --auth--> relay    (smtpd.conf:15)
                                              --otherwise--> reject   (no rule matches)

A node asks which class a value is of (`ir.classes`), an edge is a set of classes.  A leaf
is what remains: a decision, or first some rules whose questions can fail, in source
order.  Above its node limit there is no diagram, and the masks of the classes are and-ed
instead: the lowest bit is the rule.  The meaning is that of `ir.semantics` either way,
with the freedom that questions which cannot fail are asked in any order.

Invariant: no path from the root asks about the same thing twice, and no question that
can fail is asked twice or before the rules in front of it are known not to match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from smtpdsl.ir.answers import Lookup, Site, answer
from smtpdsl.ir.classes import UNLISTED, Dimension, bits
from smtpdsl.ir.resolved import Condition, Rule
from smtpdsl.ir.semantics import Answer, Decision, Verdict
from smtpdsl.mail.envelope import Envelope

# Combinations of classes whose leaf is remembered where there is no diagram.
_REMEMBERED = 16_384


class Doubt(NamedTuple):
    """A condition that can fail to be answered, and the number of its question: equal questions have equal ones."""

    condition: Condition
    number: int


class Contender(NamedTuple):
    """A rule that decides if none of its doubts is in the way."""

    doubts: tuple[Doubt, ...]
    decision: Decision
    failure: Decision


class Leaf(NamedTuple):
    """The first of *contenders* that holds decides, else *final*."""

    contenders: tuple[Contender, ...]
    final: Decision


class Node:
    """Asks about one dimension; classes that no edge names go to `default`."""

    __slots__ = ("default", "dimension", "edges", "rules")

    def __init__(self, dimension: Dimension, rules: int, edges: Mapping[int, Vertex], default: Vertex) -> None:
        """Ask about *dimension*, for the rules in the mask *rules*."""
        self.dimension = dimension
        self.rules = rules
        self.edges = edges
        self.default = default


Vertex: TypeAlias = Node | Leaf


class Asked(NamedTuple):
    """A line of the trail: what was asked, the value, and the answer.

    About an aspect of the envelope the answer is the conditions that hold of it, those of all
    rules; to a question that can fail it is yes, no or unavailable.
    """

    about: str
    value: str
    answer: tuple[str, ...]


class Judge(NamedTuple):
    """A rule as the diagram knows it."""

    rule: Rule
    doubts: tuple[Doubt, ...]
    decision: Decision
    failure: Decision
    leaf: Leaf
    """What remains where nothing else does."""


NO_RULE = Decision(verdict=Verdict.REJECT, rule=None, trail=())


def judge_of(rule: Rule, doubts: tuple[Doubt, ...]) -> Judge:
    """Return *rule* with its decisions, which are made once and not for each envelope."""
    verdict = Verdict.REJECT if rule.action is None else Verdict.ACCEPT
    decision = Decision(verdict=verdict, rule=rule, trail=())
    failure = Decision(verdict=Verdict.TEMPFAIL, rule=rule, trail=())
    return Judge(rule, doubts, decision, failure, Leaf((), decision))


class Diagram:
    """The rules of a configuration, ready to be walked."""

    def __init__(self, judges: tuple[Judge, ...], dimensions: tuple[Dimension, ...], alive: int, site: Site) -> None:
        """Decide by *judges*, of which those in the mask *alive* can match; `root` is put in by who builds it."""
        self.judges = judges
        self.dimensions = dimensions
        self.alive = alive
        self.site = site
        self.root: Vertex | None = None
        self._leaves: dict[tuple[int, ...], Leaf] = {}

    def decide(self, envelope: Envelope, lookup: Lookup, trail: list[Asked] | None = None) -> Decision:
        """Walk to the decision about *envelope*.

        Args:
            envelope: Any envelope.
            lookup: Answers for tables that live elsewhere: each question at most once, in source order.
            trail: Gets what was asked, in order, if somebody wants to know.

        Returns:
            The verdict and its rule.  Its own trail is empty: the reference's names
            conditions one by one, and here they are asked many at a time.
        """
        vertex = self.root
        while type(vertex) is Node:
            number = vertex.dimension.classify(envelope)
            if trail is not None:
                trail.append(_asked(vertex.dimension, envelope))
            vertex = None if number == UNLISTED else vertex.edges.get(number, vertex.default)
        if vertex is None:
            vertex = self._by_masks(envelope, trail)
        assert type(vertex) is Leaf
        if not vertex.contenders:
            return vertex.final
        return self._contend(vertex, envelope, lookup, trail)

    def forget(self) -> None:
        """Forget the values that were asked about, which only makes the next decisions slower."""
        self._leaves.clear()
        for dimension in self.dimensions:
            dimension.forget()

    # ------------------------------------------------------------ masks

    def _by_masks(self, envelope: Envelope, trail: list[Asked] | None) -> Leaf:
        if trail is not None:
            trail[:] = [_asked(each, envelope) for each in self.dimensions]
        numbers = tuple([each.classify(envelope) for each in self.dimensions])
        leaf = self._leaves.get(numbers)
        if leaf is None:
            alive = self.alive
            for number, dimension in zip(numbers, self.dimensions, strict=True):
                alive &= dimension.mask(envelope) if number == UNLISTED else dimension.masks[number]
            leaf = self.leaf(alive)
            if UNLISTED not in numbers:
                if len(self._leaves) >= _REMEMBERED:
                    self._leaves.clear()
                self._leaves[numbers] = leaf
        return leaf

    def leaf(self, alive: int) -> Leaf:
        """Return what remains where the rules of the mask *alive* have no other question left."""
        contenders: list[Contender] = []
        for number in bits(alive):
            judge = self.judges[number]
            if not judge.doubts:
                return Leaf(tuple(contenders), judge.decision) if contenders else judge.leaf
            contenders.append(Contender(judge.doubts, judge.decision, judge.failure))
        return Leaf(tuple(contenders), NO_RULE)

    # ------------------------------------------------------------ questions that can fail

    def _contend(self, leaf: Leaf, envelope: Envelope, lookup: Lookup, trail: list[Asked] | None) -> Decision:
        answered: dict[int, Answer] = {}
        for doubts, decision, failure in leaf.contenders:
            outcome = Answer.YES
            for condition, number in doubts:
                known = answered.get(number)
                if known is None:
                    witness = answer(condition.question, envelope, self.site, lookup)
                    known = answered[number] = witness.answer
                    if trail is not None:
                        trail.append(Asked(condition.words.removeprefix("!"), witness.value, (known.value,)))
                outcome = known.negate() if condition.negated else known
                if outcome is not Answer.YES:
                    break
            if outcome is Answer.YES:
                return decision
            if outcome is Answer.UNAVAILABLE:
                return failure
        return leaf.final


def _asked(dimension: Dimension, envelope: Envelope) -> Asked:
    """Say what *dimension* knows of *envelope*, in words of the rules."""
    holding = tuple(dimension.uses[number].words for number in sorted(dimension.answers(envelope).holding))
    return Asked(dimension.aspect.value, dimension.shown(envelope), holding)
