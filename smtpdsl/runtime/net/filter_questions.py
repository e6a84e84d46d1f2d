"""When the filters of a listener are asked about an event of a session, and what they are told.

    Connected()                     Hook.CONNECT      Facts(client)
    Mail(<ann@a.example>, …)        Hook.MAIL_FROM    Facts(client, reverse_path=<ann@a.example>)
    ContentReceived(…)              never

What an event says holds for whoever is asked about it, although nothing has come of it yet.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeAlias

from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.net.visitor import Visitor
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.transaction import Transaction

Heard: TypeAlias = core.Connected | core.Event

HOOKS: Mapping[type, Hook] = {
    core.Connected: Hook.CONNECT,
    core.Helo: Hook.HELO,
    core.Ehlo: Hook.EHLO,
    core.StartTls: Hook.STARTTLS,
    core.Auth: Hook.AUTH,
    core.Mail: Hook.MAIL_FROM,
    core.Rcpt: Hook.RCPT_TO,
    core.Data: Hook.DATA,
    core.Bdat: Hook.DATA,
    core.Rset: Hook.RSET,
    core.Noop: Hook.NOOP,
    core.Quit: Hook.QUIT,
}


def facts_of(event: Heard, visitor: Visitor, transaction: Transaction | None) -> Facts:
    """Return what is known when filters are asked about *event*, in the open *transaction* if there is one."""
    client = visitor.client
    if isinstance(event, core.Helo | core.Ehlo):
        client = client.replace(helo=event.domain)
    reverse_path = transaction.reverse_path if transaction is not None else None
    if isinstance(event, core.Mail):
        reverse_path = event.reverse_path
    recipient = event.mailbox if isinstance(event, core.Rcpt) else None
    argument = _credentials(event) if isinstance(event, core.Auth) else ""
    return Facts(client, visitor.is_confirmed, reverse_path, recipient, argument)


def _credentials(event: core.Auth) -> str:
    """Return the argument of AUTH as the client gave it (RFC 4954 §4)."""
    if event.initial is None:
        return event.mechanism
    return f"{event.mechanism} {base64.b64encode(event.initial).decode() or '='}"
