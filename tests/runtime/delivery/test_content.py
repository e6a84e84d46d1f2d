"""Mail data in memory and in files reads alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtpdsl.runtime.delivery.content import MAX_HEAD_OCTETS, ContentError, open_content
from smtpdsl.runtime.interfaces import Content, InlineContent, SpooledContent

LONG = b"X: y\n" * 10_000


def contents_of(octets: bytes, folder: Path) -> list[Content]:
    """Return content with *octets*, in memory and in a file."""
    path = folder / "content"
    path.write_bytes(octets)
    return [InlineContent(octets), SpooledContent(str(path), len(octets))]


@pytest.mark.parametrize(
    ("octets", "head"),
    [
        (b"", b""),
        (b"\n\nbody", b""),
        (b"A: b\n\nC: d\n", b"A: b\n"),
        (b"A: b\nC: d\n\n\nbody\n", b"A: b\nC: d\n"),
        (b"A: b\n", b"A: b\n"),
        (b"A: b", b"A: b"),
        (LONG + b"\nbody", LONG),
        (b"A: b\n\n" + LONG, b"A: b\n"),
        (b"x" * (MAX_HEAD_OCTETS + 1), b"x" * MAX_HEAD_OCTETS),
    ],
)
def test_the_head_ends_before_the_empty_line(tmp_path: Path, octets: bytes, head: bytes) -> None:
    """A header is read up to its end, however long the message is, but not without limit."""
    for content in contents_of(octets, tmp_path):
        with open_content(content) as opened:
            assert opened.head() == head


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary())
def test_both_kinds_read_alike(tmp_path: Path, octets: bytes) -> None:
    """The head and all octets are the same, from memory and from a file, in either order."""
    inline, spooled = contents_of(octets, tmp_path)

    with open_content(inline) as one, open_content(spooled) as other:
        assert b"".join(one.chunks(b"A: b\n")) == b"".join(other.chunks(b"A: b\n")) == b"A: b\n" + octets
        assert one.head() == other.head()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    """Its path and the reason are in the text."""
    path = tmp_path / "missing"

    with (
        pytest.raises(ContentError, match=f"cannot open .*{path}: No such file or directory"),
        open_content(SpooledContent(str(path), 1)),
    ):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A file of the spool is a file."""
    (tmp_path / "link").symlink_to("/etc/hostname")

    with pytest.raises(ContentError), open_content(SpooledContent(str(tmp_path / "link"), 1)):
        pass
