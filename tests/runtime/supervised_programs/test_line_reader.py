"""Octets to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.programs.lines import LineError, LineReader

LINES = st.lists(st.binary(max_size=20).map(lambda octets: octets.replace(b"\n", b"")), max_size=8)


@given(lines=LINES, size=st.integers(1, 9))
def test_where_octets_are_cut_makes_no_difference(lines: list[bytes], size: int) -> None:
    """What was written is read, however it came."""
    reader = LineReader(20)
    octets = b"".join(line + b"\n" for line in lines)
    found = [line for at in range(0, len(octets), size) for line in reader.feed(octets[at : at + size])]

    assert found == lines


@pytest.mark.parametrize("octets", [b"x" * 21, b"a\n" + b"x" * 21, b"x" * 21 + b"\n", b"a\n" + b"x" * 21 + b"\nb\n"])
def test_a_line_has_a_limit(octets: bytes) -> None:
    """Whether it has ended or not."""
    with pytest.raises(LineError, match="a line of more than 20 octets"):
        LineReader(20).feed(octets)
