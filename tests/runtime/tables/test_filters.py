"""Filters that are written in the configuration, and ask tables that live elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from smtpdsl.ir.resolved import BuiltinFilter, FilterUse
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.filters.builtin import Builtin
from smtpdsl.runtime.filters.conditions import Tables as FilterTables
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.rulings import PROCEED, Refuse, Said
from tests.runtime.policies import OUTSIDER, policy_of
from tests.runtime.tables.elsewhere import FAILS, Tables
from tests.worlds import ruleset_of, site_of

FACTS = Facts(OUTSIDER, reverse_path=ReversePath(mailbox=Mailbox.parse("eve@away.example")))


def said(condition: str, entries: dict[str, str], hook: Hook = Hook.MAIL_FROM) -> tuple[Said, list[str]]:
    """Return what a filter with *condition* says, and what was asked for that."""
    text = f'table blocked db:/etc/t.db\nfilter door phase {hook.value} match {condition} reject "550 5.7.1 no"\n'
    ruleset = ruleset_of(f"{text}listen on 127.0.0.1 filter door\n", {"/etc/t.db": ""})
    use = ruleset.listeners[0].filter
    assert isinstance(use, FilterUse)
    assert isinstance(use.filter, BuiltinFilter)
    tables = Tables({"blocked": entries})
    door = Builtin(use.filter, FilterTables(site_of(ruleset), policy_of(""), tables))

    async def run() -> Said:
        found = door.decide(hook, FACTS)
        return await found if isinstance(found, Awaitable) else found

    return asyncio.run(run()), tables.asked


@pytest.mark.parametrize(("mark", "code"), [("", 550), ("!", None)])
def test_a_filter_asks_what_lives_elsewhere(mark: str, code: int | None) -> None:
    """And does what it says when that is known."""
    found, asked = said(f"{mark}mail-from <blocked>", {"eve@away.example": ""})

    assert (found.reply.code if isinstance(found, Refuse) else None) == code
    assert asked == ["blocked mailaddr eve@away.example"]


@pytest.mark.parametrize("mark", ["", "!"])
@pytest.mark.parametrize(("hook", "code"), [(Hook.MAIL_FROM, 451), (Hook.CONNECT, 421)])
def test_what_cannot_be_told_is_refused_for_now(mark: str, hook: Hook, code: int) -> None:
    """Neither a yes nor a no is guessed, and the log has the table."""
    found, _ = said(f"{mark}src <blocked>", {"203.0.113.9": FAILS}, hook)

    assert isinstance(found, Refuse)
    assert (found.reply.code, found.why) == (code, "<blocked> cannot be asked now")


def test_a_condition_that_does_not_hold_saves_the_question() -> None:
    """What is known here is looked at first."""
    assert said("mail-from <blocked> src 192.0.2.1", {}) == (PROCEED, [])
