"""Reports on TLS, asked for over the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from smtpdsl.cli.control_words import WordError, find_verb
from smtpdsl.runtime.control.commands import ControlError, Item, answer
from smtpdsl.runtime.control.report_commands import report_commands


class Reports:
    """Whoever has them."""

    async def tls_reports(self, day: str = "") -> Sequence[Mapping[str, Any]]:
        """Return one, of any day."""
        if day == "yesterday":
            raise ValueError
        return [{"domain": "a.test", "rua": [], "report": {"day": day}}]


def ask(words: str) -> list[Item]:
    """Return what is answered to *words*."""
    verb, operands = find_verb(words.split())

    async def run() -> list[Item]:
        return [each async for each in answer(report_commands(Reports()), verb.command, verb.read(operands))]

    return asyncio.run(run())


@pytest.mark.parametrize(("words", "day"), [("show tls-reports", ""), ("sh t 2026-03-01", "2026-03-01")])
def test_reports_of_a_day(words: str, day: str) -> None:
    """Today's if none is named."""
    assert ask(words) == [{"domain": "a.test", "rua": [], "report": {"day": day}}]


def test_what_is_no_day() -> None:
    """Is told with how one is written."""
    with pytest.raises(ControlError, match='"yesterday" is no day; write one as 2026-03-01'):
        ask("show tls-reports yesterday")
    with pytest.raises(WordError, match='expected one day, found "2026-03-02" behind it'):
        ask("show tls-reports 2026-03-01 2026-03-02")
