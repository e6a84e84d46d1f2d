"""Mail data on its way out in chunks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.chunk_writing import ChunkWriter
from smtpdsl.runtime.protocol.dot_stuffing import DotStuffer


def chunked(*blocks: bytes) -> bytes:
    """Return what is sent for a message that comes in *blocks*."""
    writer = ChunkWriter()
    return b"".join(map(writer.encode, blocks)) + writer.end()


def received(octets: bytes) -> bytes:
    """Read chunks as RFC 3030 §2 tells a server to; nothing follows the last one."""
    content = b""
    while found := re.match(rb"BDAT ([0-9]+)( LAST)?\r\n", octets):
        start, end = found.end(), found.end() + int(found[1])
        assert end <= len(octets)
        content, octets = content + octets[start:end], octets[end:]
        assert found[2] is None or octets == b""
    assert octets == b""
    return content


@pytest.mark.parametrize(
    ("blocks", "sent"),
    [
        ([], b"BDAT 0 LAST\r\n"),
        ([b"a\n.b\n"], b"BDAT 7 LAST\r\na\r\n.b\r\n"),
        ([b"a", b"b\n"], b"BDAT 1\r\naBDAT 3 LAST\r\nb\r\n"),
        ([b"no end"], b"BDAT 8 LAST\r\nno end\r\n"),
        ([b"a\r", b"\nb"], b"BDAT 1\r\naBDAT 5 LAST\r\n\r\nb\r\n"),
        ([b"a\r"], b"BDAT 3 LAST\r\na\r\n"),
        ([b"a\n", b"\r"], b"BDAT 5 LAST\r\na\r\n\r\n"),
        ([b"BDAT 1 LAST\n"], b"BDAT 13 LAST\r\nBDAT 1 LAST\r\n"),
    ],
)
def test_each_chunk_says_how_long_it_is(blocks: list[bytes], sent: bytes) -> None:
    """What is held back of a block belongs to the next chunk."""
    assert chunked(*blocks) == sent


@given(
    blocks=st.lists(st.sampled_from([b"\n", b".", b"\r", b"\n.\n", b"BDAT 3\r\n"]) | st.binary(max_size=5), max_size=20)
)
def test_a_server_reads_what_data_would_have_sent(blocks: list[bytes]) -> None:
    """Whichever way a message goes, the same one arrives."""
    stuffer = DotStuffer()
    *lines, dot, rest = (b"".join(map(stuffer.encode, blocks)) + stuffer.end()).split(b"\r\n")
    assert (dot, rest) == (b".", b"")

    assert received(chunked(*blocks)) == b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
