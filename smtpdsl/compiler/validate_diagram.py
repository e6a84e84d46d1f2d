"""Translation validation: that a diagram means what its rules mean, proven for the rules at hand.

    ir.diagram.Diagram, ir.resolved.Rule, ...  ->  Validity

Each class of each dimension is told by what its values are answered.  From the answers,
not from the masks, follows which conditions hold; the diagram is walked for every
combination, those that meet at one vertex with the same rules left only once.  At a leaf
has to stand what the reference would do with the rules that are left.

What is proven is the building.  That values have the answers of their class is for
`tests/ir/test_classes.py`, and classes that are not listed are no part of the diagram.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from smtpdsl.compiler.build_diagram import question_key
from smtpdsl.ir.classes import Answers
from smtpdsl.ir.diagram import Diagram, Leaf, Vertex
from smtpdsl.ir.resolved import AnySource, Condition, Rule
from smtpdsl.ir.semantics import Answer

# Combinations looked at: some seconds.
STEP_LIMIT = 1_000_000


class Validity(Enum):
    """What came out."""

    PROVEN = "the diagram means what the rules mean"
    REFUTED = "the diagram means something else"
    UNKNOWN = "there are too many combinations to look at"


class _RefutedError(Exception):
    """A combination for which the diagram does something else."""


class _TooManyError(Exception):
    """More combinations than the limit."""


def validate(diagram: Diagram, rules: Sequence[Rule], limit: int = STEP_LIMIT) -> Validity:
    """Compare *diagram* with *rules* for every combination of listed classes."""
    if diagram.root is None:
        return Validity.UNKNOWN
    try:
        _Walk(diagram, rules, limit).run(diagram.root)
    except _RefutedError:
        return Validity.REFUTED
    except _TooManyError:
        return Validity.UNKNOWN
    return Validity.PROVEN


class _Walk:
    """Everything that can become of the rules, vertex by vertex."""

    def __init__(self, diagram: Diagram, rules: Sequence[Rule], limit: int) -> None:
        self.diagram = diagram
        self.rules = rules
        self.left = limit
        self.seen: set[tuple[int, int, tuple[int, ...]]] = set()
        self.numbers = [
            {question_key(use.question): number for number, use in enumerate(each.uses)} for each in diagram.dimensions
        ]
        # The conditions of each rule, by the dimension that answers them; what none answers comes last.
        self.conditions = [self._by_level(rule) for rule in rules]

    def run(self, root: Vertex) -> None:
        possible = [n for n, rule in enumerate(self.rules) if not any(_is_impossible(each) for each in rule.conditions)]
        self._visit(root, 0, tuple(possible))

    def _by_level(self, rule: Rule) -> list[list[Condition]]:
        found: list[list[Condition]] = [[] for _ in range(len(self.numbers) + 1)]
        for condition in rule.conditions:
            if isinstance(condition.question, AnySource):
                continue
            key = question_key(condition.question)
            level = next((n for n, numbers in enumerate(self.numbers) if key in numbers), len(self.numbers))
            found[level].append(condition)
        return found

    def _visit(self, vertex: Vertex, level: int, alive: tuple[int, ...]) -> None:
        alive = self._reachable(alive, level)
        key = id(vertex), level, alive
        if key in self.seen:
            return
        self.seen.add(key)
        if level == len(self.diagram.dimensions):
            self._compare(vertex, alive)
            return
        dimension = self.diagram.dimensions[level]
        for number, meanings in enumerate(dimension.meanings):
            below = vertex
            if not isinstance(vertex, Leaf) and vertex.dimension is dimension:
                below = vertex.edges.get(number, vertex.default)
            for answers in meanings:
                self.left -= 1
                if self.left < 0:
                    raise _TooManyError
                self._visit(below, level + 1, self._holding(level, answers, alive))

    def _holding(self, level: int, answers: Answers, alive: tuple[int, ...]) -> tuple[int, ...]:
        numbers = self.numbers[level]

        def holds(condition: Condition) -> bool:
            number = numbers[question_key(condition.question)]
            if number in answers.senseless:
                return False
            answer = Answer.YES if number in answers.holding else Answer.NO
            return (answer.negate() if condition.negated else answer) is Answer.YES

        return tuple([rule for rule in alive if all(map(holds, self.conditions[rule][level]))])

    def _reachable(self, alive: tuple[int, ...], level: int) -> tuple[int, ...]:
        """Return *alive* up to the first rule that has no condition left."""
        for place, rule in enumerate(alive):
            if not any(self.conditions[rule][level:]):
                return alive[: place + 1]
        return alive

    def _compare(self, vertex: Vertex, alive: tuple[int, ...]) -> None:
        if not isinstance(vertex, Leaf):
            raise _RefutedError
        expected = [(self.rules[rule], self.conditions[rule][-1]) for rule in alive]
        found = [(each.decision.rule, [doubt.condition for doubt in each.doubts]) for each in vertex.contenders]
        if vertex.final.rule is not None:
            found.append((vertex.final.rule, []))
        is_same = len(found) == len(expected) and all(
            rule is wanted and conditions == doubts
            for (rule, conditions), (wanted, doubts) in zip(found, expected, strict=True)
        )
        if not is_same:
            raise _RefutedError


def _is_impossible(condition: Condition) -> bool:
    return condition.negated and isinstance(condition.question, AnySource)
