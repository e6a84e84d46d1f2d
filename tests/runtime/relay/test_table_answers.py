"""Actions whose tables live elsewhere: what is made of the answers, and of those that do not come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.relay_url import RelayUrl
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Attempt, Envelope, InlineContent, QueuedMessage, Route
from smtpdsl.runtime.relay.plan import NoPlan, Plan
from smtpdsl.runtime.relay.plans import Plans
from tests.worlds import ruleset_of

DEST = Mailbox.parse("ann@a.example")
TABLES = "".join(f"table {name} db:/etc/t.db\n" for name in ("relays", "routes", "secrets", "sources", "names"))


class Tables:
    """Values by table and key, or lists that take turns; what it does not have, cannot be asked."""

    def __init__(self, entries: Mapping[str, Mapping[str, str] | list[str]]) -> None:
        """Hold *entries*."""
        self.entries = entries
        self.asked: list[str] = []

    def has(self, table: Table) -> bool:
        """Have all."""
        return not table.is_known

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Look *key* up."""
        self.asked.append(f"{table.name} {service.value} {key}")
        found = self.entries.get(table.name)
        return found.get(key) if isinstance(found, Mapping) else Outage.UNAVAILABLE

    async def next_of(self, table: Table, service: Service) -> str | Outage | None:
        """Return the first entry, and put it last."""
        self.asked.append(f"{table.name} {service.value}")
        found = self.entries.get(table.name)
        if not isinstance(found, list):
            return Outage.UNAVAILABLE
        if found:
            found.append(found.pop(0))
        return found[-1] if found else None


def plans_of(words: str, tables: Tables, count: int = 1) -> Sequence[Plan | NoPlan]:
    """Plan how mail leaves by the action *words*, several times."""
    text = f'{TABLES}action "out" relay {words}\nmatch from any for any action "out"\n'
    actions = ruleset_of(text, {"/etc/t.db": ""}).actions
    plans = Plans(actions, "mx.test", 25)
    plans.tables = tables
    message = QueuedMessage(1, ReversePath(), Client(source="local"), 0.0, InlineContent(b""))
    attempt = Attempt(message, (Envelope(Route.RELAY, "out", DEST, DEST),), ("1" * 16,))

    async def run() -> list[Plan | NoPlan]:
        return [await planned(plans, attempt) for _ in range(count)]

    return asyncio.run(run())


async def planned(plans: Plans, attempt: Attempt) -> Plan | NoPlan:
    """Return the plan, for which somebody has to be asked."""
    found = plans.of(attempt)
    assert not isinstance(found, Plan | NoPlan)
    return await found


def url_of(plan: Plan | NoPlan) -> RelayUrl:
    """Return the URL of the only way."""
    assert isinstance(plan, Plan), plan
    (way,) = plan.ways
    assert way.url is not None
    return way.url


def test_relays_take_turns() -> None:
    """The program says which is next; a way that was gone before is the same plan."""
    tables = Tables({"relays": ["smtp://mx1.example", "smtp://mx2.example"]})
    first, second, third = plans_of("host <relays>", tables, 3)

    assert [url_of(each).host for each in (first, second, third)] == ["mx1.example", "mx2.example", "mx1.example"]
    assert first is third


def test_a_domain_is_looked_up_and_its_label_too() -> None:
    """The password is for that host alone, and shown nowhere."""
    routes = {"a.example": "smtps://us@mx.example"}
    tables = Tables({"routes": routes, "secrets": {"us": "joe:secret"}})
    (plan,) = plans_of("domain <routes> auth <secrets>", tables)

    assert isinstance(plan, Plan)
    assert url_of(plan).host == "mx.example"
    assert plan.ways[0].login is not None
    assert plan.ways[0].login.user == "joe"
    assert "secret" not in repr(plan.ways)
    assert tables.asked == ["routes relayhost a.example", "secrets credentials us"]


def test_an_address_to_connect_from_has_its_name() -> None:
    """In brackets and in its shortest form, if it is one of IPv6."""
    tables = Tables({"sources": ["2001:DB8:0::1"], "names": {"[2001:db8::1]": "out.test"}})
    (plan,) = plans_of("src <sources> helo-src <names>", tables)

    assert isinstance(plan, Plan)
    assert plan.sources == ("2001:DB8:0::1",)
    assert plan.names is not None
    assert [(each.key, each.value) for each in plan.names.entries] == [("[2001:db8::1]", "out.test")]


@pytest.mark.parametrize(
    ("words", "entries", "problem"),
    [
        ("host <relays>", {}, 'action "out": <relays> cannot be asked now'),
        ("host <relays>", {"relays": []}, "has no host to relay to: <relays> names none"),
        ("host <relays>", {"relays": ["gopher://x"]}, '"gopher://x" of <relays> is no relay URL'),
        ("domain <routes>", {"routes": {"a.example": "smtp://us:secret@mx"}}, '"…@mx" of <routes> is no relay URL'),
        ("domain <routes>", {}, "<routes> cannot be asked now"),
        ("domain <routes>", {"routes": {}}, "a.example is not in <routes>"),
        (
            "domain <routes> auth <secrets>",
            {"routes": {"a.example": "smtps://us@mx.example"}},
            "<secrets> cannot be asked now",
        ),
        (
            "domain <routes> auth <secrets>",
            {"routes": {"a.example": "smtps://us@mx.example"}, "secrets": {}},
            'label "us" of <secrets> does not exist',
        ),
        ("src <sources>", {}, "<sources> cannot be asked now"),
        ("src <sources>", {"sources": ["mx"]}, '<sources>: expected an IP address to connect from, found "mx"'),
        ("src <sources>", {"sources": []}, "has no address to connect from: <sources> names none"),
    ],
)
def test_without_an_answer_the_message_waits(
    words: str, entries: Mapping[str, Mapping[str, str] | list[str]], problem: str
) -> None:
    """The reason names the table, and no password."""
    (plan,) = plans_of(words, Tables(entries))

    assert isinstance(plan, NoPlan)
    assert problem in plan.problem
    assert "us:secret" not in plan.problem
