"""What a question is answered for an envelope: the one place that reads an envelope for the rules.

`ir.semantics` says in which order questions are asked, `ir.matching` how two texts are
compared; a table that lives elsewhere is asked through `Lookup`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, assert_never

from smtpdsl.ir.matching import fold, service_matches
from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    ConfirmedReverseName,
    HasReverseName,
    InTable,
    IsAuthenticated,
    LocalDestination,
    LocalSource,
    Question,
    SocketSource,
    Subject,
    Table,
    UsesTls,
)
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Envelope
from smtpdsl.record import Record

_NULL = "@"
_EXPANDED = "what an expansion names"


class Site(Record):
    """What "local" means here.

    `addresses` are those of this host as rules compare them: ``192.0.2.1``,
    ``[2001:db8::1]``, ``[fe80::1%eth0]``.
    """

    server_name: str
    addresses: tuple[str, ...]
    delimiter: str = "+"
    # Up to 6.3 an address literal is local in every spelling, later only as it stands in `addresses`.
    is_legacy: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains of `for local`."""
        names = ("localhost", self.server_name, *self.addresses)
        if not self.is_legacy:
            return names
        bare = [address.strip("[]") for address in self.addresses]
        return (*names, *bare, *(f"[{each}]" for each in bare), *(f"[ipv6:{each}]" for each in bare if ":" in each))


class Lookup(Protocol):
    """Asks tables whose content is not part of the program."""

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Whether *table*, asked as *service*, knows *key*."""


class Witness(NamedTuple):
    """An answer, the value that was tested, and why the answer is so."""

    answer: Answer
    value: str
    why: str


_NAMELESS_FOR_NOW = Witness(Answer.UNAVAILABLE, "", "the reverse DNS name of the client cannot be found out now")


def mailaddr_text(path: Mailbox | ReversePath) -> str:
    """Return an address as rules compare it: ``user@domain``, the null reverse-path as ``@``."""
    mailbox = path.mailbox if isinstance(path, ReversePath) else path
    return str(mailbox) if mailbox else _NULL


def answer(question: Question, envelope: Envelope, site: Site, lookup: Lookup) -> Witness:
    """Answer *question* for *envelope*, and say why."""
    client, source, domain = envelope.client, envelope.source, envelope.recipient.domain
    match question:
        case AnySource():
            return Witness(Answer.YES, source, "every client")
        case LocalSource():
            is_local = any(service_matches(Service.NETADDR, each, source, "") for each in (LOCAL, *site.addresses))
            if envelope.is_internal:
                return Witness(Answer.YES, source, f"{_EXPANDED} comes from this host")
            where = "the local socket" if client.is_socket else source
            return _plain(is_local, source, f"{where} is this host", f"{where} is not this host")
        case SocketSource():
            if envelope.is_internal:
                return Witness(Answer.SENSELESS, source, f"{_EXPANDED} came over no socket")
            return _plain(client.is_socket, source, "the local socket", f"{source} is not the local socket")
        case HasReverseName():
            return _has_reverse_name(envelope)
        case ConfirmedReverseName():
            return Witness(Answer.UNAVAILABLE, client.rdns or "", "only a running server can confirm a name")
        case IsAuthenticated():
            if client.is_socket and client.login is None:
                return Witness(Answer.YES, "", "the local socket counts as authenticated")
            return _plain(client.is_authenticated, client.login or "", "authenticated", "not authenticated")
        case UsesTls():
            value = "TLS" if client.tls else ""
            return _plain(client.tls, value, "the session is secured", "the session is not secured")
        case AnyDestination():
            return _plain(bool(domain), domain, "every domain", "the recipient has no domain")
        case LocalDestination():
            is_local = fold(domain) in map(fold, site.domains)
            return _plain(is_local, domain, f"{domain} is this host", f"{domain} is not this host")
        case InTable():
            return _in_table(question, envelope, site, lookup)
    assert_never(question)


def _has_reverse_name(envelope: Envelope) -> Witness:
    if envelope.is_internal:
        return Witness(Answer.SENSELESS, envelope.source, f"{_EXPANDED} has no reverse DNS name")
    client = envelope.client
    if not client.is_rdns_known:
        return _NAMELESS_FOR_NOW
    name, if_not = client.rdns, "the client has no reverse DNS name"
    return _plain(name is not None, name or "", f"the client is {name}", if_not)


def _plain(holds: bool, value: str, if_so: str, if_not: str) -> Witness:  # noqa: FBT001 - private, one meaning
    return Witness(Answer.YES if holds else Answer.NO, value, if_so if holds else if_not)


# ---------------------------------------------------------------- tables

# What an empty value means, where it is usual.
_NOTHING = {
    Subject.TAG: "the listener has no tag",
    Subject.HELO: "the client has not said who it is",
    Subject.LOGIN: "the local socket has no login name",
}


def _in_table(question: InTable, envelope: Envelope, site: Site, lookup: Lookup) -> Witness:
    key = key_of(question.subject, envelope)
    if key is None:
        if question.subject is Subject.LOGIN:
            return Witness(Answer.NO, "", "not authenticated")
        if not envelope.client.is_rdns_known:
            return _NAMELESS_FOR_NOW
        # Negated or not: who has no name cannot be told by it.
        return Witness(Answer.SENSELESS, "", "the client has no reverse DNS name")
    if question.table is None:
        return Witness(Answer.UNAVAILABLE, key, "the table is not declared")
    found = ask(question.table, service_of(question, key), key, site, lookup)
    if not key and found.answer is Answer.NO and question.subject in _NOTHING:
        return found._replace(why=_NOTHING[question.subject])
    if envelope.is_internal and question.subject in {Subject.SOURCE, Subject.RDNS}:
        return found._replace(why=f"{found.why} ({_EXPANDED} is compared as {LOCAL})")
    return found


def service_of(question: InTable, key: str) -> Service:
    """How the table is asked, which for two subjects is not how it is declared."""
    if question.service is Service.REGEX:
        return Service.REGEX
    match question.subject:
        case Subject.RDNS:
            # Names are compared whole: a pattern such as `*.example.org` has never matched here, and
            # matching it now could relay mail that was refused.  `from rdns regex` says it.
            # A program has always been asked for an address there.
            return Service.STRING if question.table is None or question.table.is_known else Service.NETADDR
        case Subject.LOGIN:
            return Service.MAILADDR if "@" in key else Service.STRING
    return question.service


def key_of(subject: Subject, envelope: Envelope) -> str | None:
    """Return what the table is asked for; None where the envelope has no such value."""
    client = envelope.client
    match subject:
        case Subject.TAG:
            return client.tag
        case Subject.SOURCE:
            return envelope.source
        case Subject.RDNS:
            return LOCAL if envelope.is_internal else client.rdns
        case Subject.DOMAIN:
            return envelope.recipient.domain
        case Subject.HELO:
            return client.helo
        case Subject.LOGIN:
            return "" if client.login is None and client.is_socket else client.login
        case Subject.REVERSE_PATH:
            return mailaddr_text(envelope.reverse_path)
        case Subject.FORWARD_PATH:
            return mailaddr_text(envelope.recipient)
    assert_never(subject)


def ask(table: Table, service: Service, key: str, site: Site, lookup: Lookup) -> Witness:
    """Ask one table for *key*; the first entry that matches is named."""
    entries = built_in_entries(table, site)
    if entries is None and not table.is_known:
        found = lookup.contains(table, service, key)
        why = {
            Answer.YES: f'{table.shown} has "{key}"',
            Answer.NO: f'"{key}" is not in {table.shown}',
        }.get(found, f"{table.shown} cannot be asked here")
        return Witness(found, key, why)
    # A built-in table has no place in the text.
    pairs = ((each.key, each.span) for each in table.entries) if entries is None else ((each, None) for each in entries)
    for entry, span in pairs:
        if service_matches(service, entry, key, site.delimiter):
            is_literal = fold(entry) == fold(key)
            why = f'"{key}" is in {table.shown}' if is_literal else f'"{key}" matches "{entry}" of {table.shown}'
            return Witness(Answer.YES, key, why + (f" ({span.place})" if span and table.path else ""))
    return Witness(Answer.NO, key, f'"{key}" is not in {table.shown}')


def built_in_entries(table: Table, site: Site) -> tuple[str, ...] | None:
    """Return the entries of a table that every configuration has; None if *table* is none of them."""
    if table.backend != "built-in":
        return None
    return {
        "<anyhost>": (LOCAL, "0.0.0.0/0", "::/0"),
        "<localhost>": (LOCAL, *site.addresses),
        "<localnames>": site.domains,
        "<anydestination>": ("*",),
    }.get(table.name)
