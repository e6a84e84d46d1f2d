"""What passes over the control socket: JSON objects, each behind its length.

    00 00 00 2f  {"version":1,"command":"show status","arguments":{}}     one request at a time
    00 00 00 1a  {"item":{"mda":"running"}}                               any number of items
    00 00 00 0b  {"end":true}                                             or {"error":"…","kind":"…"}

Octets in, values out: there is no I/O here.  Whoever reads believes nothing: a length beyond the
bound, a text that is no JSON object, and half a frame at the end are errors, and cost no memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TypeAlias

VERSION = 1
# A request has a list of identifiers at most, an answer a piece of a message.
MAX_REQUEST_OCTETS = 64 * 1024
MAX_ANSWER_OCTETS = 1024 * 1024

_LENGTH = struct.Struct("!I")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

Object: TypeAlias = Mapping[str, object]


class FrameError(Exception):
    """The other side has sent what is no frame; the text says what was expected."""


def encode(value: Object) -> bytes:
    """Return *value* as a frame."""
    text = _encode(value).encode("ascii")
    return _LENGTH.pack(len(text)) + text


class FrameReader:
    """Octets to objects, as they come."""

    def __init__(self, max_octets: int) -> None:
        """Take frames of at most *max_octets*."""
        self._max_octets = max_octets
        self._buffer = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether nothing of another frame is here."""
        return not self._buffer

    def feed(self, octets: bytes) -> None:
        """Take what was received."""
        self._buffer += octets

    def next(self) -> Object | None:
        """Return the next object, or None if more octets are needed.

        Raises:
            FrameError: It is none, and nothing that follows can be understood.
        """
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > self._max_octets:
            message = f"expected at most {self._max_octets} octets, found {length}"
            raise FrameError(message)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        text = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return _object(text)


def _object(text: bytes) -> Object:
    try:
        # Octets are never guessed to be UTF-16: its codec may lie where only root gets to.
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        message = "expected a JSON object"
        raise FrameError(message)
    return value
