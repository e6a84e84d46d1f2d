"""What an SMTP process and the queue process say to each other: the kinds of frames, and their payloads.

    smtp ▶ queue                                     queue ▶ smtp
    READY      process number                        NUMBERS    a block of message numbers
    FAILED     why it cannot serve
    WANTS      (more numbers)                        NUMBERS
    SUBMIT     what is stored of it, content         TAKEN      numbers
    WRITE      number, octets of a large message     ROOM       number, octets    and, at the end,
    SUBMIT_WRITTEN  the same without content         REFUSED    number, is full, why
    DISCARD    number
    ADMIT      ask number, source                    ADMITTED   ask number, reply or nothing
    LEFT       source or nothing
    ASK        ask number, questions for root        ANSWERS    ask number, answers
    TRIED      a login that failed, or did not       TRIED      the same, of another process
    COUNTS     counters, as JSON                     COUNT      (what are they?)
                                                     FAILURES   logins that failed before it came, as JSON
                                                     ABORT      (end all sessions now)

Numbers have 8 octets.  Neither side believes what has not the right form.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from smtpdsl.mail.reply import Reply, parse_reply_text
from smtpdsl.runtime.interfaces import StorageError, StorageFullError
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.sasl.throttle import Remembered

_NUMBER = struct.Struct("!Q")
_PAIR = struct.Struct("!QQ")
_REFUSAL = struct.Struct("!QB")
_MAX_NUMBER = 2**63 - 1
# Of a login, which everybody remembers.
_MAX_TRIED_CHARACTERS = 256
_MAX_COUNTS_OCTETS = 64 * 1024
# Of each kind of failures, so that all of them fit into a frame; names of honest clients do not need as much.
_MAX_REMEMBERED_OCTETS = 8 * 1024 * 1024
# What a character takes in JSON at most, and what stands beside names.
_CHARACTER_OCTETS, _OTHER_OCTETS = len(r"\ud83d\ude00"), 64


class ToQueue(IntEnum):
    """What an SMTP process says."""

    READY = 1
    FAILED = 2
    WANTS = 3
    SUBMIT = 4
    SUBMIT_WRITTEN = 5
    WRITE = 6
    DISCARD = 7
    ADMIT = 8
    LEFT = 9
    ASK = 10
    TRIED = 11
    COUNTS = 12


class ToSmtp(IntEnum):
    """What the queue process says."""

    NUMBERS = 1
    TAKEN = 2
    REFUSED = 3
    ROOM = 4
    ADMITTED = 5
    ANSWERS = 6
    TRIED = 7
    COUNT = 8
    ABORT = 9
    FAILURES = 10


class Tried(NamedTuple):
    """A login was tried from *source*; *is_right* says how that went."""

    source: str
    login: str
    is_right: bool


# ---------------------------------------------------------------- numbers


def number(value: int) -> bytes:
    """Return a number as it is sent."""
    return _NUMBER.pack(value)


def numbered(payload: bytes) -> tuple[int, bytes]:
    """Return the number that *payload* begins with, and the rest.

    Raises:
        FrameError: There is none.
    """
    if len(payload) < _NUMBER.size:
        message = "a frame without its number"
        raise FrameError(message)
    value: int = _NUMBER.unpack_from(payload)[0]
    if value > _MAX_NUMBER:
        message = "a number that is none"
        raise FrameError(message)
    return value, payload[_NUMBER.size :]


def numbers(values: Sequence[int]) -> bytes:
    """Return numbers as they are sent."""
    return struct.pack(f"!{len(values)}Q", *values)


def numbers_of(payload: bytes) -> tuple[int, ...]:
    """Return the numbers that *payload* is.

    Raises:
        FrameError: It is something else.
    """
    count, rest = divmod(len(payload), _NUMBER.size)
    if rest:
        message = "a frame without its numbers"
        raise FrameError(message)
    return struct.unpack(f"!{count}Q", payload)


def pair(first: int, second: int) -> bytes:
    """Return two numbers as they are sent."""
    return _PAIR.pack(first, second)


def paired(payload: bytes) -> tuple[int, int]:
    """Return the two numbers that *payload* is.

    Raises:
        FrameError: It is something else.
    """
    if len(payload) != _PAIR.size:
        message = "a frame without its numbers"
        raise FrameError(message)
    first, second = _PAIR.unpack(payload)
    return first, second


def block_of(payload: bytes) -> Block:
    """Return the block of message numbers that *payload* is.

    Raises:
        FrameError: It is something else.
    """
    return Block(*paired(payload))


# ---------------------------------------------------------------- texts


def text_of(payload: bytes) -> str:
    """Return the text that *payload* is.

    Raises:
        FrameError: It is something else.
    """
    try:
        return payload.decode("utf-8", "surrogateescape")
    except UnicodeDecodeError:
        message = "a text that is none"
        raise FrameError(message) from None


def octets_of(text: str) -> bytes:
    """Return *text* as it is sent."""
    return text.encode("utf-8", "surrogateescape")


def encode_refusal(message_id: int, error: StorageError) -> bytes:
    """Return what says that a message was not stored."""
    return _REFUSAL.pack(message_id, isinstance(error, StorageFullError)) + octets_of(str(error))


def decode_refusal(payload: bytes) -> tuple[int, StorageError]:
    """Return the message that was not stored, and why.

    Raises:
        FrameError: *payload* is something else.
    """
    message_id, rest = numbered(payload)
    why = text_of(rest[1:])
    return message_id, StorageFullError(why) if rest[:1] == b"\x01" else StorageError(why)


def encode_admission(refused: Reply | None) -> bytes:
    """Return what says whether a client was let in."""
    return octets_of(str(refused)) if refused is not None else b""


def decode_admission(payload: bytes) -> Reply | None:
    """Return the reply to refuse a client with; None if it was let in."""
    return parse_reply_text(text_of(payload)) if payload else None


def encode_tried(tried: Tried) -> bytes:
    """Return what tells of a login; the end of a very long one is left out."""
    return json.dumps(tried._replace(login=tried.login[:_MAX_TRIED_CHARACTERS])).encode()


def decode_tried(payload: bytes) -> Tried:
    """Return the login that *payload* tells of.

    Raises:
        FrameError: It tells of none.
    """
    match _parse(payload):
        case [str(source), str(login), bool(is_right)] if max(len(source), len(login)) <= _MAX_TRIED_CHARACTERS:
            return Tried(source, login, is_right)
    message = "a login that is none"
    raise FrameError(message)


def encode_counts(counts: Mapping[str, int]) -> bytes:
    """Return counters as they are sent."""
    return json.dumps(counts).encode()


def decode_counts(payload: bytes) -> dict[str, int]:
    """Return the counters that *payload* has.

    Raises:
        FrameError: It has something else.
    """
    found = _parse(payload) if len(payload) <= _MAX_COUNTS_OCTETS else None
    if not isinstance(found, dict) or not all(type(value) is int for value in found.values()):
        message = "counters that are none"
        raise FrameError(message)
    return found


def encode_failures(failures: Remembered) -> bytes:
    """Return what is remembered of logins, as it is sent; of too much, what was seen least recently is left out."""
    return json.dumps([_latest(each) for each in failures]).encode()


def _latest(found: Sequence[tuple[str | float, ...]]) -> Sequence[tuple[str | float, ...]]:
    octets = 0
    for count, each in enumerate(reversed(found)):
        octets += _OTHER_OCTETS + _CHARACTER_OCTETS * sum(len(value) for value in each if isinstance(value, str))
        if octets > _MAX_REMEMBERED_OCTETS:
            return found[len(found) - count :]
    return found


def decode_failures(payload: bytes) -> Remembered:
    """Return what is remembered of logins.

    Raises:
        FrameError: *payload* is something else.
    """
    match _parse(payload):
        case [[*sources], [*logins], [*known]]:
            return Remembered([*map(_level, sources)], [*map(_level, logins)], [*map(_use, known)])
    raise _no_failures()


def _level(value: object) -> tuple[str, float, float]:
    match value:
        case [str(key), int() | float() as failures, int() | float() as seconds]:
            return key, failures, seconds
    raise _no_failures()


def _use(value: object) -> tuple[str, str, float]:
    match value:
        case [str(network), str(login), int() | float() as seconds]:
            return network, login, seconds
    raise _no_failures()


def _no_failures() -> FrameError:
    return FrameError("failures that are none")


def _parse(payload: bytes) -> object:
    try:
        value: object = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        message = "JSON that is none"
        raise FrameError(message) from None
    return value
