"""Where reports go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from smtpdsl.ir.forward_file import ForwardProblem
from smtpdsl.mail.address import Mailbox
from smtpdsl.runtime.bounces.routing import PolicyRouter
from smtpdsl.runtime.interfaces import Envelope, NoReport, Route
from tests.runtime.policies import Outside, policy_of

RULES = """table people { "team" = "ann, joe@far.example" }
action "in" maildir alias <people>
action "out" relay host "smtp+notls://127.0.0.1:2526"
match from any for domain "here.example" action "in"
match from local for domain "far.example" action "out"
match from any for domain "far.example" reject
match from src 192.0.2.0/24 for domain "away.example" action "out"
"""


def route(recipient: str) -> tuple[Envelope, ...] | NoReport:
    """Ask for the way to *recipient*."""
    outside = Outside(forwards={"ben": ForwardProblem(why="/home/ben/.forward is a symbolic link")})
    found = PolicyRouter(policy_of(RULES, outside), "mx.example").route(Mailbox.parse(recipient))
    assert isinstance(found, tuple), "no table here has to be waited for"
    return found


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ann@here.example", [(Route.LOCAL, "ann")]),
        ("team@here.example", [(Route.LOCAL, "ann"), (Route.RELAY, "")]),
        ("eve@far.example", [(Route.RELAY, "")]),
    ],
)
def test_a_report_goes_as_any_mail_from_here(recipient: str, expected: list[tuple[Route, str]]) -> None:
    """By the rules, from nobody, through the aliases; and nobody is to report on it (RFC 3461 §6.1)."""
    found = route(recipient)

    assert not isinstance(found, NoReport)
    assert [(each.route, each.user) for each in found] == expected
    assert {each.notify for each in found} == {frozenset({"NEVER"})}


def test_whoever_is_refused_gets_no_report() -> None:
    """With the rule that refuses, or the name of nobody; here mail from the network would go."""
    assert route("eve@away.example") == NoReport(
        "mail for <eve@away.example> is refused: no rule matches (rule none)", is_temporary=False
    )
    found = route("nobody@here.example")
    assert isinstance(found, NoReport)
    assert not found.is_temporary


def test_whoever_cannot_get_mail_now_may_get_it_later() -> None:
    """A file that its owner can mend is no refusal."""
    found = route("ben@here.example")

    assert isinstance(found, NoReport)
    assert found.is_temporary
    assert "/home/ben/.forward is a symbolic link" in found.why


def test_a_way_that_a_table_has_to_tell_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the answer is the same."""
    policy = policy_of(RULES)
    judge = policy.judge

    async def judge_later(*asked: Any) -> object:  # noqa: ANN401 - whatever the other one takes
        return judge(*asked)

    monkeypatch.setattr(policy, "judge", judge_later)

    async def routed(recipient: str) -> object:
        found = PolicyRouter(policy, "mx.example").route(Mailbox.parse(recipient))
        assert isinstance(found, Awaitable)
        return await found

    assert asyncio.run(routed("ann@here.example")) == route("ann@here.example")
    assert asyncio.run(routed("eve@away.example")) == route("eve@away.example")
