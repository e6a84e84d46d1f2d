"""Where a relay action sends a message, how it is secured, and under which names.

    action "out" relay host smtps://ann@mx.example auth <secrets>
        next hop    smtps://ann@mx.example
        TLS         from the start, certificate verified
        login       ann@example.net (label "ann" of <secrets>)

Passwords are never part of what is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.ir.matching import fold
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl, parse_relay_url
from smtpdsl.ir.resolved import Demand, RelayAction, RelayTls, Table
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope
from smtpdsl.text_error import TextError

_NEVER_SECURE = {RelayScheme.SMTP_NOTLS, RelayScheme.LMTP}


class Hop(NamedTuple):
    """A next hop: its name, what else is to know about it, and why sending is going to fail, if it is."""

    name: str | None
    details: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def next_hop(action: RelayAction, dest: Mailbox, envelope: Envelope, site: Site) -> Hop:
    """Work out how *action* sends *envelope* on to *dest*."""
    name, urls, problem = _target(action, dest)
    details: list[tuple[str, str]] = []
    problems = [problem]
    for url in urls or (None,):
        of = f" of {url.host}" if url and len(urls) > 1 else ""
        security, failure = _security(action, url)
        if url is None and not dest.domain.startswith("["):
            security = _by_policies(action, security)
        details.append((f"TLS{of}", security))
        login, missing = _login(action, url)
        details.extend((f"login{of}", each) for each in login)
        problems += [failure, missing]
    details.extend(_names(action, dest, envelope, site))
    return Hop(name, tuple(details), next(filter(None, problems), ""))


def _target(action: RelayAction, dest: Mailbox) -> tuple[str | None, list[RelayUrl], str]:
    """Return the name of the next hop, the URLs it may have, and why there is none."""
    if action.hosts is not None:
        urls = [host.url for host in action.smarthosts]
        return ", ".join(host.text for host in action.smarthosts) or f"a host of {action.hosts.shown}", urls, ""
    if action.domain is not None:
        return _of_domain(action.domain, dest.domain)
    if dest.domain.startswith("["):
        return dest.domain, [], ""
    return f"MX of {dest.domain}", [], ""


def _of_domain(table: Table, domain: str) -> tuple[str | None, list[RelayUrl], str]:
    if not table.is_known:
        return f"what {table.shown} has for {domain}", [], ""
    text = value_of(table, domain)
    if text is None:
        return None, [], f"{domain} is not in {table.shown}, so the message waits until it expires"
    try:
        return text, [parse_relay_url(text)], ""
    except TextError as error:
        return text, [], f'"{text}" is no relay URL: {error.message}'


def value_of(table: Table, key: str) -> str | None:
    """Look *key* up; the last of several equal keys holds."""
    return next((entry.value for entry in reversed(table.entries) if fold(entry.key) == fold(key)), None)


def _security(action: RelayAction, url: RelayUrl | None) -> tuple[str, str]:
    """How the session is secured (the table of smtpd.conf(5), `relay`), and why it cannot be."""
    scheme = url.scheme if url else RelayScheme.SMTP
    if scheme in _NEVER_SECURE:
        is_demanded = action.tls is not RelayTls.OPPORTUNISTIC
        return "never", f"`{scheme.value}` never uses the TLS that `tls` demands" if is_demanded else ""
    certificate = "certificate not verified" if action.tls is RelayTls.UNVERIFIED else "certificate verified"
    if scheme is RelayScheme.SMTPS:
        return f"from the start, {certificate}", ""
    if scheme is RelayScheme.SMTP and action.tls is RelayTls.OPPORTUNISTIC:
        return "if the other side offers it, certificate not verified", ""
    return f"required, {certificate}", ""


def _by_policies(action: RelayAction, otherwise: str) -> str:
    """How a session with an exchanger is secured, whose domain may have a say in it; *otherwise* is without."""
    demands = {"DANE": action.dane, "MTA-STS": action.mta_sts}
    demanded = [name for name, demand in demands.items() if demand is Demand.REQUIRED]
    if demanded:
        return f"required, certificate verified by {' and '.join(demanded)}; nothing is sent without"
    offered = [name for name, demand in demands.items() if demand is Demand.OFFERED]
    return f"by {' or '.join(offered)} if the domain has it, else {otherwise}" if offered else otherwise


def _login(action: RelayAction, url: RelayUrl | None) -> tuple[list[str], str]:
    """Say who logs in at *url*, or why that fails."""
    label = url.label if url else None
    if not label:
        return [], ""
    if action.auth is None:
        return [], f'the label "{label}" has no table of passwords to be looked up in'
    where = f'label "{label}" of {action.auth.shown}'
    if not action.auth.is_known:
        return [where], ""
    value = value_of(action.auth, label)
    if value is None:
        return [], f"{where} does not exist"
    return [f"{credentials_of(label, value)[0]} ({where})"], ""


def credentials_of(label: str, value: str) -> tuple[str, str]:
    """Cut the *value* that a table has for *label* into user and password.

    Without a colon the label is the user, and all of the value the password.
    """
    user, colon, password = value.partition(":")
    return (user, password) if colon else (label, value)


def _names(action: RelayAction, dest: Mailbox, envelope: Envelope, site: Site) -> Iterator[tuple[str, str]]:
    """Yield what the session says and which addresses it uses."""
    if action.backup is not None:
        yield "backup", f"only exchangers better than {action.backup.mx.value}; all if it is none of them"
    if action.src is not None:
        yield "source", _listed(action.src) or f"an address of {action.src.shown}"
    if action.src is not None and action.helo_src is not None:
        yield "HELO", f"as {action.helo_src.shown} has it for the source address"
    else:
        yield "HELO", action.helo.text if action.helo else site.server_name
    if action.pki is not None:
        yield "client certificate", action.pki.name
    if action.ca is not None:
        yield "authorities", action.ca.name
    sender = envelope.reverse_path.mailbox
    if action.mail_from is not None and sender is not None:
        yield "sender", f"<{replaced_sender(sender, action.mail_from.text)}>"
    if action.srs and sender is not None and dest != envelope.recipient:
        yield "sender", f"rewritten by SRS for {envelope.recipient.domain}"


def _listed(table: Table) -> str:
    return ", ".join(entry.key for entry in table.entries) if table.is_known else ""


def replaced_sender(sender: Mailbox, text: str) -> Mailbox:
    """Put the parts of *text* (``user``, ``@domain``, ``user@domain``) in the place of those of *sender*."""
    user, at, domain = text.rpartition("@")
    if not at:
        user, domain = text, ""
    return Mailbox(local_part=user or sender.local_part, domain=domain or sender.domain)
