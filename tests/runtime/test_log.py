"""A line of the log is one line, and what somebody else has said is one value of it."""

from __future__ import annotations

import asyncio
import errno
import io
import json

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


class Written(io.StringIO):
    """Counts how often something is written."""

    times = 0

    def write(self, text: str) -> int:
        """Write, and count."""
        self.times += 1
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
        assert (file.getvalue(), file.times) == ("info: one\nwarn: two\n", 1)
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
