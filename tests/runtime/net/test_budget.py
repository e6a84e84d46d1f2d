"""How much memory sessions may take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.budget import Budget


def test_what_does_not_fit_is_not_taken() -> None:
    """Nothing is counted of it, and what is given back can be taken again."""
    budget = Budget(100)

    assert budget.take(60)
    assert not budget.take(41)
    assert budget.take(40)
    assert not budget.take(1)
    budget.give(60)
    assert (budget.used, budget.take(60)) == (40, True)


def test_only_what_was_taken_can_be_given_back() -> None:
    """Giving more is a mistake of ours, and would let the memory grow."""
    budget = Budget(100)
    budget.take(10)

    with pytest.raises(AssertionError):
        budget.give(11)


def test_what_is_held_may_change() -> None:
    """More is taken if there is room, less is given back; what does not fit changes nothing."""
    budget = Budget(100)
    budget.take(60)

    assert (budget.change(0, 40), budget.used) == (40, 100)
    assert (budget.change(40, 41), budget.used) == (40, 100)
    assert (budget.change(40, 10), budget.used) == (10, 70)


@given(sizes=st.lists(st.integers(0, 50)), most=st.integers(0, 100))
def test_the_budget_is_kept(sizes: list[int], most: int) -> None:
    """Never more than the limit is taken, and all of it comes back."""
    budget = Budget(most)
    taken = [size for size in sizes if budget.take(size)]

    assert budget.used == sum(taken) <= most
    for size in taken:
        budget.give(size)
    assert budget.used == 0
