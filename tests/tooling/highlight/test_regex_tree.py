"""Regular expressions of the grammar as trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.tables import facts
from smtpdsl.tooling.highlight.regex_engines import PYTHON, print_regex
from smtpdsl.tooling.highlight.regex_tree import (
    ANYTHING,
    Choice,
    End,
    Literal,
    Look,
    OneOf,
    RegexError,
    Repeat,
    Sequence,
    Tree,
    parse_regex,
)

CHARACTERS = st.sampled_from("aZ09-_^]\\[.*+?(){}|$/\"'# \t\n")
RANGES = st.one_of(CHARACTERS.map(lambda each: (each, each)), st.sampled_from([("a", "z"), ("0", "9")]))
SETS = st.builds(OneOf, st.lists(RANGES, min_size=1, max_size=4, unique=True).map(tuple), st.booleans())
LEAVES = st.one_of(CHARACTERS.map(Literal), SETS, st.just(ANYTHING), st.just(End()))


def several(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[tuple[Tree, ...]]:
    """Draw two to four of *parts*."""
    return st.lists(parts, min_size=2, max_size=4).map(tuple)


def trees(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Draw a tree that is made of *parts*, in the one form that the parser gives it."""
    alone = parts.filter(lambda each: not isinstance(each, Sequence | Choice))
    counts = st.sampled_from([(0, None), (1, None), (0, 1)])
    repeats = st.builds(lambda item, count: Repeat(item, *count), parts, counts)
    looks = st.builds(Look, parts, st.booleans())
    sequences = several(parts.filter(lambda each: not isinstance(each, Sequence))).map(Sequence)
    return st.one_of(alone, repeats, looks, sequences, several(alone).map(Choice))


@given(tree=st.recursive(LEAVES, trees, max_leaves=12))
def test_what_is_printed_can_be_read(tree: Tree) -> None:
    """Reading what was printed gives the same tree."""
    assert parse_regex(print_regex(tree, PYTHON)) == tree


@pytest.mark.parametrize("name", sorted(set(facts().patterns) - {"STRAY", "NEVER"}))
def test_every_terminal_can_be_read(name: str) -> None:
    """And printed so that it is the same terminal, whatever groups it is written with."""
    printed = print_regex(parse_regex(facts().patterns[name]), PYTHON)

    assert print_regex(parse_regex(printed), PYTHON) == printed


@pytest.mark.parametrize(
    "pattern", ["a{2}", "^a", "a$", ".", r"\d", "(a)", "(?P<x>a)", "(?<=a)b", "a**", "[a", "a(?:b", "\\"]
)
def test_what_no_engine_was_taught_is_refused(pattern: str) -> None:
    """A new construct in the grammar is noticed here, and not by who opens a file."""
    with pytest.raises(RegexError):
        parse_regex(pattern)
