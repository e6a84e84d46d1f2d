"""The program behind `mx-filtered`, without a server."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.vectors.filter_program import PHASES, answers

WHICH = "4567|abcd"


def ask(phase: str, parameter: str = "") -> str:
    """Return a question of the server."""
    return f"filter|0.7|1.0|smtp-in|{phase}|{WHICH}|{parameter}\n"


def say(lines: Sequence[str]) -> list[str]:
    """Return what is answered to *lines*."""
    return list(answers(lines, "judge"))


def test_the_handshake() -> None:
    """Every phase is registered, and the end of it is told."""
    said = say(["config|protocol|0.7\n", "config|ready\n"])

    assert said[: len(PHASES)] == [f"register|filter|smtp-in|{phase}" for phase in PHASES]
    assert said[-1] == "register|ready"


def test_everything_passes() -> None:
    """Lines as they came, also those with separators."""
    assert say([ask("ehlo", "c|x|y"), ask("data-line", "a|b"), ask("commit")]) == [
        f"filter-result|{WHICH}|proceed",
        f"filter-dataline|{WHICH}|a|b",
        f"filter-result|{WHICH}|proceed",
    ]


def test_a_message_that_asks_for_it_is_refused() -> None:
    """And the next one of the session is not."""
    *_, refused, passed = say([ask("data-line", "x-filter: reject"), ask("commit"), ask("commit")])

    assert refused.startswith(f"filter-result|{WHICH}|reject|550 ")
    assert passed == f"filter-result|{WHICH}|proceed"


def test_fields_that_are_not_where_they_belong() -> None:
    """They end it."""
    event = "report|0.7|1.0|smtp-in|link-identify|0123"

    assert not say([f"{event}|EHLO|c|x|y\n"])
    with pytest.raises(SystemExit, match="shifted"):
        say([f"{event}|c|EHLO\n"])
