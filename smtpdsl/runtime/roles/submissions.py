"""A submission on its way from an SMTP process to the queue: an array of JSON, and the content behind it.

    [97532, 1795351597.5, ["joe", "example.org"], ["192.0.2.1", "mx.example.org", …], [null, "FULL", …],
     [["mda", "local", ["ann", "example.net"], ["ann", "example.net"], "ann", "", 345600, "", null, null, ""], …]]

Values stand in the order of the fields of their types.  The queue looks at every one of them: what has
another type or is missing was not sent by us.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import ContentWriter, Envelope, InlineContent, Route, Submission
from smtpdsl.runtime.queue.ids import MAX_ENVELOPES
from smtpdsl.runtime.roles.frames import FrameError

_LENGTH = struct.Struct("!I")
_ROUTES = {route.value: route for route in Route}
# A header section that is held until it ends is longer than other content of a payload.
_MAX_CONTENT_OCTETS = 1024 * 1024
# Until the year 10000, in which no date can be written; and nobody waits longer for a delivery.
_MAX_SECONDS = 253_402_300_800
# RFC 6710 §4
_PRIORITIES = range(-9, 10)
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_encode_all = json.JSONEncoder(ensure_ascii=False).encode
# A low one behind a high one is a character.
_SURROGATE = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
_decode: Callable[[str], object] = json.JSONDecoder().decode


class Facts(NamedTuple):
    """A submission without its content."""

    message_id: int
    created: float
    reverse_path: ReversePath
    client: Client
    options: MailOptions
    envelopes: tuple[Envelope, ...]

    def with_content(self, content: InlineContent | ContentWriter) -> Submission:
        """Return the submission, whole."""
        message_id, created, reverse_path, client, options, envelopes = self
        return Submission(message_id, reverse_path, client, created, content, envelopes, options)


# ---------------------------------------------------------------- parts of a payload


def with_content(facts: bytes, content: bytes) -> tuple[bytes, ...]:
    """Return the parts of a payload that has *facts* and *content*."""
    return _LENGTH.pack(len(facts)), facts, content


def split_content(payload: bytes) -> tuple[bytes, bytes]:
    """Return the facts and the content that *payload* has.

    Raises:
        FrameError: It is cut short, or the content is too long for a payload.
    """
    start = _LENGTH.size
    end = start + (_LENGTH.unpack_from(payload)[0] if len(payload) >= start else len(payload))
    if end > len(payload) or len(payload) - end > _MAX_CONTENT_OCTETS:
        message = "a submission that is none"
        raise FrameError(message)
    return payload[start:end], payload[end:]


# ---------------------------------------------------------------- on the side that sends


def encode_facts(submission: Submission) -> bytes:
    """Write down what is known of *submission* beside its content."""
    client = submission.client
    facts = (
        submission.message_id,
        submission.created,
        _pair(submission.reverse_path.mailbox),
        (client.source, client.rdns, client.is_rdns_known, client.helo, client.login, client.tls, client.tag),
        submission.options,
        [_values(each) for each in submission.envelopes],
    )
    return _encode(facts).encode("ascii")


def _pair(mailbox: Mailbox | None) -> tuple[str, str] | None:
    return None if mailbox is None else (mailbox.local_part, mailbox.domain)


def _values(envelope: Envelope) -> tuple[object, ...]:
    route, action, recipient, dest, user, extension, ttl, target, notify, orcpt, file = envelope
    wishes = None if notify is None else sorted(notify)
    return route.value, action, _pair(recipient), _pair(dest), user, extension, ttl, target, wishes, orcpt, file


# ---------------------------------------------------------------- on the side that does not believe


def decode_facts(octets: bytes) -> Facts:
    """Read what `encode_facts` wrote.

    Raises:
        FrameError: It is something else.
    """
    try:
        text = octets.decode("ascii")
        found = _decode(text)
        if _SURROGATE.search(text):
            # Octets that are no UTF-8 have some of them; no text that can be written anywhere has others.
            _encode_all(found).encode("utf-8", "surrogateescape")
    except (ValueError, RecursionError):
        raise _none() from None
    match found:
        case [int(message_id), int(created) | float(created), sender, client, options, [*envelopes]] if (
            0 < len(envelopes) <= MAX_ENVELOPES and 0 <= created < _MAX_SECONDS
        ):
            return Facts(
                message_id,
                float(created),
                ReversePath(mailbox=None if sender is None else _mailbox(sender)),
                _client(client),
                _options(options),
                tuple(map(_envelope, envelopes)),
            )
    raise _none()


def _none() -> FrameError:
    return FrameError("a submission that is none")


def _mailbox(value: object) -> Mailbox:
    match value:
        case [str(local_part), str(domain)] if _is_line(local_part) and _is_line(domain):
            return Mailbox(local_part=local_part, domain=domain)
    raise _none()


def _is_line(text: str) -> bool:
    """Whether *text* has no control character, which no address has, and nothing that a client is called by."""
    return text.isprintable() or not any(each < " " or each == "\x7f" for each in text)


def _client(value: object) -> Client:
    match value:
        case [
            str(source),
            str() | None as rdns,
            bool(is_rdns_known),
            str(helo),
            str() | None as login,
            bool(tls),
            str(tag),
        ] if all(map(_is_line, (source, rdns or "", helo, login or ""))):
            return Client(
                source=source, rdns=rdns, is_rdns_known=is_rdns_known, helo=helo, login=login, tls=tls, tag=tag
            )
    raise _none()


def _options(value: object) -> MailOptions:
    match value:
        case [
            str() | None as body,
            str() | None as ret,
            str() | None as envid,
            bool(smtputf8),
            bool(requiretls),
            int() | None as mt_priority,
        ] if mt_priority is None or mt_priority in _PRIORITIES:
            return MailOptions(body, ret, envid, smtputf8, requiretls, mt_priority)
    raise _none()


def _envelope(value: object) -> Envelope:
    match value:
        case [
            str(route),
            str(action),
            recipient,
            dest,
            str(user),
            str(extension),
            int(ttl),
            str(target),
            notify,
            str() | None as orcpt,
            str(file),
        ] if route in _ROUTES and 0 <= ttl < _MAX_SECONDS:
            return Envelope(
                _ROUTES[route],
                action,
                _mailbox(recipient),
                _mailbox(dest),
                user,
                extension,
                ttl,
                target,
                _notify(notify),
                orcpt,
                file,
            )
    raise _none()


def _notify(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _none()
    return frozenset(value)
