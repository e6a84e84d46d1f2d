"""Envelopes for the classes of a dimension: what somebody would have to send to be of each.

They need not be addresses that a client could have; rules are asked about them only.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.ir.answers import Site
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.classes import Dimension
from smtpdsl.ir.resolved import Subject
from smtpdsl.mail.address import AddressError, Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope

# RFC 5737 and RFC 2606: nobody's address, nobody's domain.
_NOBODY = Mailbox(local_part="somebody", domain="domain.invalid")
OUTSIDER = Envelope(client=Client(source="203.0.113.9"), reverse_path=ReversePath(mailbox=_NOBODY), recipient=_NOBODY)
# Recipients are a user and a domain: every user of the tables is tried in so many domains of the tables.
_CROSSED = 64


def examples(dimension: Dimension, site: Site) -> Iterator[Envelope]:
    """Yield envelopes that differ in *dimension* alone; the first is an outsider, whom tables rarely name."""
    yield OUTSIDER
    match dimension.aspect:
        case Aspect.RECIPIENT:
            yield from _recipients(dimension)
        case Aspect.REVERSE_PATH:
            yield OUTSIDER.replace(reverse_path=ReversePath())
            for _, key in dimension.examples():
                yield OUTSIDER.replace(reverse_path=ReversePath(mailbox=_mailbox(key)))
        case _:
            yield from _sessions(dimension, site)


def _sessions(dimension: Dimension, site: Site) -> Iterator[Envelope]:
    """Yield envelopes of other clients, and of mail that this host made."""
    keys = [key for _, key in dimension.examples()]
    match dimension.aspect:
        case Aspect.SOURCE:
            yield _from(source=LOCAL)
            yield from (_from(source=key) for key in (*keys, *site.addresses))
            yield OUTSIDER.replace(is_internal=True)
        case Aspect.RDNS:
            yield from (_from(rdns=key) for key in ("host.domain.invalid", *keys))
            yield OUTSIDER.replace(is_internal=True)
        case Aspect.HELO:
            yield from (_from(helo=key) for key in ("host.domain.invalid", *keys))
        case Aspect.LOGIN:
            yield _from(source=LOCAL)
            yield from (_from(login=key) for key in ("somebody", "somebody@domain.invalid", *keys))
        case Aspect.TAG:
            yield from (_from(tag=key) for key in ("any tag", *keys))
        case Aspect.TLS:
            yield _from(tls=True)


def _from(**known: str | bool) -> Envelope:
    return OUTSIDER.replace(client=OUTSIDER.client.replace(**known))


def _recipients(dimension: Dimension) -> Iterator[Envelope]:
    yield _to(_NOBODY.replace(domain=""))
    keys = list(dimension.examples())
    domains = [key for subject, key in keys if subject is Subject.DOMAIN]
    mailboxes = [_mailbox(key) for subject, key in keys if subject is Subject.FORWARD_PATH]
    for domain in domains:
        yield _to(_NOBODY.replace(domain=domain))
    for mailbox in mailboxes:
        yield _to(mailbox)
    # A user in any domain meets every domain; what is left out is of no listed class.
    users = {each.local_part: None for each in mailboxes if each.local_part != _NOBODY.local_part}
    named = {each.domain: None for each in mailboxes}
    for user in list(users)[:_CROSSED]:
        for domain in [*domains[:_CROSSED], *list(named)[:_CROSSED]]:
            yield _to(Mailbox(local_part=user, domain=domain))


def _to(recipient: Mailbox) -> Envelope:
    return OUTSIDER.replace(recipient=recipient)


def _mailbox(key: str) -> Mailbox:
    """Read an entry of a table of addresses as an address; what it leaves open is nobody's."""
    user, _, domain = key.rpartition("@")
    user, domain = user or _NOBODY.local_part, domain or _NOBODY.domain
    try:
        return Mailbox(local_part=Mailbox.parse(f"{user}@domain.invalid", utf8=True).local_part, domain=domain)
    except AddressError:
        return Mailbox(local_part=user, domain=domain)
