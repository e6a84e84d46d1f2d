"""Log lines: one event a line, as log tools of OpenSMTPD know them, or as JSON.

    8bb2c1a500000001 smtp connected address=127.0.0.1 host=<unknown>
    8bb2c1a500000001 smtp message msgid=5f1e02aa size=512 nrcpt=1 proto=ESMTP
    info: listening on 127.0.0.1 port 2525

Whatever a client, a peer or a program has said becomes printable before it is written:
a line of the log is always one line.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

# The values that log tools expect in quotes, by event; the others have them only if they are more than one word.
_QUOTED = {
    "smtp failed-command": frozenset({"command", "result", "filter", "why"}),
    "smtp bad-input": frozenset({"result"}),
    "smtp cert-check": frozenset({"result", "fingerprint"}),
    "smtp filter": frozenset({"filter", "text"}),
    "mta cert-check": frozenset({"result", "fingerprint"}),
    "mta delivery": frozenset({"source", "relay", "result", "stat"}),
}


class Log(Protocol):
    """Where the parts of the server report to."""

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Report the event *name* of a session, with its values in order; *subject* is the session's identifier."""

    def info(self, text: str) -> None:
        """Report what an administrator may want to know; one sentence."""

    def warn(self, text: str) -> None:
        """Report what an administrator should look at; one sentence."""


def printable(text: str) -> str:
    r"""Return *text* with what no terminal should see written out, as vis(3) does: a newline is ``\n``."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(each if each.isprintable() and each != "\\" else _written_out(each) for each in text)


def _written_out(character: str) -> str:
    # Backslash, control characters, lone surrogates (octets that were no UTF-8), and blanks that look like others.
    return character.encode("unicode_escape").decode("ascii")


class _Lines:
    """A file whose lines are written together, once for each turn of the event loop; at once where there is none."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: list[str] = []
        self._is_due = False

    def write(self, line: str) -> None:
        self._lines.append(line)

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_out()
            return
        if not self._is_due:
            loop.call_soon(self._write_out)
            self._is_due = True

    def _write_out(self) -> None:
        self._is_due = False
        lines, self._lines = self._lines, []
        # On a full disk, or in a pipe that nobody reads any more, the line is lost.  Were it told as a fault, that
        # would be the next line, and the server would do nothing else.
        with suppress(OSError):
            self._file.write("".join(lines))
            self._file.flush()


class StructuredLog:
    """The log of a running server."""

    def __init__(self, file: TextIO | None = None, *, as_json: bool = False) -> None:
        """Write to *file*, by default to standard error."""
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        as_object: list[Processor] = [_flat, stamp, structlog.processors.JSONRenderer()]
        as_text: list[Processor] = [_line]
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(cast("TextIO", _Lines(file or sys.stderr))),
            processors=as_object if as_json else as_text,
            wrapper_class=structlog.BoundLoggerBase,
        )
        # The one method of a bound logger that takes an event as it is.
        self._write = self._logger._proxy_to_logger  # noqa: SLF001 - what structlog's own wrappers are made of

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Write one line: the subject, the name of the event, and its values."""
        self._write("msg", name, subject=subject, values=values)

    def info(self, text: str) -> None:
        """Write one line, marked as information."""
        self._write("msg", text, level="info")

    def warn(self, text: str) -> None:
        """Write one line, marked as a warning."""
        self._write("msg", text, level="warn")


def _flat(logger: object, method: str, event: EventDict) -> EventDict:
    """Put the values of an event beside its name; what JSON has no type for becomes text."""
    del logger, method
    values = event.pop("values", {})
    plain = {name: value if isinstance(value, (int, float)) else str(value) for name, value in values.items()}
    return {**event, **plain}


def _line(logger: object, method: str, event: EventDict) -> str:
    """Render an event as OpenSMTPD writes it."""
    del logger, method
    text = event["event"]
    if "level" in event:
        return f"{event['level']}: {printable(text)}"
    quoted = _QUOTED.get(text, frozenset())
    words = [f"{name}={_value(value, is_quoted=name in quoted)}" for name, value in event["values"].items()]
    return " ".join([event["subject"], text, *words])


def _value(value: object, *, is_quoted: bool) -> str:
    text = printable(str(value))
    # Whoever chooses a value, such as a login, must not be able to write another one behind it.
    return '"' + text.replace('"', '\\"') + '"' if is_quoted or " " in text or '"' in text else text
