"""The words of `smtpdsl ctl`: cut as short as they are clear, and explained where they are not."""

from __future__ import annotations

import pytest

from smtpdsl.cli.control_words import VERBS, WordError, find_verb


@pytest.mark.parametrize(
    ("typed", "usage", "rest"),
    [
        ("show queue", "show queue [ID…]", []),
        ("sh q 5f1e02aa", "show queue [ID…]", ["5f1e02aa"]),
        ("sho env 5f1e02aa9c31d407", "show envelope ID", ["5f1e02aa9c31d407"]),
        ("sc all", "schedule ID…|all", ["all"]),
        ("pau env all", "pause envelope ID…|all", ["all"]),
        ("res mt", "resume mta [from ADDRESS] [for DOMAIN]", []),
        ("reb all to out", "rebind ID…|all to ACTION", ["all", "to", "out"]),
    ],
)
def test_words_may_be_cut(typed: str, usage: str, rest: list[str]) -> None:
    """As with smtpctl."""
    verb, operands = find_verb(typed.split())

    assert (verb.usage, list(operands)) == (usage, rest)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "expected a command; possibilities are: show, schedule, hold, release, remove, rebind, pause, resume"),
        ("s", '"s" is ambiguous; possibilities are: show, schedule'),
        ("sing", '"sing" is unknown; possibilities are: show, schedule, hold'),
        ("show", "expected another word after `show`; possibilities are: queue, envelope"),
        ("sh stat", '"stat" is ambiguous; possibilities are: status, stats'),
        ("pause m", '"m" is ambiguous; possibilities are: mda, mta'),
    ],
)
def test_a_mistake_is_told_with_what_is_possible(typed: str, problem: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(WordError) as failed:
        find_verb(typed.split())
    assert str(failed.value).startswith(problem)


def test_no_word_is_the_beginning_of_another_with_more() -> None:
    """Or its operands could not be told from words."""
    for verb in VERBS:
        others = [other for other in VERBS if other is not verb and other.words[: len(verb.words)] == verb.words]
        assert others == []
