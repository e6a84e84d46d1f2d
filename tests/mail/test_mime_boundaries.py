"""Boundaries of multiparts in multiparts."""

from __future__ import annotations

import pytest

from smtpdsl.mail.mime_boundaries import MAX_DEPTH, Boundary, Multiparts
from smtpdsl.mail.mime_part import Body, Part


def inside(*boundaries: bytes, kind: bytes = b"mixed") -> Multiparts:
    """Return what is open within parts between *boundaries*."""
    multiparts = Multiparts()
    for depth, boundary in enumerate(boundaries):
        multiparts.begin(Part(b"", Body.MULTIPART, boundary, kind))
        multiparts.cross(Boundary(depth, is_last=False))
    return multiparts


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"one", Boundary(0, is_last=False)),
        (b"one \t ", Boundary(0, is_last=False)),
        (b"one--", Boundary(0, is_last=True)),
        (b"one-- ", Boundary(0, is_last=True)),
        (b"onetwo", Boundary(1, is_last=False)),
        (b"onetwo--", Boundary(1, is_last=True)),
        (b"one----", None),
        (b"one -", None),
        (b"one --", None),
        (b"on", None),
        (b"ONE", None),
        (b" one", None),
        (b"", None),
        (b"--", None),
    ],
)
def test_a_boundary_is_all_of_its_line(line: bytes, found: Boundary | None) -> None:
    """But for blanks behind it; of two that it may be, it is the inner one's."""
    assert inside(b"one", b"onetwo").find(line) == found


def test_an_end_is_nobody_elses_boundary() -> None:
    """What ends an inner multipart may begin a part of an outer one: first the one, then the other."""
    multiparts = inside(b"one--", b"one")
    first = multiparts.find(b"one--")
    assert first == Boundary(1, is_last=True)
    multiparts.cross(first)
    assert multiparts.find(b"one--") == Boundary(0, is_last=False)


def test_a_boundary_leaves_what_is_inside() -> None:
    """Its own multipart too, if it is the last."""
    multiparts = inside(b"a", b"b", b"c")
    multiparts.cross(Boundary(1, is_last=False))
    assert len(multiparts) == 2
    assert multiparts.find(b"c") is None
    multiparts.cross(Boundary(0, is_last=True))
    assert not multiparts
    assert multiparts.find(b"a") is None


def test_a_boundary_belongs_to_one_multipart() -> None:
    """The outer one; and what is too deep has none."""
    multiparts = inside(b"a", b"b")
    multiparts.begin(Part(b"", Body.MULTIPART, b"a"))
    assert len(multiparts) == 2
    deep = inside(*(b"%d" % depth for depth in range(MAX_DEPTH)))
    deep.begin(Part(b"", Body.MULTIPART, b"a"))
    assert len(deep) == MAX_DEPTH


def test_the_first_part_is_signed() -> None:
    """With all that is in it; the second is the signature (RFC 1847 §2.1)."""
    multiparts = inside(b"a", kind=b"signed")
    assert multiparts.is_signed
    multiparts.begin(Part(b"", Body.MULTIPART, b"b", b"digest"))
    multiparts.cross(Boundary(1, is_last=False))
    assert multiparts.is_signed
    assert multiparts.is_digest
    multiparts.cross(Boundary(0, is_last=False))
    assert not multiparts.is_signed
    assert not multiparts.is_digest
