"""What an envelope of the queue asks the supervisor to do."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.interfaces import (
    Attempt,
    CommandWork,
    Envelope,
    InlineContent,
    LocalWork,
    MaildirWork,
    Outcome,
    QueuedMessage,
    Result,
    Route,
)
from tests.worlds import ruleset_of, site_of

LIST = Mailbox.parse("list+tag@here.example")
ANN = Mailbox.parse("ann+tag@here.example")
MESSAGE = QueuedMessage(
    7,
    ReversePath.parse("<eve@away.example>"),
    Client(source="203.0.113.9"),
    1700000000.0,
    InlineContent(b"x: y\n\nz\n"),
)
DONE = Outcome(Result.OK, "Delivered")


class Workers:
    """A supervisor that only notes what it is asked for."""

    def __init__(self) -> None:
        """Have done nothing."""
        self.works: list[LocalWork] = []

    async def perform(self, work: LocalWork) -> Outcome:
        """Note it."""
        self.works.append(work)
        return DONE

    async def close(self, grace: float) -> None:
        """Have nothing to wait for."""
        del grace


def account(userbase: Table | None, name: str) -> Account | None:
    """Know two users."""
    del userbase
    uid = {"root": 0, "ann": 1001}.get(name)
    return None if uid is None else Account(name=name, uid=uid, gid=100, home=f"/home/{name}")


def deliver(method: str, user: str = "ann", *, extension: str = "", target: str = "") -> LocalWork | Outcome:
    """Deliver one envelope, and return the work that was asked for, or the outcome without one."""
    ruleset = ruleset_of(
        f'mda wrapper "slow" "nice %{{mda}}"\naction "in" {method}\nmatch from any for any action "in"\n'
    )
    rule = ruleset.rules[0]
    assert rule.action is not None
    workers = Workers()
    agent = LocalAgent({"in": rule.action}, site_of(ruleset), account, "/bed{}".format, workers)
    envelope = Envelope(Route.LOCAL, "in", LIST, ANN, user, extension, 60, target)
    (outcome,) = asyncio.run(agent.deliver(Attempt(MESSAGE, (envelope,), ("00000007000000a1",))))
    return workers.works[0] if workers.works else outcome


@pytest.mark.parametrize("method", ["maildir", "mda cat", "expand-only", "forward-only"])
def test_a_command_of_the_user_takes_the_place_of_the_method(method: str) -> None:
    """It runs as the user, at home, with the variables of a command but without the sub-address."""
    work = deliver(method, target="~/bin/in %{sender}")

    assert isinstance(work, LocalWork)
    assert work.identity == ("ann", 1001, 100, "/bed/home/ann")
    assert isinstance(work.method, CommandWork)
    assert work.method.command == "/bed/home/ann/bin/in eve@away.example"
    assert dict(work.method.environment) == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/bed/home/ann",
        "SHELL": "/bin/sh",
        "USER": "ann",
        "LOGNAME": "ann",
        "LOCAL": "list+tag",
        "DOMAIN": "here.example",
        "RECIPIENT": "ann+tag@here.example",
        "ORIGINAL_RECIPIENT": "list+tag@here.example",
        "SENDER": "eve@away.example",
    }
    assert work.prefix == b"Return-Path: <eve@away.example>\nDelivered-To: list+tag@here.example\n"


def test_a_command_of_the_user_is_wrapped() -> None:
    """Who wrote the configuration decides how commands run."""
    work = deliver('mda cat wrapper "slow"', target="/bin/in")

    assert isinstance(work, LocalWork)
    assert isinstance(work.method, CommandWork)
    assert work.method.command == "nice /bin/in"


def test_without_one_the_method_delivers() -> None:
    """To the maildir of the user, and its folder for the sub-address."""
    work = deliver("maildir", extension="tag")

    assert isinstance(work, LocalWork)
    assert work.method == MaildirWork(
        "/bed/home/ann/Maildir", "1700000000.00000007000000a1.mail.example.org", sub_folder="tag"
    )


@pytest.mark.parametrize(
    ("user", "target", "result", "text"),
    [
        ("root", "/bin/in", Result.PERMANENT, 'the account "root" has user number 0, and nothing is delivered as that'),
        ("gone", "/bin/in", Result.PERMANENT, 'no user "gone" any more'),
        ("ann", "/bin/in %{nothing}", Result.PERMANENT, 'expected the name of a value, found "nothing"'),
    ],
)
def test_commands_that_are_not_run(user: str, target: str, result: Result, text: str) -> None:
    """Nobody does what cannot be done, or as root."""
    outcome = deliver("maildir", user, target=target)

    assert isinstance(outcome, Outcome)
    assert outcome.result is result
    assert text in outcome.text
