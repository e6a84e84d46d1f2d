r"""What a DKIM signature is made of: fields and body in their canonical form (RFC 6376 §3.4, §3.5).

    SUBJect:  a \n\tb  \n         subject:a b\r\n
    hello \t world  \n\n\n        hello world\r\n

    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s2026;
        t=1790000000; h=from:from:reply-to:subject:subject:to:to:cc;
        bh=…; b=…

Both forms are `relaxed`: blanks that somebody folds, adds or cuts off on the way do no harm.  Lines end in
LF, as mail data is kept; what is hashed has CR LF, as the wire has it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smtpdsl.mail.address_syntax import AddressError
from smtpdsl.mail.header_addresses import only_address
from smtpdsl.mail.idn import ascii_domain

# RFC 6376 §5.4.1 has the fields that should be signed; §5.4.2 lets a name stand once more than there are fields, so
# that nobody can add another one.  These get that even if the message has none: what a reader is shown first.
_ALWAYS = (b"from", b"reply-to", b"subject", b"to", b"cc")
# These only if the message has them: other servers add them where they are missing.
_IF_THERE = (b"date", b"message-id", b"sender", b"mime-version", b"content-type", b"content-transfer-encoding")
# And these as often as they are there: who sends a message on adds some of them.
_AS_THEY_ARE = (
    b"in-reply-to",
    b"references",
    b"resent-date",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
)
# No honest message has more of them, and each takes room in the signature.
MAX_SIGNED_FIELDS = 200

# Atomic, not possessive, as in header.py.
_FIELD = re.compile(rb"[^\n]*+\n(?>(?:[ \t][^\n]*+\n)*)")
_RUN_OF_BLANKS = re.compile(rb"[ \t]{2,}+|\t")
_MAX_LINE = 76
_FOLD = "\n\t"
_EMPTY_LINES = b"\r\n" * 4096


class Signed(NamedTuple):
    """The fields that are signed: their names, as often as ``h=`` has them, and their canonical form."""

    names: tuple[bytes, ...]
    octets: bytes


class Signature(NamedTuple):
    """What a signature says of itself; names of domains are A-labels, *moment* is in seconds since 1970."""

    domain: str
    selector: str
    algorithm: str
    moment: float


def signed_fields(header: bytes) -> Signed | None:
    """Choose the fields of *header* that are signed; None if there are too many of them."""
    by_name: dict[bytes, list[bytes]] = {}
    for field in _FIELD.findall(header):
        name, _, body = field.partition(b":")
        by_name.setdefault(name.rstrip(b" \t").lower(), []).append(body)
    names, fields = [], []
    for name in (*_ALWAYS, *_IF_THERE, *_AS_THEY_ARE):
        found = by_name.get(name, [])
        is_once_more = name in _ALWAYS or (name in _IF_THERE and found)
        names += [name] * (len(found) + bool(is_once_more))
        # RFC 6376 §5.4.2: of several fields the last one comes first.
        fields += [_canonical_field(name, body) for body in reversed(found)]
    if len(fields) > MAX_SIGNED_FIELDS:
        return None
    return Signed(tuple(names), b"".join(fields))


def author_domain(header: bytes) -> str | None:
    """Return the domain of who wrote a message, in A-labels; None unless there is one From with one address."""
    fields = [each for each in _FIELD.findall(header) if each[:4].lower() == b"from"]
    bodies = [body for name, _, body in (each.partition(b":") for each in fields) if not name[4:].strip(b" \t")]
    address = only_address(bodies[0]) if len(bodies) == 1 else None
    if address is None or not address.has_domain:
        return None
    # Behind the @ there may be a comment.
    octets = bodies[0][address.start : address.end].rpartition(b"@")[2].rpartition(b")")[2]
    return domain_of(octets.strip().decode("utf-8", "replace"))


def domain_of(text: str) -> str | None:
    """Return a domain as names of keys have it: A-labels in small letters; None if it cannot be said so."""
    try:
        return ascii_domain(text.lower()).rstrip(".")
    except AddressError:
        return None


class BodyHash:
    """The hash of a body that comes piece by piece, cut anywhere; what is held of it is a blank at most."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self._hash = hashlib.sha256()
        self._blank = b""
        # Line ends that count only if something follows them.
        self._line_ends = 0
        self._is_empty = True

    def update(self, block: bytes) -> None:
        """Take the next piece, with LF at the end of each line."""
        block = self._blank + block
        if b"\t" in block or b"  " in block:
            block = _RUN_OF_BLANKS.sub(b" ", block)
        block = block.replace(b" \n", b"\n")
        self._blank = b" " if block.endswith(b" ") else b""
        if self._blank:
            block = block[:-1]
        text = block.rstrip(b"\n")
        if text:
            self._write_line_ends()
            self._hash.update(text.replace(b"\n", b"\r\n"))
            self._is_empty = False
        self._line_ends += len(block) - len(text)

    def digest(self) -> bytes:
        """Return the hash of all that came; the last line has an end, whether it had one or not."""
        # RFC 6376 §3.4.4: a body of empty lines is an empty body, and has no line end.
        if not self._is_empty:
            self._hash.update(b"\r\n")
        return self._hash.digest()

    def _write_line_ends(self) -> None:
        while self._line_ends:
            count = min(self._line_ends, len(_EMPTY_LINES) // 2)
            self._hash.update(_EMPTY_LINES[: 2 * count])
            self._line_ends -= count


def with_line_ends(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Make LF of every CR, with or without an LF, as whoever sends mail data does (`runtime.protocol.dot_stuffing`)."""
    held = b""
    for block in blocks:
        piece = held + block
        held = b"\r" if piece.endswith(b"\r") else b""
        if b"\r" in piece:
            piece = piece[: len(piece) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield piece
    if held:
        yield b"\n"


def unsigned_field(signature: Signature, names: Iterable[bytes], body_digest: bytes) -> str:
    """Return the field without the value of ``b=``, which is the last one; no line end follows."""
    body_hash = base64.b64encode(body_digest).decode()
    tags = [
        "v=1;",
        f"a={signature.algorithm};",
        "c=relaxed/relaxed;",
        f"d={signature.domain};",
        f"s={signature.selector};",
        f"t={int(signature.moment)};",
        *_list_tag("h=", [name.decode() for name in names]),
        f"bh={body_hash};",
    ]
    return _folded("DKIM-Signature:", tags) + f"{_FOLD}b="


def to_be_signed(signed: Signed, field: str) -> bytes:
    """Return what the signature in *field*, which is still empty, is made of (RFC 6376 §3.7)."""
    name, _, body = field.encode().partition(b":")
    return signed.octets + _canonical_field(name.lower(), body).removesuffix(b"\r\n")


def signature_field(field: str, value: bytes) -> bytes:
    """Return *field* with the *value* of its signature, as lines of a header."""
    text = base64.b64encode(value).decode()
    step = _MAX_LINE - len("\tb=")
    return (field + f"{_FOLD} ".join(text[at : at + step] for at in range(0, len(text), step)) + "\n").encode()


def _canonical_field(name: bytes, body: bytes) -> bytes:
    """Write a field in its `relaxed` form (RFC 6376 §3.4.2)."""
    body = _RUN_OF_BLANKS.sub(b" ", body.replace(b"\n", b""))
    return name + b":" + body.strip(b" ") + b"\r\n"


def _list_tag(tag: str, items: list[str]) -> Iterator[str]:
    """Yield the words of a list with colons, which may be folded between any two of them."""
    last = len(items) - 1
    for number, item in enumerate(items):
        yield (tag if not number else "") + item + (";" if number == last else ":")


def _folded(start: str, words: Iterable[str]) -> str:
    lines = [start]
    for word in words:
        # Blanks may stand before and behind each colon of a list, but are not needed there.
        glue = "" if lines[-1].endswith(":") and lines[-1] != start else " "
        if len(lines[-1]) + len(glue) + len(word) > _MAX_LINE:
            lines.append(f"\t{word}")
        else:
            lines[-1] += glue + word
    return "\n".join(lines)
