"""From a relay action to what a session needs to know: where to go, how, and under which names.

    action "out" relay host smtps://ann@mx.example auth <secrets> helo mail.example.org
        Plan(ways=(Way(smtps://mx.example, Security.IMMEDIATE, verified, Account("ann")),), helo="mail.example.org")

What `explain` says of a next hop, and why it fails, comes from the same `ir.next_hop`.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.ir.next_hop import credentials_of, next_hop, replaced_sender, value_of
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl, parse_relay_url
from smtpdsl.ir.resolved import Action, RelayAction, RelayTls, Table
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import Envelope, QueuedMessage
from smtpdsl.runtime.protocol.client import Security
from smtpdsl.runtime.relay.dane import HostTlsa
from smtpdsl.runtime.sasl.client import Account

SMTP_PORT = 25
_NUMBERS = itertools.count()
# What `run` refuses today.  A message is never sent without an option that says how.
_NOT_YET = ("filter",)
_SECURITY = {
    RelayScheme.SMTP: Security.OFFERED,
    RelayScheme.SMTP_TLS: Security.REQUIRED,
    RelayScheme.SMTPS: Security.IMMEDIATE,
    RelayScheme.SMTP_NOTLS: Security.NEVER,
    RelayScheme.LMTP: Security.NEVER,
}


class Way(NamedTuple):
    """How a next hop is spoken to; without a URL it is an exchanger of the recipient's domain, at *smtp_port*.

    One that *verifies* the certificate does it by authorities.  *tlsa* are the records that it has to fit
    in place of that, and *domain* is another name that it may have then, if they are about an authority.
    One that *is_for_whole_way* leads only to servers that see to it that TLS is used from there on (RFC 8689).
    """

    url: RelayUrl | None = None
    security: Security = Security.OFFERED
    verifies: bool = False
    login: Account | None = None
    tlsa: HostTlsa | None = None
    domain: str = ""
    smtp_port: int = SMTP_PORT
    is_for_whole_way: bool = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.url.effective_port if self.url is not None else self.smtp_port

    @property
    def is_lmtp(self) -> bool:
        """Whether LMTP is spoken."""
        return self.scheme is RelayScheme.LMTP

    @property
    def scheme(self) -> RelayScheme:
        """The scheme of its URL."""
        return self.url.scheme if self.url is not None else RelayScheme.SMTP


class Plan(NamedTuple):
    """How an action sends mail on.

    Several *ways* take turns.  Of the exchangers only those better than *backup* are used.  Where the
    address is one of *sources*, *names* has what is said in EHLO.  No other plan has the same *number*.
    """

    number: int
    action: RelayAction
    ways: tuple[Way, ...]
    helo: str
    backup: str | None = None
    sources: tuple[str, ...] = ()
    names: Table | None = None


class NoPlan(NamedTuple):
    """Why an action sends nothing; whoever mends the configuration frees the mail."""

    problem: str


def plan_relay(
    action: Action | None, message: QueuedMessage, envelope: Envelope, server_name: str, smtp_port: int = SMTP_PORT
) -> Plan | NoPlan:
    """Work out how *envelope*, which names *action*, leaves this server; exchangers listen at *smtp_port*."""
    if action is None:
        return NoPlan(f'no action named "{envelope.action}" in this configuration')
    if not isinstance(action, RelayAction):
        return NoPlan(f'action "{envelope.action}" relays nothing in this configuration')
    asked = AskedEnvelope(client=message.client, reverse_path=message.reverse_path, recipient=envelope.recipient)
    hop = next_hop(action, envelope.dest, asked, Site(server_name=server_name, addresses=()))
    helo = action.helo.text if action.helo else server_name
    if problem := hop.problem or _problem(action, helo):
        return NoPlan(problem)
    return Plan(
        number=next(_NUMBERS),
        action=action,
        ways=tuple(way_of(action, url)._replace(smtp_port=smtp_port) for url in _urls(action, envelope.dest)),
        helo=helo,
        backup=action.backup.mx.value if action.backup is not None else None,
        sources=tuple(each.key.strip("[]") for each in action.src.entries) if action.src is not None else (),
        names=action.helo_src if action.src is not None else None,
    )


def _urls(action: RelayAction, dest: Mailbox) -> list[RelayUrl | None]:
    if action.hosts is not None:
        return [host.url for host in action.smarthosts]
    if action.domain is not None:
        text = value_of(action.domain, dest.domain)
        assert text is not None, "`next_hop` has a problem with that"
        return [parse_relay_url(text)]
    return [None]


def way_of(action: RelayAction, url: RelayUrl | None) -> Way:
    """Say how *url*, or an exchanger without one, is secured: the table of smtpd.conf(5), `relay`."""
    security = _SECURITY[url.scheme if url is not None else RelayScheme.SMTP]
    if security is Security.OFFERED and action.tls is not RelayTls.OPPORTUNISTIC:
        security = Security.REQUIRED
    verifies = security in {Security.REQUIRED, Security.IMMEDIATE} and action.tls is not RelayTls.UNVERIFIED
    return Way(url, security, verifies, _login(action, url))


def _login(action: RelayAction, url: RelayUrl | None) -> Account | None:
    if url is None or not url.label or action.auth is None:
        return None
    value = value_of(action.auth, url.label)
    assert value is not None, "`next_hop` has a problem with that"
    user, password = credentials_of(url.label, value)
    return Account(user, Secret(password.encode()))


def _problem(action: RelayAction, helo: str) -> str:
    """Say why *action* can send nothing."""
    where = f'action "{action.name}"'
    if action.hosts is not None and not action.smarthosts:
        return f"{where} has no host to relay to: {action.hosts.shown} names none"
    if action.src is not None and not action.src.entries:
        return f"{where} has no address to connect from: {action.src.shown} names none"
    if missing := next((name for name in _NOT_YET if getattr(action, name)), None):
        return f"{where} has `{missing}`, which cannot be done yet"
    return name_problem(helo)


def sender_of(plan: Plan, reverse_path: ReversePath) -> ReversePath:
    """Return the sender that is said; a null one stays so."""
    replacement = plan.action.mail_from
    if replacement is None or reverse_path.mailbox is None:
        return reverse_path
    return ReversePath(mailbox=replaced_sender(reverse_path.mailbox, replacement.text))


def name_problem(helo: str) -> str:
    """Say why EHLO cannot have the name *helo*, if it cannot."""
    if not helo.isascii() or not helo.isprintable() or " " in helo or not helo:
        return f'the name "{helo}" cannot be said in EHLO'
    return ""
