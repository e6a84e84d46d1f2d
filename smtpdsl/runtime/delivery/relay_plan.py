"""From a relay action to what a session needs to know: where to go, and under which name.

    action "out" relay host smtp+notls://mx.example helo mail.example.org
        Plan(urls=(smtp+notls://mx.example,), helo="mail.example.org")

What `explain` says of a next hop, and why it fails, comes from the same `ir.next_hop`.
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.ir.next_hop import next_hop
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl
from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.runtime.interfaces import Envelope, QueuedMessage

# What `run` refuses today.  A message is never sent without an option that says how.
_NOT_YET = ("src", "helo_src", "mail_from", "filter", "srs")


class Plan(NamedTuple):
    """How an action sends mail on; with a *problem* it does not, and whoever mends the configuration frees the mail."""

    urls: tuple[RelayUrl, ...] = ()
    helo: str = ""
    problem: str = ""


def plan_relay(action: Action | None, message: QueuedMessage, envelope: Envelope, server_name: str) -> Plan:
    """Work out how *envelope*, which names *action*, leaves this server."""
    if action is None:
        return Plan(problem=f'no action named "{envelope.action}" in this configuration')
    if not isinstance(action, RelayAction):
        return Plan(problem=f'action "{envelope.action}" relays nothing in this configuration')
    asked = AskedEnvelope(client=message.client, reverse_path=message.reverse_path, recipient=envelope.recipient)
    hop = next_hop(action, envelope.dest, asked, Site(server_name=server_name, addresses=()))
    urls = tuple(host.url for host in action.smarthosts)
    helo = action.helo.text if action.helo else server_name
    return Plan(urls, helo, hop.problem or _problem(action, urls, helo))


def _problem(action: RelayAction, urls: tuple[RelayUrl, ...], helo: str) -> str:
    """Say why *action* can send nothing."""
    where = f'action "{action.name}"'
    if action.hosts is None:
        return f"{where} has no `host`, and no other way to a next hop can be taken yet"
    if not urls:
        return f"{where} has no host to relay to: {action.hosts.shown} names none"
    if missing := next((name for name in _NOT_YET if getattr(action, name)), None):
        return f"{where} has `{missing.replace('_', '-')}`, which cannot be done yet"
    if secured := next((url for url in urls if url.scheme is not RelayScheme.SMTP_NOTLS), None):
        return f"{where} relays to {secured}, and only `{RelayScheme.SMTP_NOTLS.value}` can be spoken yet"
    if not helo.isascii() or not helo.isprintable() or " " in helo or not helo:
        return f'the name "{helo}" cannot be said in EHLO'
    return ""
