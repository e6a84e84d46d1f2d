r"""How messages look in an mbox file, and how they are found there again."""

from __future__ import annotations

import mailbox
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.delivery import mbox_format
from smtpdsl.runtime.delivery.mbox_format import Found, find_earlier, missing_line_ends, rendered, separator_line

SEPARATOR = b"From ann@example.net Tue Nov 14 22:13:20 2023"
MESSAGE = b"Subject: x\n\nFrom here on\nit is text\n"
RENDERED = SEPARATOR + b"\nSubject: x\n\n>From here on\nit is text\n\n"
OTHER = b"From eve@example.net Tue Nov 14 22:13:20 2023\nSubject: y\n\ny\n\n"
# Texts in which the mark is often begun and sometimes ended.
pieces = st.lists(st.text("\nFrom >", max_size=12).map(str.encode), max_size=6)


def render(*message: bytes) -> bytes:
    """Return *message*, in these pieces, as it stands in a file."""
    return b"".join(rendered(SEPARATOR, iter(message)))


@contextmanager
def opened(path: Path, octets: bytes) -> Iterator[int]:
    """Put *octets* into a file, and yield its descriptor."""
    path.write_bytes(octets)
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("<ann@example.net>", "From ann@example.net Tue Nov 14 22:13:20 2023"),
        ("<>", "From MAILER-DAEMON Tue Nov 14 22:13:20 2023"),
        ('<"a b"@example.net>', 'From "a:b"@example.net Tue Nov 14 22:13:20 2023'),
    ],
)
def test_the_first_line_tells_sender_and_time(path: str, line: str) -> None:
    """A blank in a sender would begin the date."""
    assert separator_line(ReversePath.parse(path), 1700000000.5) == line


def test_a_message_begins_and_ends() -> None:
    """A first line before it, an empty line after it, and only lines that begin a message are quoted."""
    assert render(MESSAGE) == RENDERED
    assert render(b"From x\n>From y\nfrom z\n From\nFrom") == SEPARATOR + b"\n>From x\n>From y\nfrom z\n From\nFrom\n\n"
    assert render(b"no line end") == SEPARATOR + b"\nno line end\n\n"
    assert render() == SEPARATOR + b"\n\n"


@given(parts=pieces)
def test_pieces_do_not_show(parts: list[bytes]) -> None:
    """A message is the same however it is cut, and no line of it begins another one."""
    whole = b"".join(parts)

    assert render(*parts) == render(whole)
    assert render(whole).count(b"\nFrom ") == 0
    assert render(whole).endswith(b"\n\n" if whole else b"\n")


def test_a_library_reads_what_is_written(tmp_path: Path) -> None:
    """Python's own reader finds both messages."""
    (tmp_path / "box").write_bytes(render(MESSAGE) + OTHER)

    box = mailbox.mbox(str(tmp_path / "box"))
    first, second = box
    box.close()
    assert (first["Subject"], first.get_from()) == ("x", "ann@example.net Tue Nov 14 22:13:20 2023")
    assert first.get_payload() == ">From here on\nit is text\n"
    assert second["Subject"] == "y"


@pytest.mark.parametrize(
    ("there", "missing"),
    [(b"", b""), (b"x\n\n", b""), (b"x\n", b"\n"), (b"x", b"\n\n"), (b"\n", b"\n"), (b"\n\n", b"")],
)
def test_a_message_begins_behind_an_empty_line(tmp_path: Path, there: bytes, missing: bytes) -> None:
    """Whatever the last writer has left."""
    with opened(tmp_path / "box", there) as file:
        assert missing_line_ends(file, len(there)) == missing


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("there", "found"),
    [
        (b"", None),
        (OTHER, None),
        (RENDERED, Found(0, is_whole=True)),
        (OTHER + RENDERED, Found(len(OTHER), is_whole=True)),
        (OTHER + RENDERED + OTHER, Found(len(OTHER), is_whole=True)),
        (OTHER + RENDERED[:-1], Found(len(OTHER), is_whole=False)),
        (OTHER + RENDERED[:60], Found(len(OTHER), is_whole=False)),
        (OTHER + RENDERED[:20], Found(len(OTHER), is_whole=False)),
        (RENDERED[:20], Found(0, is_whole=False)),
        (RENDERED[:60], Found(0, is_whole=False)),
        # Somebody took the part for a message, and wrote behind it.
        (OTHER + RENDERED[:60] + b"\n\n" + OTHER, None),
        (RENDERED[:60] + b"\n\n" + RENDERED, Found(62, is_whole=True)),
        # Somebody has read it, and said so.
        (RENDERED.replace(b"Subject", b"Status: R\nSubject"), None),
        (OTHER + b"From", None),
        (OTHER + b"From bob@", None),
        (b">" + RENDERED, None),
    ],
)
def test_an_earlier_attempt_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bytes, found: Found | None, block: int
) -> None:
    """By its octets; a part of it at the end of the file alone."""
    monkeypatch.setattr(mbox_format, "_BLOCK_OCTETS", block)
    with opened(tmp_path / "box", there) as file:
        assert find_earlier(file, len(there), SEPARATOR, lambda: rendered(SEPARATOR, iter([MESSAGE]))) == found


@given(before=pieces, message=pieces, cut=st.integers(0))
def test_what_a_crash_left_is_cut_off_where_it_began(
    tmp_path_factory: pytest.TempPathFactory, before: list[bytes], message: list[bytes], cut: int
) -> None:
    """However far the attempt came, at least to the word that begins it."""
    there = OTHER + render(*before) + OTHER
    ours = b"".join(rendered(b"From unique " + SEPARATOR, iter(message)))
    part = ours[: max(5, cut % len(ours))]
    path = tmp_path_factory.getbasetemp() / "crashed"
    with opened(path, there + part) as file:
        found = find_earlier(
            file,
            len(there + part),
            b"From unique " + SEPARATOR,
            lambda: rendered(b"From unique " + SEPARATOR, iter(message)),
        )

    assert found == Found(len(there), is_whole=False)
