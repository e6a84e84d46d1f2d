"""The header section, as far as a server looks at it."""

from __future__ import annotations

import pytest

from smtpdsl.mail.header import has_passed, header_end, is_well_formed


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"A: b\n\nbody\n", 5),
        (b"\nbody\n", 0),
        (b"A: b\nC: d\n", -1),
        (b"", -1),
        (b"A: b\n\n\n\n", 5),
    ],
)
def test_the_first_empty_line_ends_the_header(content: bytes, end: int) -> None:
    """The empty line itself is no part of it."""
    assert header_end(content) == end


@pytest.mark.parametrize(
    ("header", "is_fine"),
    [
        (b"", True),
        (b"Subject: x\n", True),
        (b"Subject: x\n y\n\tz\nFrom: a\n", True),
        (b"Odd name: x\n", True),
        (b" Subject: x\n", False),
        (b"\tx: y\n", False),
        (b"just text\n", False),
        (b"Subject: x\nno colon here\n", False),
        (b": no name\n", False),
        (b"A:\n" * 20_000, True),
        (b"A: b\n" + b" folded\n" * 20_000 + b"text\n", False),
    ],
)
def test_a_header_is_fields_and_their_continuations(header: bytes, *, is_fine: bool) -> None:
    """Anything else is no header."""
    assert is_well_formed(header) is is_fine


def test_received_fields_are_counted_in_any_case() -> None:
    """And nothing that only looks like them."""
    header = b"Received: a\nRECEIVED : b\nX-Received: c\nSubject: d\n Received: e\n"

    assert has_passed(header, 2)
    assert not has_passed(header, 3)
    assert has_passed(b"", 0)
