r"""What the header section of a MIME part says of its body (RFC 2045, RFC 2046), for content that may be binary.

    Content-Type: multipart/mixed; boundary="a b"    ──▶  Body.MULTIPART, between lines "--a b"
    Content-Transfer-Encoding: binary                     and the field says 8bit

    Content-Type: image/png                          ──▶  Body.BINARY, any octets
    Content-Transfer-Encoding: binary                     and the field says base64

What is contradictory, or not understood, is a body of lines: nothing of that is changed.  So
no part is converted that somebody else may see another way.  Lines end in LF.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

# RFC 2046 §5.1.1 allows 70; longer ones are written, and understood everywhere.
MAX_BOUNDARY_OCTETS = 200
# A field that is longer, or one more of them, is not understood: nobody writes such ones, and others wait meanwhile.
MAX_FIELD_OCTETS = 8 * 1024
MAX_FIELDS = 20

# As RFC 5322 §2.2 has them; at a line that is not so, some readers begin with the body, and others do not.
# Groups that may fail in their midst are atomic, not possessive, as in header.py.
_FIELDS = re.compile(rb"(?>(?:[!-9;-~]++:[^\n]*+\n(?>(?:[ \t]++[^\n]++\n)*))*)")
_FIELD = re.compile(
    rb"^(mime-version|content-type|content-transfer-encoding):([^\n]*+\n(?>(?:[ \t][^\n]*+\n)*))",
    re.IGNORECASE | re.MULTILINE,
)
# RFC 2045 §6.2: with these the body is what it is.
_IDENTITIES = frozenset({b"7bit", b"8bit", b"binary"})
# RFC 2046 §5.2.1 and RFC 6532 §3.7: in these is a message with a header section of its own; in the others is none,
# or one that is not whole.
_MESSAGES = frozenset({b"message/rfc822", b"message/global"})

_QUOTED = rb'"(?>(?:[^"\\]++|\\.)*)"'
# comment; four deep, and one that is deeper is not understood
_COMMENT = rb"\((?>(?:[^()\\]++|\\.)*)\)"
for _ in range(3):
    _COMMENT = rb"\((?>(?:[^()\\]++|\\.|%s)*)\)" % _COMMENT
# A comment that stands against a word may as well be its end, for those who do not quote; it is not understood.
# What is quoted and does not end takes the rest, or each quote in it would be looked for an end of.
_QUOTED_OR_COMMENT = re.compile(rb"(%s|\".*+)|(?<=[ \t;\"])%s" % (_QUOTED, _COMMENT))
# content = type "/" subtype *(";" parameter)                    RFC 2045 §5.1
_CONTENT = re.compile(rb"[ \t]*+([^\s/;()\"]++)[ \t]*+/[ \t]*+([^\s/;()\"]++)[ \t]*+((?:;.*)?)")
# parameter = attribute "=" value, where a value without quotes is as long as people write it
_PARAMETER = re.compile(rb";[ \t]*+(?:([^\s;=\"()]++)[ \t]*+=[ \t]*+(%s|[^;\"()]*+)[ \t]*+)?(?=;|\Z)" % _QUOTED)
_ESCAPED = re.compile(rb"\\(.)")


class Body(Enum):
    """What follows the header section of a part."""

    LINES = auto()
    """Lines, which end in CRLF: text, or what is encoded as text already."""
    BINARY = auto()
    """Any octets."""
    MESSAGE = auto()
    """A message, which begins with a header section."""
    MULTIPART = auto()
    """Parts between the lines of a boundary."""


class Part(NamedTuple):
    """A part, as far as its *header* tells; that is what it is once a binary body is base64.

    `is_changed` says that it was something else before.  The *boundary* is that of a
    multipart, without the dashes before it; *kind* is what comes after ``multipart/``.
    """

    header: bytes
    body: Body = Body.LINES
    boundary: bytes = b""
    kind: bytes = b""
    is_changed: bool = False


# Most hostile messages are made of parts without a header.
_NOTHING = Part(b"")


def read_part(header: bytes, *, is_message: bool = False, in_digest: bool = False) -> Part:
    """Return what *header*, of whole lines, says.

    Args:
        header: The header section without the empty line behind it.
        is_message: It is that of a message, which is MIME only if it says so (RFC 2045 §4).
        in_digest: It is that of a part of multipart/digest, which is a message unless it says otherwise
            (RFC 2046 §5.1.5).
    """
    if not header and not in_digest:
        return _NOTHING
    fields = _fields(header)
    if fields is None or (is_message and b"mime-version" not in fields) or _FIELDS.fullmatch(header) is None:
        return Part(header)
    encodings = {_encoding(each[2]) for each in fields.get(b"content-transfer-encoding", ())} or {b"7bit"}
    types = {each[2].strip() for each in fields.get(b"content-type", ())}
    types = types or {b"message/rfc822" if in_digest else b"text/plain"}
    if len(encodings) > 1 or len(types) > 1 or not encodings <= _IDENTITIES:
        return Part(header)
    found = _CONTENT.fullmatch(_without_comments(types.pop()))
    if found is None:
        return Part(header)
    main, kind = found[1].lower(), found[2].lower()
    is_changed = b"binary" in encodings
    if main == b"multipart":
        boundary = _boundary(found[3])
        if not boundary:
            return Part(header)
        part = Part(header, Body.MULTIPART, boundary, kind, is_changed)
    elif main == b"message":
        is_whole = main + b"/" + kind in _MESSAGES
        part = Part(header, Body.MESSAGE if is_whole else Body.LINES, is_changed=is_changed)
    else:
        part = Part(header, Body.BINARY if is_changed else Body.LINES, is_changed=is_changed)
    return _relabelled(part, fields[b"content-transfer-encoding"]) if is_changed else part


def _fields(header: bytes) -> Mapping[bytes, Sequence[re.Match[bytes]]] | None:
    """Return the fields that matter by their names; None if they are too long, or too many."""
    fields: dict[bytes, list[re.Match[bytes]]] = {}
    for number, found in enumerate(_FIELD.finditer(header)):
        if number == MAX_FIELDS or found.end() - found.start() > MAX_FIELD_OCTETS:
            return None
        fields.setdefault(found[1].lower(), []).append(found)
    return fields


def _relabelled(part: Part, encodings: Sequence[re.Match[bytes]]) -> Part:
    """Return *part* with the encoding that it will have, in the places of the fields that gave the other one."""
    # RFC 2045 §6.4: a composite part is never encoded itself.
    encoding = b"base64" if part.body is Body.BINARY else b"8bit"
    pieces, start = [], 0
    for each in encodings:
        pieces += [part.header[start : each.start()], each[1], b": ", encoding, b"\n"]
        start = each.end()
    return part._replace(header=b"".join([*pieces, part.header[start:]]))


def _encoding(value: bytes) -> bytes:
    return _without_comments(value).strip().lower()


def _without_comments(value: bytes) -> bytes:
    """Return *value* in one line, with a blank for each comment."""
    value = value.replace(b"\n", b"")
    return _QUOTED_OR_COMMENT.sub(lambda found: found[1] or b" ", value) if b"(" in value else value


def _boundary(parameters: bytes) -> bytes:
    """Return the boundary that *parameters* give; nothing if they give none, or not exactly one."""
    found: set[bytes] = set()
    position = 0
    while position < len(parameters):
        parameter = _PARAMETER.match(parameters, position)
        # RFC 2231 §3 cuts long values in pieces; readers do not agree on what that is for a boundary.
        if parameter is None or (parameter[1] or b"").lower().startswith(b"boundary*"):
            return b""
        if (parameter[1] or b"").lower() == b"boundary":
            found.add(_unquoted(parameter[2]))
        position = parameter.end()
    boundary = found.pop() if len(found) == 1 else b""
    return boundary if len(boundary) <= MAX_BOUNDARY_OCTETS else b""


def _unquoted(value: bytes) -> bytes:
    if value.startswith(b'"'):
        value = _ESCAPED.sub(rb"\1", value[1:-1])
    # RFC 2046 §5.1.1: no boundary ends in a blank; some gateway has added it.
    return value.rstrip(b" \t")
