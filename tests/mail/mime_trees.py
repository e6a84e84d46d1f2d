r"""MIME messages as trees of parts: what a client sends of them, and what is stored.

Multipart("mixed", "binary", (Leaf("image/png", "binary", b"\0\r"), ...))
    octets(tree)           with CRLF, and binary parts as they are
    stored(tree)           with LF, and binary parts in base64
    decoded(message)       a tree of pairs again, from what the parser of Python makes of it
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

# What binary parts are made of: everything that looks like a boundary, and is none.
_PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"\0", b"--", b"\r\n--", b"b1", b"\r\n--b1x", b"--b1-", b"b2 ", b"\r\n--B1\r\n", b"." * 80]
)
_BOUNDARY = re.compile(rb"(?:\A|\r\n)--b[0-9]+(?: \(\)=x)?(?:--)?[ \t]*(?:\r\n|\Z)")
_OCTETS = (
    st.lists(_PIECES | st.binary(max_size=60), max_size=12)
    .map(b"".join)
    .filter(lambda drawn: _BOUNDARY.search(drawn) is None)
)
_LINES = st.lists(
    st.sampled_from([b"", b"text", b".", b"--", b"--b", b"--b1x", b"From x", "\u00e4".encode(), b"--B1", b" --b1"]),
    max_size=5,
)
_IDENTITIES = ["", "7bit", "8bit", "binary", "Binary", "BINARY (any octets)"]


class Leaf(NamedTuple):
    """A part that holds no others; lines end in CRLF."""

    media: str
    encoding: str
    octets: bytes


class Multipart(NamedTuple):
    """Parts between boundaries; *lacks_end* says that the last boundary is missing.

    Without a preamble or an epilogue, not even a line is there for it.
    """

    kind: str
    encoding: str
    parts: tuple[Tree, ...]
    preamble: bytes | None
    epilogue: bytes | None
    padding: bytes
    lacks_end: bool


class Embedded(NamedTuple):
    """A message in a message."""

    encoding: str
    tree: Tree


Tree: TypeAlias = Leaf | Multipart | Embedded


def trees() -> st.SearchStrategy[Tree]:
    """Draw messages."""
    return st.recursive(_leaves(), lambda inner: _multiparts(inner) | _embedded(inner), max_leaves=6)


def _leaves() -> st.SearchStrategy[Leaf]:
    binary = st.builds(
        Leaf, st.sampled_from(["image/png", "text/plain", ""]), st.sampled_from(_IDENTITIES[3:]), _OCTETS
    )
    lines = st.builds(Leaf, st.sampled_from(["text/html", ""]), st.sampled_from(_IDENTITIES[:3]), _LINES.map(_joined))
    return binary | lines


def _multiparts(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Multipart]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    text = st.none() | _LINES.map(_joined)
    padding = st.sampled_from([b"", b" ", b"\t "])
    kinds = st.sampled_from(["mixed", "alternative"])
    encodings = st.sampled_from(_IDENTITIES)
    return st.builds(Multipart, kinds, encodings, parts, text, text, padding, st.booleans())


def _embedded(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Embedded]:
    return st.builds(Embedded, st.sampled_from(_IDENTITIES), inner)


def _joined(lines: list[bytes]) -> bytes:
    return b"\r\n".join(lines)


# ---------------------------------------------------------------- octets


def octets(tree: Tree) -> bytes:
    """Return the message that a client sends with BODY=BINARYMIME."""
    return _message(tree, itertools.count(1), is_stored=False)


def stored(tree: Tree) -> bytes:
    """Return what is to be stored, a last line without an end included."""
    message = _message(tree, itertools.count(1), is_stored=True).replace(b"\r\n", b"\n")
    return message if message.endswith(b"\n") else message + b"\n"


def _message(tree: Tree, numbers: Iterator[int], *, is_stored: bool) -> bytes:
    return b"Subject: tree\r\nMIME-Version: 1.0\r\n" + _part(tree, numbers, is_stored=is_stored)


def _part(tree: Tree, numbers: Iterator[int], *, is_stored: bool) -> bytes:
    match tree:
        case Leaf(media, encoding, body):
            if is_stored and "binary" in encoding.lower():
                encoding, body = "base64", base64.encodebytes(body).rstrip(b"\n")
            return _header(media, encoding) + body
        case Multipart():
            return _parts(tree, numbers, is_stored=is_stored)
        case Embedded(encoding, inner):
            header = _header("message/rfc822", _composite(encoding, is_stored=is_stored))
            return header + _message(inner, numbers, is_stored=is_stored)


def _parts(tree: Multipart, numbers: Iterator[int], *, is_stored: bool) -> bytes:
    number = next(numbers)
    written = f"b{number}" if number % 2 else f'"b{number} ()=x"'
    line = b"\r\n--" + written.strip('"').encode()
    header = _header(f"multipart/{tree.kind};\r\n\tBoundary={written}", _composite(tree.encoding, is_stored=is_stored))
    # The end of the line before belongs to a boundary.
    found = [header.removesuffix(b"\r\n") if tree.preamble is None else header + tree.preamble]
    for part in tree.parts:
        found += [line, tree.padding, b"\r\n", _part(part, numbers, is_stored=is_stored)]
    if not tree.lacks_end:
        found += [line, b"--", tree.padding, b"" if tree.epilogue is None else b"\r\n" + tree.epilogue]
    return b"".join(found)


def _composite(encoding: str, *, is_stored: bool) -> str:
    return "8bit" if is_stored and "binary" in encoding.lower() else encoding


def _header(media: str, encoding: str) -> bytes:
    fields = (f"Content-Type: {media}\r\n" if media else "") + "X-Between: 1\r\n"
    fields += f"content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"{fields}\r\n".encode()


# ---------------------------------------------------------------- what Python's parser finds

Decoded: TypeAlias = bytes | list["Decoded"]


def decoded(message: Message) -> Decoded:
    """Return the bodies of *message*."""
    if message.is_multipart():
        return [decoded(each) for each in message.get_payload() if isinstance(each, Message)]
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body


def meant(tree: Tree) -> Decoded:
    """Return the bodies of *tree*; those that are text with LF."""
    match tree:
        case Leaf(_, encoding, body):
            return body if "binary" in encoding.lower() else body.replace(b"\r\n", b"\n")
        case Multipart():
            return [meant(each) for each in tree.parts]
        case Embedded(_, inner):
            return [meant(inner)]
