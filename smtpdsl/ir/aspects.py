"""The aspects of an envelope that vary on their own, and what rules can ask about each.

    recipient         for any, for local, for domain, rcpt-to
    client            from local, from socket, from src
    …

`for domain` and `rcpt-to` read one value, and what this host made of a message has its own
client and reverse DNS name: none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum

from smtpdsl.ir.answers import Site, built_in_entries
from smtpdsl.ir.resolved import (
    AnyDestination,
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
from smtpdsl.mail.envelope import LOCAL, Envelope


class Aspect(Enum):
    """What of an envelope varies on its own; the value is what people call it."""

    RECIPIENT = "recipient"
    SOURCE = "client"
    REVERSE_PATH = "sender"
    HELO = "HELO name"
    RDNS = "reverse DNS name"
    LOGIN = "authentication"
    TAG = "listener tag"
    TLS = "TLS"


_OF_SUBJECT = {
    Subject.TAG: Aspect.TAG,
    Subject.SOURCE: Aspect.SOURCE,
    Subject.RDNS: Aspect.RDNS,
    Subject.DOMAIN: Aspect.RECIPIENT,
    Subject.HELO: Aspect.HELO,
    Subject.LOGIN: Aspect.LOGIN,
    Subject.REVERSE_PATH: Aspect.REVERSE_PATH,
    Subject.FORWARD_PATH: Aspect.RECIPIENT,
}
SUBJECTS = {aspect: subject for subject, aspect in _OF_SUBJECT.items()}
_OF_KIND: dict[type, Aspect] = {
    LocalSource: Aspect.SOURCE,
    SocketSource: Aspect.SOURCE,
    HasReverseName: Aspect.RDNS,
    IsAuthenticated: Aspect.LOGIN,
    UsesTls: Aspect.TLS,
    AnyDestination: Aspect.RECIPIENT,
    LocalDestination: Aspect.RECIPIENT,
}


def aspect_of(question: Question) -> Aspect:
    """Return what *question*, which can be answered without asking anybody, is about."""
    return _OF_SUBJECT[question.subject] if isinstance(question, InTable) else _OF_KIND[type(question)]


def is_fallible(question: Question) -> bool:
    """Whether the answer is known outside of the program only, so that asking can fail."""
    if isinstance(question, InTable):
        table = question.table
        return table is None or (not table.is_known and not _is_built_in(table))
    return isinstance(question, ConfirmedReverseName)


def _is_built_in(table: Table) -> bool:
    return built_in_entries(table, Site(server_name="", addresses=())) is not None


class _Internal:
    """What stands for the client of mail that this host made itself."""


_INTERNAL = _Internal()


def _recipient(envelope: Envelope) -> Hashable:
    return envelope.recipient.local_part, envelope.recipient.domain


def recipient_domain(envelope: Envelope) -> Hashable:
    """Return the value of the recipient for rules that ask for its domain alone."""
    return envelope.recipient.domain


def _source(envelope: Envelope) -> Hashable:
    return _INTERNAL if envelope.is_internal else envelope.client.source


def _rdns(envelope: Envelope) -> Hashable:
    return _INTERNAL if envelope.is_internal else envelope.client.rdns


def _helo(envelope: Envelope) -> Hashable:
    return envelope.client.helo


def _login(envelope: Envelope) -> Hashable:
    client = envelope.client
    return "" if client.login is None and client.source == LOCAL else client.login


def _tag(envelope: Envelope) -> Hashable:
    return envelope.client.tag


def _tls(envelope: Envelope) -> Hashable:
    return envelope.client.tls


def _reverse_path(envelope: Envelope) -> Hashable:
    mailbox = envelope.reverse_path.mailbox
    return None if mailbox is None else (mailbox.local_part, mailbox.domain)


# Invariant: envelopes with equal values have the same answers to every question of the aspect.
VALUES: dict[Aspect, Callable[[Envelope], Hashable]] = {
    Aspect.RECIPIENT: _recipient,
    Aspect.SOURCE: _source,
    Aspect.RDNS: _rdns,
    Aspect.HELO: _helo,
    Aspect.LOGIN: _login,
    Aspect.TAG: _tag,
    Aspect.TLS: _tls,
    Aspect.REVERSE_PATH: _reverse_path,
}


def _is_anonymous(envelope: Envelope) -> Hashable:
    return _login(envelope) is None


def _has_domain(envelope: Envelope) -> Hashable:
    return bool(envelope.recipient.domain)


def _kind_of_source(envelope: Envelope) -> Hashable:
    return envelope.is_internal, envelope.client.source == LOCAL


def _kind_of_name(envelope: Envelope) -> Hashable:
    return envelope.is_internal, envelope.client.rdns is None


# Invariant: envelopes with equal states have the same answers to the questions of the aspect that ask no table.
STATES: dict[Aspect, Callable[[Envelope], Hashable]] = {
    Aspect.RECIPIENT: _has_domain,
    Aspect.SOURCE: _kind_of_source,
    Aspect.RDNS: _kind_of_name,
    Aspect.LOGIN: _is_anonymous,
    Aspect.TLS: _tls,
}
