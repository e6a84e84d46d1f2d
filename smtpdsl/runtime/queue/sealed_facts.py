"""The facts of messages and envelopes as the embedded store has them: texts with a checksum, sealed as is wanted.

    MessageFacts ──▶ facts ──▶ sealing ──▶ column `facts`         bound to the message, its date and size
    Envelope     ──▶ facts ──▶ sealing ──▶ column `facts`         bound to the envelope and its route

What is bound to something else than it stands beside is damaged: rows cannot be swapped.
"""

from __future__ import annotations

import struct

from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import FactsError, MessageFacts, decode_envelope, decode_message, encode_envelope
from smtpdsl.runtime.sealing.seal import Entry, Kind, SealError
from smtpdsl.runtime.sealing.seals import Seals

_BESIDE_MESSAGE = struct.Struct("!dq")
_BESIDE_ENVELOPE = {route: route.value.encode() for route in Route}


def message_entry(message_id: int, created: float, size: int) -> Entry:
    """Return which entry the facts of a message are."""
    return Entry(Kind.MESSAGE, message_id, _BESIDE_MESSAGE.pack(created, size))


def content_entry(message_id: int) -> Entry:
    """Return which entry the octets of a message are."""
    return Entry(Kind.CONTENT, message_id)


def envelope_entry(number: int, route: Route) -> Entry:
    """Return which entry the facts of an envelope are."""
    return Entry(Kind.ENVELOPE, number, _BESIDE_ENVELOPE[route])


def seal_envelope(seals: Seals, number: int, envelope: Envelope) -> str:
    """Return *envelope* as the store has it."""
    return seals.seal_text(envelope_entry(number, envelope.route), encode_envelope(envelope))


def open_envelope(seals: Seals, number: int, route: Route, text: object) -> Envelope:
    """Read what `seal_envelope` wrote.

    Raises:
        FactsError: *text* is something else.
    """
    return decode_envelope(route, _opened(seals, envelope_entry(number, route), text))


def open_message(seals: Seals, message_id: int, created: float, size: int, text: object) -> MessageFacts:
    """Read the facts of a message.

    Raises:
        FactsError: *text* is something else.
    """
    return decode_message(_opened(seals, message_entry(message_id, created, size), text))


def _opened(seals: Seals, entry: Entry, text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return seals.open_text(entry, text)
    except SealError as error:
        message = f"its facts cannot be read: {error}"
        raise FactsError(message) from None
