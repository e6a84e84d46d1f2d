"""Sealed files read like plain ones, for everybody who reads content."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.delivery.content import MAX_HEAD_OCTETS, ContentError, open_content
from smtpdsl.runtime.interfaces import SpooledContent
from smtpdsl.runtime.net.outgoing import blocks, measure
from smtpdsl.runtime.sealing.keys import Key, Keys
from smtpdsl.runtime.sealing.reading import SealedFile
from smtpdsl.runtime.sealing.seal import Entry, Kind, SealError
from smtpdsl.runtime.sealing.seals import Seals

ENTRY = Entry(Kind.CONTENT, 7)
HEADER = b"Subject: h\xc3\xa9llo\nX: y\n"
OCTETS = HEADER + b"\n" + b"".join(b"line %d\n" % number for number in range(50_000))
KEYS = Keys(Key(Secret(b"k" * 32)))
FORMS = {"compressed": Seals(compresses=True), "encrypted": Seals(KEYS), "both": Seals(KEYS, compresses=True)}


@pytest.fixture(params=FORMS, name="seals")
def _seals(request: pytest.FixtureRequest) -> Seals:
    return FORMS[str(request.param)]


def sealed(path: Path, seals: Seals, octets: bytes = OCTETS) -> SpooledContent:
    """Write *octets* to *path*, and return them as content."""
    sealer = seals.file_sealer(ENTRY)
    path.write_bytes(sealer.update(octets) + sealer.finish())
    return SpooledContent(str(path), len(octets), seals.with_key(ENTRY, sealer.seal))


def chunks(content: SpooledContent) -> bytes:
    """Return what a delivery gets."""
    with open_content(content) as opened:
        return b"".join(opened.chunks(b""))


async def sent(content: SpooledContent) -> bytes:
    """Return what another server gets."""
    return b"".join([block async for block in blocks(content)])


def test_deliveries_and_servers_get_the_same(tmp_path: Path, seals: Seals) -> None:
    """Every octet, as often as they want; and it is measured as a plain file is."""
    content = sealed(tmp_path / "sealed", seals)
    (tmp_path / "plain").write_bytes(OCTETS)
    plain = SpooledContent(str(tmp_path / "plain"), len(OCTETS))
    with open_content(content) as opened:
        assert opened.head() == HEADER
        assert b"".join(opened.chunks(b"X: 1\n")) == b"X: 1\n" + OCTETS
        assert b"".join(opened.chunks(b"")) == OCTETS

    assert asyncio.run(sent(content)) == OCTETS
    assert asyncio.run(measure(content)) == asyncio.run(measure(plain))


def test_a_header_has_a_limit(tmp_path: Path, seals: Seals) -> None:
    """Also where it is decoded."""
    with open_content(sealed(tmp_path / "sealed", seals, b"x" * (MAX_HEAD_OCTETS + 9))) as opened:
        assert opened.head() == b"x" * MAX_HEAD_OCTETS


def test_what_was_altered_has_no_end(tmp_path: Path, seals: Seals) -> None:
    """Neither for a delivery nor for another server; nor has what is of another length."""
    content = sealed(tmp_path / "sealed", seals)
    octets = (tmp_path / "sealed").read_bytes()
    for wrong in (octets[:-1], octets[:-20] + bytes(20)):
        (tmp_path / "sealed").write_bytes(wrong)
        with pytest.raises(ContentError, match=r"^the file of the message (is damaged: |ends after )"):
            chunks(content)
        with pytest.raises(SealError):
            asyncio.run(sent(content))
    (tmp_path / "sealed").write_bytes(octets)
    for size in (len(OCTETS) - 1, len(OCTETS) + 1):
        with pytest.raises(ContentError, match=f"of its {size} octets"):
            chunks(content._replace(size=size))


def test_a_file_is_read_in_any_pieces(tmp_path: Path, seals: Seals) -> None:
    """And again, from the beginning; at its end there is nothing."""
    content = sealed(tmp_path / "sealed", seals)
    with SealedFile(os.open(content.path, os.O_RDONLY), content.seal) as file:
        first = file.read(10)
        file.seek(0)
        found = b""
        while piece := file.read(70_000):
            found += piece
        assert (first, found, file.read(1)) == (OCTETS[:10], OCTETS, b"")
        assert file.readable()
    file.close()
