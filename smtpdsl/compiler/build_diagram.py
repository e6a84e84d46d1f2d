"""Pass 7: first-match rules to the decision diagram.

    ir.resolved.Rule, ...  ->  ir.diagram.Diagram

Reports nothing.  A node is a dimension and the rules that are still alive.  It visits
the classes that one of these rules names; all others treat them alike and share one
edge.  Rules behind the first that has no question left are cut off, and equal nodes are
one.  Without either, a thousand mixed rules need millions of edges.

What needs more work than the limit gets no root, and is decided on the masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from smtpdsl.ir.answers import Site
from smtpdsl.ir.aspects import Aspect, aspect_of, is_fallible
from smtpdsl.ir.classes import Answers, Dimension, Uses, bits
from smtpdsl.ir.diagram import Diagram, Doubt, Judge, Leaf, Node, Vertex, judge_of
from smtpdsl.ir.envelope_examples import examples
from smtpdsl.ir.number_sets import NONE
from smtpdsl.ir.resolved import AnySource, Condition, InTable, Question, Rule
from smtpdsl.ir.table_file import Service

# Edges looked at while building: a second or two of work, with ten thousand rules.
EDGE_LIMIT = 100_000
# One node below the other; each regular expression is a dimension.
_DEPTH_LIMIT = 200

Key: TypeAlias = object


class _TooLargeError(Exception):
    """The diagram needs more work than the limit."""


def build_diagram(rules: Iterable[Rule], site: Site, limit: int = EDGE_LIMIT) -> Diagram:
    """Return the diagram of *rules* at *site*.

    Args:
        rules: In source order.
        site: What "local" means.
        limit: Edges to look at; a diagram that needs more is decided on masks, which means the same.
    """
    diagram, named = _prepare(tuple(rules), site, limit)
    if named is not None and len(diagram.dimensions) <= _DEPTH_LIMIT:
        try:
            diagram.root = _Builder(diagram, named, limit).vertex(diagram.alive, 0)
        except _TooLargeError:
            diagram.root = None
    return diagram


def _prepare(rules: tuple[Rule, ...], site: Site, limit: int) -> tuple[Diagram, _Named | None]:
    questions = _Questions(rules)
    dimensions = tuple(
        Dimension(aspect, uses, questions.every, site) for aspect, uses in questions.dimensions() if uses
    )
    for dimension in dimensions:
        _list_classes(dimension, site)
    diagram = Diagram(tuple(questions.judges), dimensions, questions.possible, site)
    return diagram, _named_classes(diagram, limit)


# ---------------------------------------------------------------- questions


class _Questions:
    """Every question of the rules once, with the rules that ask it."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.every = (1 << len(rules)) - 1
        self.possible = self.every
        """Without the rules that contradict what holds of every envelope."""
        self.judges: list[Judge] = []
        self._asked: dict[Key, tuple[Condition, list[int]]] = {}
        self._doubted: dict[Key, int] = {}
        for number, rule in enumerate(rules):
            doubts = [doubt for each in rule.conditions if (doubt := self._condition(each, 1 << number))]
            self.judges.append(judge_of(rule, tuple(doubts)))

    def _condition(self, condition: Condition, rule: int) -> Doubt | None:
        question = condition.question
        if is_fallible(question):
            return Doubt(condition, self._doubted.setdefault(question_key(question), len(self._doubted)))
        if isinstance(question, AnySource):
            if condition.negated:
                self.possible &= ~rule
            return None
        _, masks = self._asked.setdefault(question_key(question), (condition, [0, 0]))
        masks[condition.negated] |= rule
        return None

    def dimensions(self) -> Iterator[tuple[Aspect, list[Uses]]]:
        """Yield the questions by what they are about; regular expressions come last, each alone."""
        uses: dict[Aspect, list[Uses]] = {aspect: [] for aspect in Aspect}
        regexes: list[tuple[Aspect, list[Uses]]] = []
        for condition, (plain, negated) in self._asked.values():
            question = condition.question
            use = Uses(question, condition.words.removeprefix("!"), plain, negated)
            if isinstance(question, InTable) and question.service is Service.REGEX:
                regexes.append((aspect_of(question), [use]))
            else:
                uses[aspect_of(question)].append(use)
        yield from uses.items()
        yield from regexes


def question_key(question: Question) -> Key:
    """Return what equal questions have in common; comparing the tables themselves would take as long as they are."""
    if isinstance(question, InTable):
        return question.subject, question.service, id(question.table)
    return type(question)


# ---------------------------------------------------------------- classes

_Named: TypeAlias = list[dict[int, list[int]]]
"""For each dimension and rule: the classes that the rule treats unlike class 0."""


def _list_classes(dimension: Dimension, site: Site) -> None:
    """List the classes of *dimension*; number 0 is that of a value which nobody names."""
    for envelope in examples(dimension, site):
        dimension.list_class(dimension.answers(envelope))
    if dimension.is_regex:
        dimension.list_class(Answers(NONE))
        dimension.list_class(Answers(frozenset({0})))


def _named_classes(diagram: Diagram, limit: int) -> _Named | None:
    named: _Named = []
    for dimension in diagram.dimensions:
        by_rule: dict[int, list[int]] = {}
        for number, mask in enumerate(dimension.masks):
            for rule in bits(mask ^ dimension.masks[0]):
                by_rule.setdefault(rule, []).append(number)
                limit -= 1
                if limit < 0:
                    return None
        named.append(by_rule)
    return named


# ---------------------------------------------------------------- nodes


class _Builder:
    """Makes the vertices, each one once."""

    def __init__(self, diagram: Diagram, named: _Named, limit: int) -> None:
        self.diagram = diagram
        self.named = named
        self.left = limit
        self.vertices: dict[tuple[int, int], Vertex] = {}
        self.leaves: dict[tuple[int, ...], Leaf] = {}
        self.nodes: dict[object, Node] = {}
        # The rules that have no question left at each level, and none that can fail.
        free = sum(1 << number for number, judge in enumerate(diagram.judges) if not judge.doubts)
        self.settled = [free]
        for dimension in reversed(diagram.dimensions):
            free &= ~dimension.asking
            self.settled.insert(0, free)

    def vertex(self, alive: int, level: int) -> Vertex:
        """Return what decides among the rules *alive*, asking the dimensions from *level* on."""
        dimensions = self.diagram.dimensions
        alive = self._cut(alive, level)
        while level < len(dimensions) and not alive & dimensions[level].asking:
            level += 1
            alive = self._cut(alive, level)
        if level == len(dimensions):
            return self._leaf(alive)
        key = alive, level
        if key not in self.vertices:
            self.vertices[key] = self._node(alive, level)
        return self.vertices[key]

    def _cut(self, alive: int, level: int) -> int:
        """Drop the rules behind the first that has nothing left to ask."""
        settled = alive & self.settled[level]
        return alive & ((settled & -settled) << 1) - 1 if settled else alive

    def _node(self, alive: int, level: int) -> Vertex:
        dimension, named = self.diagram.dimensions[level], self.named[level]
        classes = {number for rule in bits(alive & dimension.asking) for number in named.get(rule, ())}
        self.left -= len(classes) + 1
        if self.left < 0:
            raise _TooLargeError
        default = self.vertex(alive & dimension.masks[0], level + 1)
        edges = {number: self.vertex(alive & dimension.masks[number], level + 1) for number in sorted(classes)}
        edges = {number: child for number, child in edges.items() if child is not default}
        if not edges and dimension.is_complete:
            return default
        key = level, id(default), tuple((number, id(child)) for number, child in edges.items())
        return self.nodes.setdefault(key, Node(dimension, alive & dimension.asking, edges, default))

    def _leaf(self, alive: int) -> Leaf:
        leaf = self.diagram.leaf(alive)
        key = tuple(id(each.decision) for each in leaf.contenders), id(leaf.final)
        return self.leaves.setdefault((*key[0], key[1]), leaf)
