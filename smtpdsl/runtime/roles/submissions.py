"""A submission on its way from an SMTP process to the queue: what the queue will store of it, and the content.

    │ number, moment, octets of the lines │ lines │ content │

    known {"v":2,"from":["joe","example.org"],"client":{"source":"192.0.2.1","helo":"mx.example.org"}}
    mda {"v":2,"action":"local","rcpt":["ann","example.net"],"dest":["ann","example.net"],"user":"ann","ttl":345600}

A line is a word, and a text as `queue.facts` writes it: the word of the message says whether the name of its
client could be looked up, that of an envelope is its route.  A text is stored as it came, so it has to be, octet for
octet, what the queue itself would write of what it reads there; what is anything else was not sent by us.
"""

from __future__ import annotations

import json
import re
import struct
from functools import lru_cache
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Envelope, InlineContent, Route, Submission, WrittenFacts
from smtpdsl.runtime.queue.facts import (
    FactsError,
    MessageFacts,
    decode_envelope,
    decode_message,
    encode_envelope,
    encode_message,
    write_facts,
)
from smtpdsl.runtime.queue.ids import MAX_ENVELOPES
from smtpdsl.runtime.queue.plain_facts import plain_envelope, plain_message
from smtpdsl.runtime.roles.frames import FrameError

_HEAD = struct.Struct("!QdI")
_ROUTES = {route.value: route for route in Route}
_IS_RDNS_KNOWN = {"known": True, "unknown": False}
_WORDS = {is_known: word for word, is_known in _IS_RDNS_KNOWN.items()}
# A header section that is held until it ends is longer than other content of a payload.
_MAX_CONTENT_OCTETS = 1024 * 1024
# Until the year 10000, in which no date can be written; and nobody waits longer for a delivery.
_MAX_SECONDS = 253_402_300_800
# RFC 6710 §4
_PRIORITIES = range(-9, 10)
# What is read the same way again and again: clients send several messages, and people get several.
_MOST_REMEMBERED = 512
_MAX_REMEMBERED_OCTETS = 1024
# A low one behind a high one is a character.
_SURROGATE = re.compile(r"\\ud[89a-f]")
_encode_all = json.JSONEncoder(ensure_ascii=False).encode


class _Message(NamedTuple):
    facts: MessageFacts
    text: str


class _Envelope(NamedTuple):
    envelope: Envelope
    text: str


# ---------------------------------------------------------------- on the side that sends


def encode_submission(submission: Submission) -> tuple[bytes, bytes]:
    """Return the two parts of a payload: what is known of *submission*, and its content if that is not written yet."""
    message, envelopes = write_facts(submission)
    lines = [f"{_WORDS[submission.client.is_rdns_known]} {message}"]
    lines += [f"{each.route.value} {text}" for each, text in zip(submission.envelopes, envelopes, strict=True)]
    octets = "\n".join(lines).encode("ascii")
    content = submission.content.octets if isinstance(submission.content, InlineContent) else b""
    return _HEAD.pack(submission.message_id, submission.created, len(octets)) + octets, content


# ---------------------------------------------------------------- on the side that does not believe


class SubmissionReader:
    """Reads what `encode_submission` wrote, and remembers lines that it has just read."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._message = lru_cache(_MOST_REMEMBERED)(_message)
        self._envelope = lru_cache(_MOST_REMEMBERED)(_envelope)

    def read(self, payload: bytes) -> Submission:
        """Return the submission that *payload* has; its content is what stands behind the lines.

        Raises:
            FrameError: It has something else.
        """
        if len(payload) < _HEAD.size:
            raise _none()
        message_id, created, octets = _HEAD.unpack_from(payload)
        end = _HEAD.size + octets
        if not 0 <= len(payload) - end <= _MAX_CONTENT_OCTETS or not 0 <= created < _MAX_SECONDS:
            raise _none()
        try:
            first, *others = payload[_HEAD.size : end].decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _none() from None
        if not 0 < len(others) <= MAX_ENVELOPES:
            raise _none()
        (reverse_path, client, options), text = (self._message if _is_short(first) else _message)(first)
        envelopes, texts = zip(
            *[(self._envelope if _is_short(each) else _envelope)(each) for each in others], strict=True
        )
        content = InlineContent(payload[end:])
        written = WrittenFacts(text, texts)
        return Submission(message_id, reverse_path, client, created, content, envelopes, options, written)


def _is_short(line: str) -> bool:
    return len(line) <= _MAX_REMEMBERED_OCTETS


def _none() -> FrameError:
    return FrameError("a submission that is none")


def _message(line: str) -> _Message:
    """Read the line of a message.

    Raises:
        FrameError: It is something else.
    """
    word, _, text = line.partition(" ")
    if word not in _IS_RDNS_KNOWN:
        raise _none()
    facts = plain_message(text) or _other_message(text)
    if not _IS_RDNS_KNOWN[word]:
        facts = facts._replace(client=facts.client.replace(is_rdns_known=False))
    return _Message(facts, text)


def _other_message(text: str) -> MessageFacts:
    try:
        facts = decode_message(text)
    except (FactsError, RecursionError):
        raise _none() from None
    reverse_path, client, options = facts
    if (
        encode_message(*facts) != text
        or not _can_be_written(text)
        or not _is_client(client)
        or not (reverse_path.mailbox is None or _is_address(reverse_path.mailbox))
        or not (options.mt_priority is None or options.mt_priority in _PRIORITIES)
        or not _is_line(options.ret or "")
    ):
        raise _none()
    return facts


def _envelope(line: str) -> _Envelope:
    """Read the line of an envelope.

    Raises:
        FrameError: It is something else.
    """
    word, _, text = line.partition(" ")
    if word not in _ROUTES:
        raise _none()
    return _Envelope(plain_envelope(_ROUTES[word], text) or _other_envelope(_ROUTES[word], text), text)


def _other_envelope(route: Route, text: str) -> Envelope:
    try:
        envelope = decode_envelope(route, text)
    except (FactsError, RecursionError):
        raise _none() from None
    if (
        encode_envelope(envelope) != text
        or not _can_be_written(text)
        or not 0 <= envelope.ttl < _MAX_SECONDS
        or not _is_address(envelope.recipient)
        or not _is_address(envelope.dest)
        or not _are_wishes(envelope)
    ):
        raise _none()
    return envelope


def _can_be_written(text: str) -> bool:
    """Whether what *text* says in JSON is text: octets that are no UTF-8 have some surrogates, nothing has others."""
    if _SURROGATE.search(text):
        try:
            _encode_all(json.loads(text)).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return False
    return True


def _is_client(client: Client) -> bool:
    return all(map(_is_line, (client.source, client.rdns or "", client.helo, client.login or "")))


def _is_address(mailbox: Mailbox) -> bool:
    return _is_line(mailbox.local_part) and _is_line(mailbox.domain)


def _are_wishes(envelope: Envelope) -> bool:
    """Whether what is wanted for a recipient can be said to the next server: the address of ORCPT is encoded there."""
    address_type = (envelope.orcpt or "").partition(";")[0]
    return all(map(_is_line, (address_type, *(envelope.notify or ()))))


def _is_line(text: str) -> bool:
    """Whether *text* has no control character, which would end a command that it is a part of."""
    return text.isprintable() or not any(each < " " or each == "\x7f" for each in text)
