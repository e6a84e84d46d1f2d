"""Messages of any octets, made messages of lines."""

from __future__ import annotations

import email
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.mail.binary_mime import MAX_HEADER_OCTETS, MAX_PARTS, BinaryMime, Trouble
from tests.mail.mime_trees import Decoded, Embedded, Leaf, Multipart, Tree, decoded, meant, octets, stored, trees

CUTS = st.lists(st.integers(0, 4000), max_size=6)
LEAF = Leaf("image/png", "binary", b"\0\r\n--b1x\r")


def converted(message: bytes, cuts: list[int] | None = None) -> bytes | Trouble:
    """Return what is stored of *message*, which comes in pieces, or why nothing is."""
    mime = BinaryMime()
    places = [0, *sorted(place % (len(message) + 1) for place in cuts or []), len(message)]
    pieces = [mime.feed(message[start:end]) for start, end in itertools.pairwise(places)]
    pieces.append(mime.finish())
    return mime.trouble or b"".join(pieces)


def octet_by_octet(message: bytes) -> bytes | Trouble:
    """Return the same for pieces of one octet."""
    return converted(message, list(range(len(message))))


@given(tree=trees(), cuts=CUTS)
@example(Multipart("mixed", "", (LEAF,), b"", b"", b"", lacks_end=True), [1])
@example(Embedded("binary", Multipart("mixed", "binary", (LEAF, LEAF), b"--b", b"x", b" ", lacks_end=False)), [99])
def test_only_binary_bodies_change(tree: Tree, cuts: list[int]) -> None:
    """And the fields that call a part binary; everything else stays, octet for octet, however the message comes."""
    message = octets(tree)

    assert converted(message) == stored(tree)
    assert converted(message, cuts) == stored(tree)
    assert octet_by_octet(message) == stored(tree)


@given(tree=trees())
def test_a_reader_finds_the_same(tree: Tree) -> None:
    """The parser of Python sees the parts that were sent, and decodes each to the octets that it had."""
    # In a multipart with an end, or a last line of text would be given one.
    whole = Multipart("mixed", "", (tree,), b"", b"", b"", lacks_end=False)
    result = converted(octets(whole))

    assert isinstance(result, bytes)
    assert decoded(email.message_from_bytes(result)) == meant(whole)


# ---------------------------------------------------------------- where a part ends

MIXED = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n"
EMBEDDED = b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
PART = b"Content-Transfer-Encoding: binary\r\n\r\n"
BINARY = b"MIME-Version: 1.0\r\n" + PART


def bodies(message: bytes) -> Decoded | Trouble:
    """Return what a reader finds in what is stored of *message*."""
    result = converted(message)
    assert octet_by_octet(message) == result
    return result if isinstance(result, Trouble) else decoded(email.message_from_bytes(result))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"\0", b"\0"),
        (b"x\r\n.\r\n", b"x\r\n.\r\n"),
        (bytes(range(256)) * 3, bytes(range(256)) * 3),
        (b"\r\n--x\r\n\r", b"\r\n--x\r\n\r"),
    ],
)
def test_a_message_of_one_part(body: bytes, expected: bytes) -> None:
    """It ends where its last chunk ends, and keeps its last line end if it has one."""
    assert bodies(BINARY + body) == expected


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (b"\r\n--x\r\n", [b"\0", b""]),
        (b"\r\n--x \t\r\n", [b"\0", b""]),
        (b"\r\n--x--\r\n", [b"\0"]),
        (b"\r\n--x", [b"\0", b""]),
        (b"\r\n--x--", [b"\0"]),
        (b"\r\n\r\n--x--", [b"\0\r\n"]),
        (b"\r\n--x\n", [b"\0\r\n--x\n"]),
        (b"\n--x\r\n", [b"\0\n--x\r\n"]),
        (b"\r--x\r\n", [b"\0\r--x\r\n"]),
        (b"\r\n--x\r", [b"\0\r\n--x\r"]),
        (b"\r\n--xy\r\n", [b"\0\r\n--xy\r\n"]),
        (b"\r\n--x--y\r\n", [b"\0\r\n--x--y\r\n"]),
        (b"\r\n --x\r\n", [b"\0\r\n --x\r\n"]),
        (b"\r\n--X\r\n", [b"\0\r\n--X\r\n"]),
        (b"\r\n--x" + b" " * 2000 + b"\r\n", [b"\0\r\n--x" + b" " * 2000 + b"\r\n"]),
    ],
)
def test_a_boundary_is_a_line_of_its_own(between: bytes, expected: Decoded) -> None:
    """Blanks may follow it (RFC 2046 §5.1.1), not many; its line begins and ends with CRLF."""
    assert bodies(MIXED % b"x" + b"--x\r\n" + PART + b"\0" + between) == expected


def test_an_outer_boundary_ends_what_is_inside() -> None:
    """RFC 2046 §5.1.2: whatever inner multiparts still lack; and an inner one that is longer is no outer one."""
    inner = b"Content-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n" + PART + b"\0"
    message = MIXED % b"x" + b"--x\r\n" + inner + b"\r\n--xy\r\n\r\n\r\n--x\r\n" + PART + b"\r\r\n--xy\r\n--x--"

    assert bodies(message) == [[b"\0", b""], b"\r\r\n--xy"]


def test_a_boundary_may_cut_a_header_off() -> None:
    """A part without a body is one; of boundaries that follow each other, Python takes the last."""
    message = MIXED % b"x" + b"--x\r\n--x\r\n" + PART[:-2] + b"--x\r\n\r\n--x--"

    assert bodies(message) == [b"", b""]
    assert converted(message) == message.replace(b"\r", b"").replace(b"binary", b"base64") + b"\n"


def test_what_follows_the_last_boundary_is_no_header() -> None:
    """Even if that has cut off the header of a message within."""
    epilogue = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\ntext\r\n"
    message = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: message/rfc822\r\n--x--\r\n" + epilogue
    )

    assert converted(message) == message.replace(b"\r\n", b"\n")


def test_parts_of_a_digest_are_messages() -> None:
    """RFC 2046 §5.1.5: unless they say otherwise."""
    digest = (MIXED % b"x").replace(b"mixed", b"digest")
    message = digest + b"--x\r\n\r\n" + BINARY + b"\0\r\n--x\r\nContent-Type: image/png\r\n" + PART + b"\1\r\n--x--"

    assert bodies(message) == [[b"\0"], b"\1"]


# ---------------------------------------------------------------- what cannot be taken


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: %s\r\n\r\n",
        b"Subject: x\r\n\r\n%s\r\n",
        # Not MIME, whatever it says beside.
        PART + b"%s",
        BINARY.replace(b"binary", b"8bit") + b"%s",
        BINARY.replace(b"binary", b"base64") + b"%s",
        BINARY.replace(b"binary", b"x-own") + b"%s",
        BINARY[:-2] + PART.replace(b"binary", b"8bit") + b"%s",
        MIXED % b"x" + b"%s\r\n--x\r\n" + PART + b"\r\n--x--",
        MIXED % b"x" + b"--x\r\n" + PART + b"\r\n--x--\r\n%s",
        MIXED % b"x" + b"--x\r\nSubject: %s\r\n\r\n\r\n--x--",
        MIXED % b"x" + b"--x\r\nno header\r\n" + PART + b"%s\r\n--x--",
        # Nobody knows what the boundary is.
        MIXED % b"x; boundary=y" + b"--x\r\n" + PART + b"%s\r\n--x--",
        MIXED % b'""' + b"--\r\n" + PART + b"%s\r\n----",
        # It begins again with the same, and is taken for text of the outer one.
        MIXED % b"x" + b"--x\r\n" + MIXED % b"x" + b"%s\r\n--x--",
        BINARY.replace(b"\r\n\r\n", b"\r\nContent-Type: message/partial\r\n\r\n") + b"%s",
        BINARY.replace(b"\r\n\r\n", b"\r\nContent-Type: message/rfc822\r\n\r\n") + PART + b"%s",
    ],
)
def test_lines_are_lines_outside_of_binary_bodies(message: bytes) -> None:
    """Also where somebody says that they are not, and it is not clear what they mean."""
    for octet, trouble in ((b"\0", Trouble.NUL), (b"\r", Trouble.BARE_CR), (b"\n", Trouble.BARE_LF)):
        assert bodies(message.replace(b"%s", b"a" + octet + b"b")) is trouble
    result = converted(message.replace(b"%s", b"a\r\nb" if b"Subject: %s" not in message else b"ab"))
    assert isinstance(result, bytes)
    assert b"a\nb" in result or b"ab" in result


def test_the_first_trouble_is_told() -> None:
    """However the message is cut."""
    assert bodies(b"a: b\r\n\r\n\r\r\n\0\n") is Trouble.BARE_CR
    assert bodies(b"a: b\r\n\r\n\n\r\0") is Trouble.BARE_LF
    assert bodies(b"a: \0b\n") is Trouble.NUL
    assert bodies(MIXED % b"x" + b"--x\r\n" * (MAX_PARTS - 1) + b"\r\n\n\r\n--x\r\n") is Trouble.BARE_LF


def test_a_signed_part_is_not_changed() -> None:
    """RFC 1847 §2.1: it is opaque; its signature is not, and what is around it is not either."""
    signed = (MIXED % b"s").replace(b"mixed", b"signed")
    text = b"--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n"
    inner = b"--s\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n" + PART + b"\0\r\n--i--\r\n"
    signature = b"--s\r\nContent-Type: application/pkcs7-signature\r\n" + PART + b"\0\r\n--s--\r\n"
    outer = MIXED % b"x" + b"--x\r\n" + signed + text + signature + b"--x\r\n" + PART + b"\0\r\n--x--"

    assert bodies(signed + text + signature) == [b"x", b"\0"]
    assert bodies(outer) == [[b"x", b"\0"], b"\0"]
    assert bodies(signed + b"--s\r\n" + PART + b"x\r\n" + signature) is Trouble.SIGNED
    assert bodies(signed + inner + signature) is Trouble.SIGNED


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize("start", [b"a: b\r\n", MIXED % b"x" + b"--x\r\na: b\r\n", b"", b"a"])
def test_a_header_ends_somewhere(start: bytes) -> None:
    """Until it does, it is held."""
    assert converted(start + b"b: c\r\n" * 50_000, list(range(0, 200_000, 4000))) is Trouble.ENDLESS_HEADER
    assert converted(start + b"x" * MAX_HEADER_OCTETS) is Trouble.ENDLESS_HEADER
    assert isinstance(converted(start + b"b: c\r\n" * 30_000), bytes)


def test_parts_are_counted() -> None:
    """Each costs a look at its header."""
    for part in (b"--x\r\n\r\n\r\n", b"--x\r\n"):
        assert converted(MIXED % b"x" + part * MAX_PARTS) is Trouble.TOO_MANY_PARTS
        assert isinstance(converted(MIXED % b"x" + part * (MAX_PARTS - 1)), bytes)
    assert converted(EMBEDDED * MAX_PARTS) is Trouble.TOO_MANY_PARTS
    assert isinstance(converted(EMBEDDED * (MAX_PARTS - 1)), bytes)


def test_multiparts_end_somewhere() -> None:
    """In one that is too deep no boundary is seen, and so no binary part."""
    depth = 120
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))

    assert bodies(b"MIME-Version: 1.0\r\n" + deep + PART + b"x\0y") is Trouble.NUL
    assert isinstance(converted(b"MIME-Version: 1.0\r\n" + deep + PART + b"xy"), bytes)


@pytest.mark.parametrize(
    "filler", [b"x", b"\0\r\n", b"\r\n--y", b"\r\n--x", b"\r\n--x" + b" " * 600, b"\r\n--" + b"x" * 5000]
)
def test_little_is_held(filler: bytes) -> None:
    """A body goes on as it comes, whatever it looks like."""
    mime = BinaryMime()
    mime.feed(MIXED % b"x" + b"--x\r\n" + PART)
    octets = filler * 2000
    written = 0
    for start in range(0, len(octets), 777):
        written += len(mime.feed(octets[start : start + 777]))
        assert mime.held_octets <= 1100
    assert mime.trouble is None
    assert written > len(octets) // 2


TEXT = st.sampled_from(
    [
        *(b"\r\n", b"\r", b"\n", b"\0", b"\r\n\r\n", b"--", b"\r\n--x", b"\r\n--x--", b"\r\n--y\r\n", b" ", b"x"),
        *(MIXED % b"x", MIXED % b'"y"', BINARY, PART, b"Content-Type: message/rfc822\r\n", b"MIME-Version: 1\r\n"),
        *(b"Content-Type: multipart/signed; boundary=y\r\n", b"Content-Type:\r\n", b"\r\n--x\r\n" + PART),
    ]
)


@given(message=st.lists(TEXT | st.binary(max_size=5), max_size=20).map(b"".join), cuts=CUTS)
@example(b"\r\n--x", [])
def test_any_octets_become_lines(message: bytes, cuts: list[int]) -> None:
    """Or trouble; the same however they are cut, and nothing that must not be stored."""
    result = converted(message)

    assert converted(message, cuts) == octet_by_octet(message) == result
    if isinstance(result, bytes):
        assert not {0, 13} & set(result)
        assert result == b"" or result.endswith(b"\n")
