"""Sessions of filters, compiled on the bench of `tests.worlds`, and a log that can be read."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.filters.conditions import Tables
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.plan import FilterPlan, plan_filters
from smtpdsl.runtime.filters.rulings import Ruling
from smtpdsl.runtime.filters.session import FilterSession
from tests.worlds import ruleset_of, site_of

LISTEN = "listen on lo filter"
CLIENT = Client(source="203.0.113.9", rdns="mx.client.example", helo="client.example", login="ann")
FACTS = Facts(
    client=CLIENT,
    fcrdns=True,
    reverse_path=ReversePath.parse("<eve@away.example>"),
    recipient=Mailbox.parse("ann@example.org"),
)


class Notes:
    """A log that is a list of lines."""

    def __init__(self) -> None:
        """Have none."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Note an event."""
        self.lines.append(" ".join([subject, name, *(f"{key}={value}" for key, value in values.items())]))

    def info(self, text: str) -> None:
        """Note a sentence."""
        self.lines.append(text)

    warn = info


class Elsewhere:
    """Tables that are not part of the program: one answer for all of them."""

    def __init__(self, answer: Answer = Answer.UNAVAILABLE) -> None:
        """Give *answer*."""
        self.answer = answer
        self.asked: list[tuple[str, Service, str]] = []

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Be asked."""
        self.asked.append((table.name, service, key))
        return self.answer


def plan_of(text: str, lookup: Elsewhere | None = None) -> FilterPlan:
    """Return the plan of the listener of *text*."""
    ruleset = ruleset_of(text, {"/etc/t.db": ""})
    listener = next(each for each in ruleset.listeners if not each.is_socket)
    return plan_filters(listener.filter, Tables(site_of(ruleset), lookup or Elsewhere()))


def session_of(text: str, lookup: Elsewhere | None = None, log: Notes | None = None) -> FilterSession:
    """Begin a session with the listener of *text*."""
    return plan_of(text, lookup).session("4f1e", log or Notes())


def told(session: FilterSession, hook: Hook, facts: Facts = FACTS) -> Ruling:
    """Ask, where nobody has to wait."""
    ruling = session.ask(hook, facts)
    assert not isinstance(ruling, Awaitable)
    return ruling
