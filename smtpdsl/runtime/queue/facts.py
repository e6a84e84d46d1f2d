"""Messages and envelopes as JSON text, in the columns `facts` of the store.

    message     {"v":1,"from":["joe","example.org"],"client":{"source":"192.0.2.1","helo":"mx.example.org"}}
    envelope    {"v":1,"action":"local","rcpt":["joe","example.org"],"dest":["joe","example.org"],"ttl":345600}

The text is ASCII, so that any name comes back as it was.  What is read is looked at piece by
piece: a row that says anything else is damaged, and is never half understood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Envelope, Route

# Of the texts in this file; a reader that meets a higher one must not guess.
VERSION = 1

_T = TypeVar("_T")
_encode = json.JSONEncoder(separators=(",", ":")).encode
_NO_CLIENT = Client(source="")


class FactsError(Exception):
    """A text that this version did not write; the message says what is wrong with it."""


def encode_message(reverse_path: ReversePath, client: Client) -> str:
    """Write what is known of a message beside its content."""
    return _encode({"v": VERSION, "from": _pair(reverse_path.mailbox), "client": _client_facts(client)})


def encode_envelope(envelope: Envelope) -> str:
    """Write an envelope; its route has a column of its own."""
    facts = {"v": VERSION, "action": envelope.action, "rcpt": _pair(envelope.recipient), "dest": _pair(envelope.dest)}
    if envelope.user:
        facts["user"] = envelope.user
    if envelope.extension:
        facts["extension"] = envelope.extension
    if envelope.target:
        facts["target"] = envelope.target
    return _encode({**facts, "ttl": envelope.ttl})


def decode_message(text: object) -> tuple[ReversePath, Client]:
    """Read what `encode_message` wrote.

    Raises:
        FactsError: *text* is something else.
    """
    facts = _facts(text)
    mailbox = None if facts.get("from") is None else _mailbox(facts, "from")
    client = _value(facts, "client", dict)
    return ReversePath(mailbox=mailbox), Client(
        source=_value(client, "source", str),
        rdns=_value(client, "rdns", str) if "rdns" in client else None,
        helo=_value(client, "helo", str, ""),
        login=_value(client, "login", str) if "login" in client else None,
        tls=_value(client, "tls", bool, default=False),
        tag=_value(client, "tag", str, ""),
    )


def decode_envelope(route: Route, text: object) -> Envelope:
    """Read what `encode_envelope` wrote.

    Raises:
        FactsError: *text* is something else.
    """
    facts = _facts(text)
    return Envelope(
        route=route,
        action=_value(facts, "action", str),
        recipient=_mailbox(facts, "rcpt"),
        dest=_mailbox(facts, "dest"),
        user=_value(facts, "user", str, ""),
        extension=_value(facts, "extension", str, ""),
        ttl=_value(facts, "ttl", int),
        target=_value(facts, "target", str, ""),
    )


def _pair(mailbox: Mailbox | None) -> list[str] | None:
    return None if mailbox is None else [mailbox.local_part, mailbox.domain]


def _client_facts(client: Client) -> dict[str, object]:
    """Leave out what is as in a client that nothing is known of."""
    names = ("source", "rdns", "helo", "login", "tls", "tag")
    facts = {name: getattr(client, name) for name in names}
    return {name: value for name, value in facts.items() if name == "source" or value != getattr(_NO_CLIENT, name)}


def _facts(text: object) -> Mapping[str, object]:
    try:
        facts = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        message = f"its facts are no JSON text: {error}"
        raise FactsError(message) from None
    if not isinstance(facts, dict):
        message = "its facts are no JSON object"
        raise FactsError(message)
    if facts.get("v") != VERSION:
        message = f"its facts are of version {facts.get('v')!r}, and {VERSION} is what is known here"
        raise FactsError(message)
    return facts


def _value(facts: Mapping[str, object], name: str, kind: type[_T], default: _T | None = None) -> _T:
    value = facts.get(name, default)
    if type(value) is not kind:
        message = f'its "{name}" is no {kind.__name__}'
        raise FactsError(message)
    return value


def _mailbox(facts: Mapping[str, object], name: str) -> Mailbox:
    match facts.get(name):
        case [str(local_part), str(domain)]:
            return Mailbox(local_part=local_part, domain=domain)
    message = f'its "{name}" is no pair of a local part and a domain'
    raise FactsError(message)
