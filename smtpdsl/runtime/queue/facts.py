"""Messages and envelopes as JSON text, in the columns `facts` of the store.

    message     {"v":2,"from":["joe","example.org"],"client":{"source":"192.0.2.1","helo":"mx.example.org"}}
    envelope    {"v":2,"action":"local","rcpt":["joe","example.org"],"dest":["joe","example.org"],"ttl":345600}

The text is ASCII, so that any name comes back as it was.  What is read is looked at piece by
piece: a row that says anything else is damaged, and is never half understood.  What a client did
not say is left out; so a text of version 1, which knew nothing of options, is one without them; one of version 3 is an
envelope with a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions
from smtpdsl.runtime.interfaces import Envelope, Route, Submission, WrittenFacts

# Of the texts in this file; a reader that meets a higher one must not guess.
VERSION = 2
# Of envelopes that name a file: who does not know that would deliver to somewhere else.
_FILE_VERSION = 3
_KNOWN_VERSIONS = frozenset({1, VERSION, _FILE_VERSION})

_T = TypeVar("_T")
_encode = json.JSONEncoder(separators=(",", ":")).encode


class FactsError(Exception):
    """A text that this version did not write; the message says what is wrong with it."""


class MessageFacts(NamedTuple):
    """What is known of a message beside its content."""

    reverse_path: ReversePath
    client: Client
    options: MailOptions = NO_MAIL_OPTIONS


def write_facts(submission: Submission) -> WrittenFacts:
    """Write what is known of *submission* beside its content."""
    message = encode_message(submission.reverse_path, submission.client, submission.options)
    return WrittenFacts(message, tuple(map(encode_envelope, submission.envelopes)))


def encode_message(reverse_path: ReversePath, client: Client, options: MailOptions = NO_MAIL_OPTIONS) -> str:
    """Write what is known of a message beside its content."""
    facts: dict[str, object] = {
        "v": VERSION,
        "from": _pair(reverse_path.mailbox),
        "client": _client_facts(client),
    }
    if options != NO_MAIL_OPTIONS:
        facts["options"] = {
            name: value for name, value in options._asdict().items() if value is not None and value is not False
        }
    return _encode(facts)


def encode_envelope(envelope: Envelope) -> str:
    """Write an envelope; its route has a column of its own."""
    version = _FILE_VERSION if envelope.file else VERSION
    facts = {"v": version, "action": envelope.action, "rcpt": _pair(envelope.recipient), "dest": _pair(envelope.dest)}
    if envelope.user:
        facts["user"] = envelope.user
    if envelope.extension:
        facts["extension"] = envelope.extension
    if envelope.target:
        facts["target"] = envelope.target
    if envelope.file:
        facts["file"] = envelope.file
    if envelope.notify is not None:
        facts["notify"] = sorted(envelope.notify)
    if envelope.orcpt is not None:
        facts["orcpt"] = envelope.orcpt
    return _encode({**facts, "ttl": envelope.ttl})


def decode_message(text: object) -> MessageFacts:
    """Read what `encode_message` wrote.

    Raises:
        FactsError: *text* is something else.
    """
    facts = _facts(text)
    mailbox = None if facts.get("from") is None else _mailbox(facts, "from")
    client = _value(facts, "client", dict)
    return MessageFacts(
        ReversePath(mailbox=mailbox),
        Client(
            source=_value(client, "source", str),
            rdns=_text_or_none(client, "rdns"),
            helo=_value(client, "helo", str, ""),
            login=_text_or_none(client, "login"),
            tls=_value(client, "tls", bool, default=False),
            tag=_value(client, "tag", str, ""),
        ),
        _options(_value(facts, "options", dict)) if "options" in facts else NO_MAIL_OPTIONS,
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
        notify=_notify(facts) if "notify" in facts else None,
        orcpt=_text_or_none(facts, "orcpt"),
        file=_value(facts, "file", str, ""),
    )


def _pair(mailbox: Mailbox | None) -> list[str] | None:
    return None if mailbox is None else [mailbox.local_part, mailbox.domain]


def _client_facts(client: Client) -> dict[str, object]:
    """Leave out what nobody has said."""
    facts: dict[str, object] = {"source": client.source}
    if client.rdns is not None:
        facts["rdns"] = client.rdns
    if client.helo:
        facts["helo"] = client.helo
    if client.login is not None:
        facts["login"] = client.login
    if client.tls:
        facts["tls"] = True
    if client.tag:
        facts["tag"] = client.tag
    return facts


def _facts(text: object) -> Mapping[str, object]:
    try:
        facts = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        message = f"its facts are no JSON text: {error}"
        raise FactsError(message) from None
    if not isinstance(facts, dict):
        message = "its facts are no JSON object"
        raise FactsError(message)
    version = facts.get("v")
    if type(version) is not int or version not in _KNOWN_VERSIONS:
        message = f"its facts are of version {version!r}, and {_FILE_VERSION} is what is known here"
        raise FactsError(message)
    return facts


def _value(facts: Mapping[str, object], name: str, kind: type[_T], default: _T | None = None) -> _T:
    value = facts.get(name, default)
    if type(value) is not kind:
        message = f'its "{name}" is no {kind.__name__}'
        raise FactsError(message)
    return value


def _text_or_none(facts: Mapping[str, object], name: str) -> str | None:
    return _value(facts, name, str) if name in facts else None


def _options(facts: Mapping[str, object]) -> MailOptions:
    return MailOptions(
        body=_text_or_none(facts, "body"),
        ret=_text_or_none(facts, "ret"),
        envid=_text_or_none(facts, "envid"),
        smtputf8=_value(facts, "smtputf8", bool, default=False),
        requiretls=_value(facts, "requiretls", bool, default=False),
        mt_priority=_value(facts, "mt_priority", int) if "mt_priority" in facts else None,
    )


def _notify(facts: Mapping[str, object]) -> frozenset[str]:
    found = _value(facts, "notify", list)
    words = [word for word in found if isinstance(word, str)]
    if len(words) != len(found):
        message = 'its "notify" is no list of words'
        raise FactsError(message)
    return frozenset(words)


def _mailbox(facts: Mapping[str, object], name: str) -> Mailbox:
    match facts.get(name):
        case [str(local_part), str(domain)]:
            return Mailbox(local_part=local_part, domain=domain)
    message = f'its "{name}" is no pair of a local part and a domain'
    raise FactsError(message)
