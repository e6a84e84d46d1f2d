"""The mail data of the queue on its way to a server: looked at once, then read in blocks.

Files are read in threads of the event loop's executor; a message is never in memory as a whole, unless
the queue holds it there already.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator
from typing import NamedTuple

from smtpdsl.mail.header import header_end
from smtpdsl.runtime.delivery.content import MAX_HEAD_OCTETS
from smtpdsl.runtime.interfaces import Content, InlineContent, SpooledContent
from smtpdsl.runtime.sealing.reading import SealedFile

BLOCK_OCTETS = 128 * 1024


class Measure(NamedTuple):
    """What a server is told of mail data: its octets with CR LF at the end of each line, and whether some are 8-bit.

    *has_8bit_header* says whether some of those are in the header.
    """

    octets: int
    is_8bit: bool
    has_8bit_header: bool = False


async def measure(content: Content) -> Measure:
    """Look at all of *content*.

    Raises:
        OSError: It cannot be read.
    """
    if isinstance(content, InlineContent):
        return measure_octets(content.octets)
    return await asyncio.get_running_loop().run_in_executor(None, _measure_file, content)


def measure_octets(octets: bytes) -> Measure:
    """Look at mail data that is in memory."""
    size = len(octets) + octets.count(b"\n") + _missing_line_end(octets)
    is_ascii = octets.isascii()
    return Measure(size, not is_ascii, not is_ascii and _has_8bit_header(octets))


async def blocks(content: SpooledContent) -> AsyncGenerator[bytes, None]:
    """Yield *content*, some octets at a time.

    Raises:
        OSError: It cannot be read, or has another size than the queue knows.
    """
    loop = asyncio.get_running_loop()
    file = await loop.run_in_executor(None, _open, content)
    try:
        rest = content.size
        while block := await loop.run_in_executor(None, file.read, BLOCK_OCTETS):
            rest -= len(block)
            yield block
        if rest:
            raise _other_size(content)
    finally:
        file.close()


def _measure_file(content: SpooledContent) -> Measure:
    octets, is_8bit, block = 0, False, b""
    with _open(content) as file:
        # No honest header is longer.
        has_8bit_header = _has_8bit_header(file.read(MAX_HEAD_OCTETS))
        file.seek(0)
        while chunk := file.read(BLOCK_OCTETS):
            block = chunk
            octets += len(block) + block.count(b"\n")
            is_8bit = is_8bit or not block.isascii()
    return Measure(octets + _missing_line_end(block), is_8bit, has_8bit_header)


def _has_8bit_header(octets: bytes) -> bool:
    if octets.isascii():
        return False
    end = header_end(octets)
    return not octets[: end if end >= 0 else len(octets)].isascii()


def _missing_line_end(octets: bytes) -> int:
    """How many octets end the last line of a message that does not."""
    return 0 if not octets or octets.endswith(b"\n") else len(b"\r\n")


def _open(content: SpooledContent) -> io.RawIOBase:
    if content.seal.is_plain:
        return io.FileIO(content.path)
    return SealedFile(os.open(content.path, os.O_RDONLY | os.O_CLOEXEC), content.seal)


def _other_size(content: SpooledContent) -> OSError:
    return OSError(f"the file has not the {content.size} octets that it had")
