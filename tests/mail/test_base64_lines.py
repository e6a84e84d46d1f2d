"""Base64 in pieces."""

from __future__ import annotations

from base64 import encodebytes

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.base64_lines import Base64Lines


@given(pieces=st.lists(st.binary(max_size=130), max_size=6))
def test_pieces_are_invisible(pieces: list[bytes]) -> None:
    """The lines are those of the whole, without the end of the last."""
    lines = Base64Lines()
    written = b"".join(map(lines.encode, pieces)) + lines.finish()

    assert written == encodebytes(b"".join(pieces))[:-1]
    assert lines.finish() == b""
