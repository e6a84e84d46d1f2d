"""Reply codes and what is expected of them."""

from __future__ import annotations

import pytest

from tests.vectors.codes import Codes


@pytest.mark.parametrize(
    ("expected", "codes"),
    [
        (["250", "(250 ){2}452"], "250 250 250 452"),
        (["500|421", "503"], "421 503"),
        (["354 250 250|(503|554|421).*"], "354 250 250"),
        (["354 250 250|(503|554|421).*"], "503 500 500"),
        (["(503|554) 500|354 554"], "354 554"),
        (["421|"], ""),
        (["421|"], "421"),
        (["250", "421|"], "250"),
        ([], ""),
        ([".*"], "220 250"),
    ],
)
def test_what_fits(expected: list[str], codes: str) -> None:
    """Alternatives stay within their item, and an item may stand for several replies or for none."""
    assert Codes(expected).fit(codes.split())


@pytest.mark.parametrize(
    ("expected", "codes"),
    [(["250"], "250 250"), (["500|421", "503"], "421"), (["250"], ""), ([], "220"), (["(250 ){2}452"], "250 452")],
)
def test_what_does_not(expected: list[str], codes: str) -> None:
    """A reply too many, one too few, or another one."""
    assert not Codes(expected).fit(codes.split())


def test_a_connection_that_was_closed_early() -> None:
    """The first items are enough then, but they have to be there."""
    codes = Codes(["500|421", "503"])

    assert codes.fit_early(["421"])
    assert codes.fit_early(["500", "503"])
    assert not codes.fit_early([])
    assert not codes.fit_early(["250"])
    assert Codes([]).fit_early([])


def test_the_first_items_of_several() -> None:
    """As they are awaited between two steps."""
    codes = Codes(["250", "(250 ){2}452", "354"])

    assert codes.fit(["250"], 1)
    assert codes.fit(["250", "250", "250", "452"], 2)
    assert not codes.fit(["250", "250"], 2)
