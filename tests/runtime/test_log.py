"""A line of the log is one line, and what somebody else has said is one value of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import json
import os
import select
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.log import StructuredLog


def line_of(name: str, values: dict[str, object], *, as_json: bool = False) -> str:
    """Return what is written of one event."""
    file = io.StringIO()
    StructuredLog(file, as_json=as_json).event("7e8ec0d38ef20280", name, values)
    return file.getvalue()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("ann", "user=ann result=ok"),
        ("ann result=ok", 'user="ann result=ok" result=ok'),
        ('an"n', 'user="an\\"n" result=ok'),
        ("ann\nfoo", "user=ann\\nfoo result=ok"),
        ("änn", "user=änn result=ok"),
    ],
)
def test_a_value_cannot_pass_for_two(value: str, written: str) -> None:
    """Nor for two lines."""
    line = line_of("smtp authentication", {"user": value, "result": "ok"})

    assert line == f"7e8ec0d38ef20280 smtp authentication {written}\n"


@given(value=st.text())
def test_whatever_is_said_is_one_printable_line(value: str) -> None:
    """As text and as JSON, which keeps the value."""
    text = line_of("smtp failed-command", {"command": value})
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert json.loads(line_of("smtp failed-command", {"command": value}, as_json=True))["command"] == value


VALUES = (
    st.text(max_size=6)
    | st.sampled_from(["ann", "", "a b", 'a"b', "a\\b", "ä", "a\u00a0b"])
    | st.integers()
    | st.booleans()
)


@given(one=VALUES, other=VALUES, name=st.sampled_from(["smtp message", "smtp failed-command", "mta"]))
def test_a_value_is_written_the_same_in_any_company(one: object, other: object, name: str) -> None:
    """Whether the others need quotes or not; so a line of plain values may be written in a simpler way."""
    alone = line_of(name, {"why": one})[:-1]
    beside = line_of(name, {"to": other})[:-1].removeprefix(f"7e8ec0d38ef20280 {name}")

    assert line_of(name, {"why": one, "to": other}) == f"{alone}{beside}\n"


class Written(io.StringIO):
    """Notes what is written at once."""

    def __init__(self) -> None:
        """Note nothing yet."""
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        """Write, and note it."""
        self.pieces.append(text)
        return super().write(text)


def test_the_lines_of_one_turn_are_written_together() -> None:
    """In their order, and at the end of the turn; what is left when the loop has ended comes with the next line."""
    file = Written()
    log = StructuredLog(file)

    async def scenario() -> None:
        log.info("one")
        log.warn("two")
        assert file.getvalue() == ""
        await asyncio.sleep(0)
        assert file.pieces == ["info: one\nwarn: two\n"]
        log.info("three")

    asyncio.run(scenario())
    log.info("four")

    assert file.getvalue().splitlines() == ["info: one", "warn: two", "info: three", "info: four"]


class Full(io.StringIO):
    """A file on a disk that is full until somebody makes room."""

    def __init__(self) -> None:
        """Have no room."""
        super().__init__()
        self.has_room = False
        self.attempts = 0

    def write(self, text: str) -> int:
        """Write, or fail as the operating system does."""
        self.attempts += 1
        if not self.has_room:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_is_no_fault_to_report() -> None:
    """The report would be a line of the same log; it goes on when there is room again."""
    file = Full()

    async def serve() -> None:
        log = StructuredLog(file)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: log.warn(str(context)))
        log.info("lost")
        for _ in range(10):
            await asyncio.sleep(0)
        file.has_room = True
        log.info("kept")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(serve())
    assert (file.attempts, file.getvalue()) == (2, "info: kept\n")


def test_many_lines_are_written_so_that_a_pipe_keeps_each_whole() -> None:
    """Several processes write to the same one, and only so many octets at once stay together (pipe(7))."""
    file = Written()
    texts = [f"{number} ä{'x' * number}" for number in range(300)]

    async def write() -> None:
        log = StructuredLog(file)
        for text in texts:
            log.info(text)

    asyncio.run(write())

    assert file.getvalue() == "".join(f"info: {text}\n" for text in texts)
    assert 1 < len(file.pieces) < len(texts)
    assert all(len(piece.encode()) <= select.PIPE_BUF and piece.endswith("\n") for piece in file.pieces)


def test_nobody_waits_for_a_reader_who_does_not_read() -> None:
    """What was said meanwhile comes when there is one again, up to a megabyte; a pipe has room for 64 KiB."""
    reading, writing = os.pipe()
    texts = [f"{number} {'x' * 900}" for number in range(200)]

    async def scenario(file: TextIO) -> bytes:
        log = StructuredLog(file)
        for text in texts:
            log.info(text)
            await asyncio.sleep(0)
        log.info("end")
        octets = b""
        os.set_blocking(reading, False)
        while not octets.endswith(b"info: end\n"):
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                octets += os.read(reading, 1 << 20)
        return octets

    with os.fdopen(writing, "w") as file:
        octets = asyncio.run(scenario(file))
    os.close(reading)
    assert octets.decode() == "".join(f"info: {text}\n" for text in [*texts, "end"])
