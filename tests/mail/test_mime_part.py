"""What a header says of the body behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.mime_part import MAX_BOUNDARY_OCTETS, MAX_FIELD_OCTETS, MAX_FIELDS, Body, read_part

BINARY = b"Content-Transfer-Encoding: binary\n"


def multipart(parameters: bytes, main: bytes = b"multipart/mixed") -> bytes | None:
    """Return the boundary of a multipart with *parameters*; None if it is one of lines."""
    part = read_part(b"Content-Type: " + main + parameters + b"\n")
    assert (part.body is Body.MULTIPART) is bool(part.boundary)
    return part.boundary or None


@pytest.mark.parametrize(
    ("parameters", "boundary"),
    [
        (b"; boundary=x", b"x"),
        (b";boundary=x", b"x"),
        (b"; BOUNDARY = x ;", b"x"),
        (b'; boundary="x"', b"x"),
        (b'; boundary="a b;\\"c\\" "', b'a b;"c"'),
        (b'; charset="; boundary=no"; boundary=x', b"x"),
        (b";\n\tboundary=x", b"x"),
        (b'; boundary="a\n b"', b"a b"),
        (b"; boundary=----=_Part_1.2 ", b"----=_Part_1.2"),
        (b"; boundary=a b", b"a b"),
        (b"; boundary=x; boundary=x", b"x"),
        (b"; (a (nested) comment) boundary=x (more)", b"x"),
        (b'; boundary="x"(more)', b"x"),
        (b"; boundary=" + b"y" * MAX_BOUNDARY_OCTETS, b"y" * MAX_BOUNDARY_OCTETS),
        (b"; type=; boundary=x", b"x"),
        (b";; boundary=x", b"x"),
        (b"; boundary=\xff", b"\xff"),
    ],
)
def test_a_multipart_has_a_boundary(parameters: bytes, boundary: bytes) -> None:
    """As it is written by those who read RFC 2045, and by many who have not."""
    assert multipart(parameters) == boundary


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        b"; boundary=",
        b'; boundary=""',
        b'; boundary=" "',
        b'; boundary="x',
        b'; boundary="x"y',
        b'; boundary=x"y"',
        b"; boundary=x; boundary=y",
        b"; boundary=x(y)",
        b"; boundary=(x",
        b"; boundary*=us-ascii''x",
        b"; boundary*0=x; boundary*1=y",
        b"; boundary=x; boundary*0=y",
        b" boundary=x",
        b"; boundary",
        b"; ((((((deep)))))) boundary=x",
        b"; boundary=" + b"y" * (MAX_BOUNDARY_OCTETS + 1),
    ],
)
def test_a_boundary_that_is_not_clear_is_none(parameters: bytes) -> None:
    """Somebody else may find another one, so nothing is read by it."""
    header = b"Content-Type: multipart/mixed" + parameters + b"\n" + BINARY
    assert multipart(parameters) is None
    assert read_part(header) == (header, Body.LINES, b"", b"", False)


@pytest.mark.parametrize(
    ("media", "body", "encoding"),
    [
        (b"", Body.BINARY, b"base64"),
        (b"text/plain; charset=utf-8", Body.BINARY, b"base64"),
        (b'image/PNG (a picture); name="a("', Body.BINARY, b"base64"),
        (b"Multipart / Mixed; boundary=x", Body.MULTIPART, b"8bit"),
        (b"message/rfc822", Body.MESSAGE, b"8bit"),
        (b"MESSAGE/GLOBAL", Body.MESSAGE, b"8bit"),
        (b"message/delivery-status", Body.LINES, b"8bit"),
        (b"text", Body.LINES, b"binary"),
        (b"/", Body.LINES, b"binary"),
        (b"text/plain/x", Body.LINES, b"binary"),
        (b"text/plain\nContent-Type: text/html", Body.LINES, b"binary"),
        (b"text/plain\nContent-Transfer-Encoding: 8bit", Body.LINES, b"binary"),
        (b"text/plain\nnonsense", Body.LINES, b"binary"),
    ],
)
def test_what_becomes_of_a_binary_part(media: bytes, body: Body, encoding: bytes) -> None:
    """RFC 2045 §6.4: what is made of parts is not encoded; what is not clear stays as it is."""
    before, after = (b"content-type:" + media + b"\n" if media else b""), b"X: binary\n"
    part = read_part(before + BINARY + after)

    assert part.body is body
    assert part.header == before + BINARY.replace(b"binary", encoding) + after
    assert part.is_changed is (encoding != b"binary")


@pytest.mark.parametrize(
    ("field", "is_binary"),
    [
        (b"Content-Transfer-Encoding:BINARY", True),
        (b"CONTENT-TRANSFER-ENCODING: (x) binary (y)", True),
        (b"Content-Transfer-Encoding:\n\tbinary", True),
        (b"Content-Transfer-Encoding: binary\nContent-Transfer-Encoding: Binary", True),
        # Where such a line stands, some readers begin with the body.
        (b"Content-Transfer-Encoding : binary", False),
        (b"Content-Transfer-Encoding: binary\nX Y: z", False),
        (b"Content-Transfer-Encoding: binary\n \t\nX: y", False),
        (b"Content-Transfer-Encoding: binary\nX\xff: y", False),
        (b"Content-Transfer-Encoding: binary;", False),
        (b"Content-Transfer-Encoding: binary(x)", False),
        (b"Content-Transfer-Encoding: binary x", False),
        (b"X-Content-Transfer-Encoding: binary", False),
        (b"X: y\n Content-Transfer-Encoding: binary", False),
    ],
)
def test_who_says_binary(field: bytes, *, is_binary: bool) -> None:
    """In whatever letters; and every field of it is written anew."""
    part = read_part(field + b"\n")

    assert (part.body is Body.BINARY) is is_binary
    assert (b"binary" in part.header.lower()) is not is_binary
    assert part.header.count(b"base64") == (field.lower().count(b"binary") if is_binary else 0)


def test_a_message_says_that_it_is_mime() -> None:
    """RFC 2045 §4: a part of one need not."""
    assert read_part(BINARY).body is Body.BINARY
    assert read_part(BINARY, is_message=True) == (BINARY, Body.LINES, b"", b"", False)
    assert read_part(b"mime-version: 1.0\n" + BINARY, is_message=True).body is Body.BINARY


def test_parts_of_a_digest_are_messages() -> None:
    """RFC 2046 §5.1.5."""
    assert read_part(b"", in_digest=True).body is Body.MESSAGE
    assert read_part(b"Content-Type: text/plain\n", in_digest=True).body is Body.LINES
    assert read_part(b"").body is Body.LINES


@given(parameters=st.lists(st.sampled_from([b";", b"boundary", b"=", b'"', b"\\", b"(", b")", b" ", b"x", b"\n "])))
def test_any_header_is_read(parameters: list[bytes]) -> None:
    """In good time, and a boundary is one that can stand in a line."""
    boundary = multipart(b"".join(parameters) * 3) or b"x"

    assert b"\n" not in boundary
    assert boundary == boundary.rstrip(b" ")


FILLERS = [b"(", b'"', b"\\", b"; boundary=(", b"((", b"()", b';x="', b"; boundary", b" ", b'\\"', b'"\\', b' ()\\"']


@pytest.mark.parametrize("begin", [b"", b"("])
@pytest.mark.parametrize("piece", FILLERS)
def test_a_long_header_costs_one_look(piece: bytes, begin: bytes) -> None:
    """Whatever it is full of."""
    filler = begin + piece * ((MAX_FIELD_OCTETS - 100) // len(piece))
    read_part(b"Content-Type: multipart/mixed; " + filler + b"\n" + BINARY)
    read_part(b"Content-Transfer-Encoding: " + filler + b"\n" + BINARY)


@pytest.mark.parametrize("name", [b"Content-Type: image/png;", b"Content-Transfer-Encoding: binary "])
def test_a_field_that_nobody_would_write_is_not_understood(name: bytes) -> None:
    """Others wait while it is read; what is longer changes nothing, and the body is one of lines."""
    longest = name + b" " * (MAX_FIELD_OCTETS - len(name) - 1) + b"\n"

    assert read_part(longest + BINARY).body is Body.BINARY
    assert read_part(b" ".join([name, longest.removeprefix(name)]) + BINARY).body is Body.LINES


def test_so_many_fields_nobody_would_write_are_not_understood() -> None:
    """The same field again and again is tolerated, up to a point."""
    assert read_part(BINARY * MAX_FIELDS).body is Body.BINARY
    assert read_part(BINARY * (MAX_FIELDS + 1)).body is Body.LINES
