"""Frames come out of a stream as they went in, however it is cut."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.roles.frames import MAX_PAYLOAD_OCTETS, FrameError, FrameReader, Link

Frame = tuple[int, bytes]
FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=8)
HEAD = struct.Struct("!IB")


def written(frames: Iterable[Frame]) -> bytes:
    """Return *frames* as they are sent."""
    return b"".join(HEAD.pack(len(payload), kind) + payload for kind, payload in frames)


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_cuts_are_invisible(frames: list[Frame], cuts: list[int]) -> None:
    """Wherever the stream is cut, the same frames come out, each as soon as it is whole."""
    octets, reader = written(frames), FrameReader()
    places = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
    found: list[Frame] = []
    for start, end in pairwise(places):
        found += reader.feed(octets[start:end])
        assert written(found) == octets[: len(written(found))]
        assert len(found) == sum(len(written(frames[: count + 1])) <= end for count in range(len(frames)))

    assert found == frames


@pytest.mark.parametrize("cut", [1, 4, 5, 6])
def test_a_length_that_no_frame_has_is_the_end(cut: int) -> None:
    """Before any of it is kept, and what came before is heard."""
    reader = FrameReader()
    octets = written([(1, b"x")]) + HEAD.pack(MAX_PAYLOAD_OCTETS + 1, 2) + b"y"
    found = list(reader.feed(octets[: 6 + cut])) if cut < HEAD.size else []

    with pytest.raises(FrameError, match=f"a frame of {MAX_PAYLOAD_OCTETS + 1} octets"):
        found += reader.feed(octets[6 + cut :] if cut < HEAD.size else octets)
    assert found in ([(1, b"x")], [])


def test_a_large_frame_in_many_pieces_is_put_together_once() -> None:
    """Not again for each piece: that would be half a terabyte to copy, and this test would not end."""
    reader, payload = FrameReader(), b"x" * 8_000_000
    octets = written([(7, payload)])
    found = [frame for start in range(0, len(octets), 64) for frame in reader.feed(octets[start : start + 64])]

    assert found == [(7, payload)]


class End:
    """One end of a connection, and what was heard there."""

    def __init__(self, refuses: int | None = None) -> None:
        """Hear everything but frames of the kind that it *refuses*."""
        self._refuses = refuses
        self.heard: list[Frame] = []
        self.lost: list[str] = []
        self.changed = asyncio.Event()
        self.link = Link(self._hear, self._lose)

    def _hear(self, kind: int, payload: bytes) -> None:
        if kind == self._refuses:
            message = "nonsense"
            raise FrameError(message)
        self.heard.append((kind, payload))
        self.changed.set()

    def _lose(self, why: str) -> None:
        self.lost.append(why)
        self.changed.set()

    async def until_lost(self) -> None:
        """Wait for the end."""
        while not self.lost:
            self.changed.clear()
            await self.changed.wait()


async def connected(here: End, there: End) -> None:
    """Connect two ends."""
    loop = asyncio.get_running_loop()
    for end, part in zip((here, there), socket.socketpair(), strict=True):
        part.setblocking(False)  # noqa: FBT003 - as the socket module has it
        await loop.create_connection(lambda end=end: end.link, sock=part)  # type: ignore[misc]  # mypy sees no lambda with a default


def test_what_is_sent_is_heard_before_the_end() -> None:
    """A link that is closed has sent everything, and both ends are told once."""

    async def main() -> tuple[End, End]:
        here, there = End(), End()
        await connected(here, there)
        here.link.send(1, b"ab", b"", b"c")
        here.link.send(2)
        here.link.send(3, b"x" * 1_000_000)
        here.link.close()
        await asyncio.gather(here.until_lost(), there.until_lost())
        # What is said now, nobody hears.
        there.link.send(4, b"late")
        await asyncio.sleep(0)
        return here, there

    here, there = asyncio.run(main())
    assert there.heard == [(1, b"abc"), (2, b""), (3, b"x" * 1_000_000)]
    assert (here.lost, there.lost) == (["it ended by itself, or was killed"], ["it ended by itself, or was killed"])


def test_whoever_sends_nonsense_is_cut_off() -> None:
    """What it has said before counts, what it says afterwards does not."""

    async def main() -> tuple[End, End]:
        here, there = End(), End(refuses=9)
        await connected(here, there)
        here.link.send(1)
        here.link.send(9)
        here.link.send(2)
        await asyncio.gather(here.until_lost(), there.until_lost())
        return here, there

    here, there = asyncio.run(main())
    assert there.heard == [(1, b"")]
    assert there.lost == ["it has sent nonsense"]
    assert len(here.lost) == 1
