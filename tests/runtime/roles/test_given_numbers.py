"""Numbers are good for one message each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.roles.given_numbers import MOST_BLOCKS, GivenNumbers


def test_blocks_are_forgotten_in_the_end() -> None:
    """A number that is in one of them is good for nothing, but it is no lie; one that nobody has given yet, is."""
    numbers = GivenNumbers()
    for start in range(10, 10 * (MOST_BLOCKS + 3), 10):
        numbers.add(Block(start, start + 5))

    assert [numbers.use(each) for each in (10, 24, 17, 30, 34)] == [False, False, False, True, True]
    assert [numbers.is_forgotten(each) for each in (10, 24, 30, 40)] == [True, True, False, False]
    for unknown in (27, 37, 10 * (MOST_BLOCKS + 3)):
        with pytest.raises(FrameError):
            numbers.use(unknown)


@given(
    sizes=st.lists(st.integers(1, 6), max_size=4).map(tuple),
    used=st.lists(st.integers(0, 45), max_size=60),
    is_backward=st.booleans(),
)
def test_a_number_is_used_once(sizes: tuple[int, ...], used: list[int], is_backward: bool) -> None:  # noqa: FBT001 - given by name
    """If it was given, in whatever order; also when all of its block are used."""
    numbers, free = GivenNumbers(), set[int]()
    blocks = [Block(place * 10, place * 10 + size) for place, size in enumerate(sizes)]
    for block in reversed(blocks) if is_backward else blocks:
        numbers.add(block)
        free |= set(range(*block))
    for each in used:
        if each in free:
            free.remove(each)
            assert numbers.use(each)
        else:
            with pytest.raises(FrameError):
                numbers.use(each)
    for each in free:
        numbers.use(each)
