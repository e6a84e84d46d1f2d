"""Where two configurations differ, as a diagram of its own, and its branches in words of the language.

    recipient? ──for domain example.net──> refused │ action "in"

Only what leads to a difference is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeAlias

from smtpdsl.analysis.space import Axis
from smtpdsl.ir.semantics import Answer

# Atoms of an axis from which others are told apart in words.
_APART = 500

Case: TypeAlias = tuple[str, ...]
"""Conditions that hold together, in words of the language."""


class Leaf(NamedTuple):
    """Rules of both that are left, and decide differently."""

    alive: int


class Branch(NamedTuple):
    """Atoms that go the same way."""

    atoms: tuple[int, ...]
    has_rest: bool
    """Whether the atoms that are in no branch of the node go this way too."""
    below: Vertex


class Node(NamedTuple):
    """An axis on whose atoms it depends how, or whether, the two differ."""

    level: int
    alive: int
    """The rules that ask."""
    branches: tuple[Branch, ...]
    exceptions: tuple[int, ...]
    """The atoms that do not go the way of those that nobody names."""


Vertex: TypeAlias = Node | Leaf
Path: TypeAlias = tuple[tuple[Node, Branch], ...]


def paths(vertex: Vertex, path: Path) -> Iterator[tuple[Path, Leaf]]:
    """Yield every way from *vertex* to a leaf, behind *path*."""
    if isinstance(vertex, Leaf):
        yield path, vertex
        return
    for branch in vertex.branches:
        yield from paths(branch.below, (*path, (vertex, branch)))


# ---------------------------------------------------------------- words


def words_of(axis: Axis, node: Node, branch: Branch) -> tuple[Case, ...]:
    """Say which values go the way of *branch*."""
    if not branch.has_rest:
        cases = [_case(axis, node, number) for number in branch.atoms]
        rest = (number for number in range(len(axis.atoms)) if number not in branch.atoms)
        others = [_case(axis, node, number) for number in islice(rest, _APART)]
        return tuple(dict.fromkeys(_apart(case, others) for case in cases))
    known = [set(_case(axis, node, number)) for number in node.exceptions]
    # Who is not a is not (a and b) either.
    smallest = [case for case in known if not any(other < case for other in known)]
    return (tuple(dict.fromkeys(_not(tuple(sorted(case))) for case in smallest)),) if smallest else ()


def _case(axis: Axis, node: Node, number: int) -> Case:
    """Say what is special about the atom *number*, as far as the rules of *node* ask."""
    usual = axis.atoms[0].answers
    words: list[str] = []
    start = 0
    for place, answers in enumerate(axis.atoms[number].answers):
        uses = axis.uses if len(usual) == 1 else axis.uses[start:]
        relevant = {n for n, use in enumerate(uses) if (use.plain | use.negated) & node.alive}
        words += [uses[n].words for n in sorted((answers.holding - usual[place].holding) & relevant)]
        words += [_not_word(uses[n].words) for n in sorted((usual[place].holding - answers.holding) & relevant)]
        if not words and answers.senseless != usual[place].senseless:
            words = ["with a reverse DNS name" if answers.senseless < usual[place].senseless else "mail of this host"]
    return tuple(dict.fromkeys(words)) or ("otherwise",)


def _not_word(words: str) -> str:
    return words.removeprefix("!") if words.startswith("!") else f"!{words}"


def _apart(case: Case, others: Iterable[Case]) -> Case:
    """Add to *case* what tells it from those of *others* that have all of it and more."""
    more = (word for other in others if set(case) < set(other) for word in other if word not in case)
    return (*case, *map(_not_word, dict.fromkeys(more)))


def _not(case: Case) -> str:
    """Say that not all of *case* holds."""
    if len(case) == 1:
        return _not_word(case[0])
    return f"not ({', '.join(case)})"


def worded(words: str, given: Answer) -> str:
    """Say that the question *words* is answered so."""
    if given is Answer.UNAVAILABLE:
        return f"while `{words}` cannot be answered"
    return words if given is Answer.YES else _not_word(words)
