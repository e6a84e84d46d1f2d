"""The decision diagram in words of the language, before it gets a form.

    ir.diagram.Diagram  ->  Picture: boxes and arrows, in the order of a walk

    recipient? ──for domain <local>──> action "in"  (smtpd.conf:14)
               ──otherwise───────────> …

An arrow says in which conditions its values differ from those that no other arrow takes.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from smtpdsl.ir.classes import Answers, bits
from smtpdsl.ir.diagram import Contender, Diagram, Leaf, Node, Vertex
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import Decision

OTHERWISE = "otherwise"


class Arrow(NamedTuple):
    """The way to the box *target* for values of which one of *cases* holds; none for all others.

    A case is conditions that hold together, with `!` for those that do not.
    """

    target: str
    cases: tuple[tuple[str, ...], ...]


class Question(NamedTuple):
    """A box that asks about something; *rules* are those that want to know."""

    name: str
    about: str
    rules: tuple[Rule, ...]
    arrows: tuple[Arrow, ...]


class Outcome(NamedTuple):
    """A decision, if *conditions* hold: of tables elsewhere, which are only asked here."""

    decision: Decision
    conditions: tuple[str, ...] = ()


class End(NamedTuple):
    """A box where it is decided: by the first outcome whose conditions hold."""

    name: str
    outcomes: tuple[Outcome, ...]


Box: TypeAlias = Question | End


class Picture(NamedTuple):
    """Boxes; the first one is where a walk begins."""

    boxes: tuple[Box, ...]


def picture_of(diagram: Diagram) -> Picture | None:
    """Return the picture of *diagram*; None if it is so large that it is none, and decided on masks."""
    if diagram.root is None:
        return None
    order: dict[int, Vertex] = {}
    pending = [diagram.root]
    while pending:
        vertex = pending.pop()
        if id(vertex) not in order:
            order[id(vertex)] = vertex
            if isinstance(vertex, Node):
                # The last is taken first: what the edges name comes before what is left over.
                pending += [vertex.default, *reversed(list(vertex.edges.values()))]
    names = {key: f"n{number}" for number, key in enumerate(order, 1)}
    return Picture(tuple(_box(diagram, each, names) for each in order.values()))


def _box(diagram: Diagram, vertex: Vertex, names: dict[int, str]) -> Box:
    name = names[id(vertex)]
    if isinstance(vertex, Leaf):
        last = [Outcome(vertex.final)]
        return End(name, tuple([_outcome(each) for each in vertex.contenders] + last))
    rules = tuple(diagram.judges[number].rule for number in bits(vertex.rules))
    arrows: dict[int, list[int]] = {}
    for number, child in vertex.edges.items():
        arrows.setdefault(id(child), []).append(number)
    named = [Arrow(names[child], _cases(vertex, numbers)) for child, numbers in arrows.items()]
    return Question(name, vertex.dimension.aspect.value, rules, (*named, Arrow(names[id(vertex.default)], ())))


def _outcome(contender: Contender) -> Outcome:
    return Outcome(contender.decision, tuple(each.condition.words for each in contender.doubts))


def _cases(node: Node, classes: list[int]) -> tuple[tuple[str, ...], ...]:
    """Say what the values of *classes* are, as far as the rules of *node* ask."""
    dimension = node.dimension
    default = dimension.meanings[0][0]
    cases = (_case(node, answers, default) for number in classes for answers in dimension.meanings[number])
    return tuple(dict.fromkeys(case for case in cases if case))


def _case(node: Node, answers: Answers, default: Answers) -> tuple[str, ...]:
    uses = node.dimension.uses
    relevant = {number for number, use in enumerate(uses) if (use.plain | use.negated) & node.rules}
    words = [uses[number].words for number in sorted((answers.holding - default.holding) & relevant)]
    words += [f"!{uses[number].words}" for number in sorted((default.holding - answers.holding) & relevant)]
    if not words and answers.senseless != default.senseless:
        # The two cases in which a question has no meaning, `!` or not.
        words = ["with a name"] if answers.senseless < default.senseless else ["mail of this host"]
    return tuple(dict.fromkeys(words))
