"""Log lines: one event a line, as log tools of OpenSMTPD know them, or as JSON.

    8bb2c1a500000001 smtp connected address=127.0.0.1 host=<unknown>
    8bb2c1a500000001 smtp message msgid=5f1e02aa size=512 nrcpt=1 proto=ESMTP
    info: listening on 127.0.0.1 port 2525

Whatever a client, a peer or a program has said becomes printable before it is written:
a line of the log is always one line.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol, TextIO

from structlog.processors import JSONRenderer, TimeStamper
from structlog.typing import EventDict

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


# Of the log, when nobody reads it: a megabyte; and how often it is looked whether somebody does.
_MOST_WAITING = 1024 * 1024 // select.PIPE_BUF
_PAUSE_SECONDS = 0.1


class _Lines:
    """A file whose lines are written together, once for each turn of the event loop; at once where there is none."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: list[str] = []
        self._is_due = False
        # What there was no room for, in pieces.
        self._waiting: deque[str] = deque()
        self._pipe = _pipe_of(file)

    def add(self, line: str) -> None:
        self._lines.append(line)
        if self._is_due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_out()
        else:
            loop.call_soon(self._write_out)
            self._is_due = True

    def _write_out(self) -> None:
        self._is_due = False
        self._waiting += _pieces(self._lines)
        self._lines.clear()
        try:
            while self._waiting:
                if self._pipe is not None and not self._pipe.poll(0):
                    self._wait_for_reader()
                    return
                self._file.write(self._waiting.popleft())
                self._file.flush()
        except OSError:
            # On a full disk, or in a pipe that nobody reads any more, the lines are lost.  Were it told as a fault,
            # that would be the next line, and the server would do nothing else.
            self._waiting.clear()

    def _wait_for_reader(self) -> None:
        """Keep the lines for a reader who is slow: neither mail nor the end of the server waits for it."""
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
        with suppress(RuntimeError):
            asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._write_out)
            self._is_due = True


def _pipe_of(file: TextIO) -> select.poll | None:
    """Return what tells whether *file*, if it is a pipe or a socket, has room for a piece; None if it always has."""
    try:
        descriptor = file.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Yield *lines* together, but as few that a pipe takes them whole: other processes may write to the same one."""
    piece: list[str] = []
    octets = 0
    for line in lines:
        more = len(line) + 1 if line.isascii() else len(line.encode("utf-8", "surrogatepass")) + 1
        if piece and octets + more > select.PIPE_BUF:
            yield "".join(piece)
            piece, octets = [], 0
        piece += (line, "\n")
        octets += more
    yield "".join(piece)


class StructuredLog:
    """The log of a running server."""

    def __init__(self, file: TextIO | None = None, *, as_json: bool = False) -> None:
        """Write to *file*, by default to standard error."""
        self._lines = _Lines(file or sys.stderr)
        self._form: _Form = _Json() if as_json else _Text()

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Write one line: the subject, the name of the event, and its values."""
        self._lines.add(self._form.event(subject, name, values))

    def info(self, text: str) -> None:
        """Write one line, marked as information."""
        self._lines.add(self._form.note("info", text))

    def warn(self, text: str) -> None:
        """Write one line, marked as a warning."""
        self._lines.add(self._form.note("warn", text))


# ---------------------------------------------------------------- forms of a line


class _Form(Protocol):
    def event(self, subject: str, name: str, values: Mapping[str, object]) -> str:
        """Return the line of an event."""

    def note(self, level: str, text: str) -> str:
        """Return the line of a sentence for the administrator."""


class _Json:
    """Each line is an object; what JSON has no type for becomes text."""

    def __init__(self) -> None:
        self._stamp = TimeStamper(fmt="iso", utc=True)
        self._render = JSONRenderer()

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> str:
        plain = {each: value if isinstance(value, (int, float)) else str(value) for each, value in values.items()}
        return self._line({"subject": subject, "event": name, **plain})

    def note(self, level: str, text: str) -> str:
        return self._line({"level": level, "event": text})

    def _line(self, event: EventDict) -> str:
        rendered = self._render(None, "", self._stamp(None, "", event))
        return rendered if isinstance(rendered, str) else rendered.decode()


class _Text:
    """Each line is as OpenSMTPD writes it."""

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> str:
        line = " ".join([subject, name, *[f"{each}={value!s}" for each, value in values.items()]])
        # A line without blanks that are not ours, as most are, needs one look in all, and not several at each value.
        is_plain = line.isprintable() and '"' not in line and "\\" not in line
        if is_plain and line.count(" ") == len(values) + 1 + name.count(" ") and name not in _QUOTED:
            return line
        quoted = _QUOTED.get(name, frozenset())
        words = [f"{each}={_value(value, is_quoted=each in quoted)}" for each, value in values.items()]
        return " ".join([subject, name, *words])

    def note(self, level: str, text: str) -> str:
        return f"{level}: {printable(text)}"


def _value(value: object, *, is_quoted: bool) -> str:
    text = printable(str(value))
    # Whoever chooses a value, such as a login, must not be able to write another one behind it.
    return '"' + text.replace('"', '\\"') + '"' if is_quoted or " " in text or '"' in text else text
