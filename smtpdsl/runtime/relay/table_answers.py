"""A relay action whose tables live elsewhere, with what they say of one message in their places.

    relay domain <routes> auth <secrets>      ann@a.example      routes: a.example   smtps://us@mx.example
                                                                 secrets: us         "us:secret"
    ──▶ relay domain { a.example = "smtps://us@mx.example" } auth { us = "us:secret" }

What is made of the action then is the same as for any other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from socket import AF_INET6, inet_ntop
from typing import Protocol

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.next_hop import value_of
from smtpdsl.ir.relay_url import RelayUrl, parse_relay_url
from smtpdsl.ir.resolved import RelayAction, Smarthost, Table
from smtpdsl.ir.table_entry import entry_problem
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.ip import ipv6_value
from smtpdsl.text_error import TextError


class RelayTables(Protocol):
    """Who answers for tables that live elsewhere; nothing here raises."""

    def has(self, table: Table) -> bool:
        """Whether it answers for *table*."""

    async def value(self, table: Table, service: Service, key: str) -> str | Outage | None:
        """Return what *table* has for *key*, asked as *service*."""

    async def next_of(self, table: Table, service: Service) -> str | Outage | None:
        """Return the next entry of *table*, asked as *service*; they take turns."""


class NoAnswerError(Exception):
    """A table cannot say now, or says what is of no use; the text is one sentence, and has no password."""


def asks_elsewhere(action: RelayAction, tables: RelayTables) -> bool:
    """Whether a table of *action* is one of *tables*."""
    asked = (action.hosts, action.domain, action.auth, action.src, action.helo_src)
    return any(table is not None and tables.has(table) for table in asked)


async def answered(action: RelayAction, dest: Mailbox, tables: RelayTables) -> RelayAction:
    """Return *action* with what *tables* say of mail for *dest*; each of them is asked once.

    Raises:
        NoAnswerError: One cannot say now.
    """
    asker = _Asker(tables)
    if action.hosts is not None and tables.has(action.hosts):
        hosts = await asker.next_of(action.hosts, Service.RELAYHOST)
        smarthosts = tuple(
            Smarthost(span=each.span, url=_url(each.key, hosts), text=each.key) for each in hosts.entries
        )
        action = action.replace(hosts=hosts, smarthosts=smarthosts)
    if action.domain is not None and tables.has(action.domain):
        action = action.replace(domain=await asker.values(action.domain, Service.RELAYHOST, [dest.domain]))
    urls = _urls(action, dest)
    if action.auth is not None and tables.has(action.auth):
        labels = [url.label for url in urls if url.label]
        action = action.replace(auth=await asker.values(action.auth, Service.CREDENTIALS, labels))
    if action.src is not None and tables.has(action.src):
        action = action.replace(src=_addresses(await asker.next_of(action.src, Service.SOURCE)))
    if action.helo_src is not None and tables.has(action.helo_src):
        sources = [each.key for each in action.src.entries] if action.src is not None else []
        action = action.replace(helo_src=await asker.values(action.helo_src, Service.ADDRNAME, map(_literal, sources)))
    return action


def _urls(action: RelayAction, dest: Mailbox) -> list[RelayUrl]:
    if action.hosts is not None:
        return [each.url for each in action.smarthosts]
    text = value_of(action.domain, dest.domain) if action.domain is not None else None
    return [_url(text, action.domain)] if text is not None and action.domain is not None else []


def _url(text: str, table: Table) -> RelayUrl:
    try:
        return parse_relay_url(text)
    except TextError as error:
        _, at, host = text.rpartition("@")
        # Before that, somebody may have written a password, which the reason would repeat.
        shown, why = (f"…@{host}", "") if at else (text, f": {error.message}")
        message = f'"{shown}" of {table.shown} is no relay URL{why}'
        raise NoAnswerError(message) from None


def _addresses(table: Table) -> Table:
    for entry in table.entries:
        if problem := entry_problem(Service.SOURCE, entry.key, entry.value):
            message = f"{table.shown}: {problem.message}"
            raise NoAnswerError(message)
    return table


def _literal(address: str) -> str:
    """Return *address* as tables of names have it: of IPv6 in brackets, and in its shortest form."""
    bare, percent, scope = address.strip("[]").partition("%")
    value = ipv6_value(bare)
    return address if value is None else f"[{inet_ntop(AF_INET6, value.to_bytes(16, 'big'))}{percent}{scope}]"


class _Asker:
    """Turns answers into tables with these entries."""

    def __init__(self, tables: RelayTables) -> None:
        self._tables = tables

    async def next_of(self, table: Table, service: Service) -> Table:
        found = await self._said(table, self._tables.next_of(table, service))
        entries = () if found is None else (TableEntry(span=table.span, key=found),)
        return table.replace(kind=Kind.LIST, entries=entries, is_known=True)

    async def values(self, table: Table, service: Service, keys: Iterable[str]) -> Table:
        entries = []
        for key in dict.fromkeys(keys):
            found = await self._said(table, self._tables.value(table, service, key))
            if found is not None:
                entries.append(TableEntry(span=table.span, key=key, value=found))
        return table.replace(kind=Kind.MAP, entries=tuple(entries), is_known=True)

    async def _said(self, table: Table, question: Awaitable[str | Outage | None]) -> str | None:
        found = await question
        if isinstance(found, Outage):
            message = f"{table.shown} cannot be asked now"
            raise NoAnswerError(message)
        return found
