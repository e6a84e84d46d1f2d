"""Run a command that gets a message, with the rights of this process.

    prefix, content ──pipe──▶ /bin/sh -c COMMAND ──pipe──▶ the last of what it prints
                              a process group of its own, which ends with its shell

The shell's end is the command's end: nobody waits for what it leaves behind, and nothing
of it stays in its process group; a daemon has its own.  Needs Linux 5.3 (pidfd_open).

"Exited prematurely", and to be tried again, is a command that is content although

- it closed its input before everything was written, as OpenSMTPD has it, or
- it read nothing at all: in ``filter | deliver`` with a broken filter the second one would
  deliver an empty message and be content.

Who reads the header and no more (vacation(1) does) is believed, as far as the rest fits
into the pipe.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from enum import Enum, auto
from typing import IO

from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.delivery.environment import SHELL
from smtpdsl.runtime.delivery.exit_status import outcome_of
from smtpdsl.runtime.delivery.identity import UMASK
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import CommandWork, Outcome, Result

# Of what a command prints, this much is kept: the end of it.
_MAX_PRINTED_OCTETS = 4096
_CHUNK_OCTETS = 64 * 1024
# A killed process ends at once, unless the kernel holds it back, or it has become somebody else.
_REAP_SECONDS = 5.0


class _Ending(Enum):
    """Why a command is no longer waited for."""

    EXITED = auto()
    TIMED_OUT = auto()
    STOPPED = auto()


def run_command(work: CommandWork, home: str, message: Iterator[bytes], time_limit: float, stop: int) -> Outcome:
    """Run the command of *work*, give it *message*, and say what came of it.

    Args:
        work: The command and its whole environment.
        home: The folder it runs in; ``/`` if that cannot be entered.
        message: The octets of its standard input, piece by piece.
        time_limit: After this many seconds it is killed.
        stop: Readable as soon as nobody wants the outcome any more; then it is killed.

    Returns:
        Delivered, or what the exit status says.
    """
    try:
        with ExitStack() as stack:
            run = _Run(stack, work, home, message)
            ending = run.converse(time.monotonic() + time_limit, stop)
            exit_status = run.end()
    except ContentError as error:
        return temporary(str(error))
    except (OSError, ValueError) as error:
        # ValueError: a NUL in the command or in its environment.
        return temporary(f"cannot run the command: {error}")
    match ending:
        case _Ending.TIMED_OUT:
            return temporary(run.last_line(), meaning=f"killed after {time_limit:g} seconds")
        case _Ending.STOPPED:
            return temporary(run.last_line(), meaning="killed because the server stops")
    outcome = outcome_of(exit_status, run.last_line())
    if outcome.result is Result.OK and not run.is_input_taken:
        return temporary(run.last_line(), meaning="exited prematurely")
    return outcome


class _Run:
    """A command that runs, and the octets that flow to it and from it."""

    def __init__(self, stack: ExitStack, work: CommandWork, home: str, message: Iterator[bytes]) -> None:
        """Start it; *stack* ends it, and gives back what it holds."""
        self.is_input_taken = False
        self._message = message
        self._pending: memoryview | None = memoryview(b"")
        self._written = 0
        self._printed = b""
        # The far end of its input, held when everything is written: shows what it has not read.
        self._unread: int | None = None
        self._stack = stack
        self._selector = stack.enter_context(selectors.PollSelector())
        self._process = _start(work, home)
        stack.callback(self._kill)
        assert self._process.stdin, "it was started with pipes"
        assert self._process.stdout, "it was started with pipes"
        self._input = stack.enter_context(self._process.stdin)
        self._output = stack.enter_context(self._process.stdout)
        for file, event in ((self._input, selectors.EVENT_WRITE), (self._output, selectors.EVENT_READ)):
            os.set_blocking(file.fileno(), False)
            self._selector.register(file, event)

    # ------------------------------------------------------------ while it runs

    def converse(self, deadline: float, stop: int) -> _Ending:
        """Feed it and listen to it until it exits, *stop* is readable or the clock is at *deadline*."""
        exited = os.pidfd_open(self._process.pid)
        self._stack.callback(os.close, exited)
        self._selector.register(exited, selectors.EVENT_READ)
        self._selector.register(stop, selectors.EVENT_READ)
        while (seconds := deadline - time.monotonic()) > 0:
            ready = {key.fileobj for key, _ in self._selector.select(seconds)}
            if exited in ready:
                return _Ending.EXITED
            if stop in ready:
                return _Ending.STOPPED
            if self._output in ready:
                self._listen()
            if self._input in ready:
                self._feed()
        return _Ending.TIMED_OUT

    def _feed(self) -> None:
        """Write as much as the pipe takes.

        A message that fits into the pipe is there as a whole before anybody reads any of it:
        what becomes of it does not depend on who is quicker.
        """
        try:
            while self._pending is not None:
                while self._pending:
                    written = os.write(self._input.fileno(), self._pending)
                    self._written += written
                    self._pending = self._pending[written:]
                self._pending = self._next_piece()
        except BlockingIOError:
            return
        except BrokenPipeError:
            # It does not want the rest; whether it is content shows at its end.
            self._close(self._input)
            return
        self._finish_input()

    def _next_piece(self) -> memoryview | None:
        octets = next(self._message, None)
        return None if octets is None else memoryview(octets)

    def _finish_input(self) -> None:
        """Let it read the end of its input."""
        self.is_input_taken = True
        # Without /proc nobody knows what it reads, and it is believed.
        with suppress(OSError):
            self._unread = os.open(f"/proc/self/fd/{self._input.fileno()}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._stack.callback(os.close, self._unread)
        self._close(self._input)

    def _listen(self) -> None:
        """Read some of what it prints, and keep the end of that."""
        try:
            octets = os.read(self._output.fileno(), _CHUNK_OCTETS)
        except BlockingIOError:
            return
        self._printed = (self._printed + octets)[-_MAX_PRINTED_OCTETS:]
        if not octets:
            self._close(self._output)

    def _close(self, file: IO[bytes]) -> None:
        self._selector.unregister(file)
        file.close()

    # ------------------------------------------------------------ its end

    def end(self) -> int:
        """End what still runs, and return the exit status of the shell; negative is the number of a signal."""
        exit_status = self._kill()
        if not self._output.closed:
            # What was printed last is in the pipe; who could print for ever is dead, or not waited for.
            for _ in range(0, _octets_in(self._output.fileno()), _CHUNK_OCTETS):
                self._listen()
        if self._unread is not None and _octets_in(self._unread) == self._written:
            self.is_input_taken = False
        return exit_status

    def _kill(self) -> int:
        """Kill the process group, and return the exit status of the shell."""
        if self._process.returncode is None:
            # Its shell has not been waited for, so no other group can have this number yet.
            # Who has become another user by a setuid program is out of reach.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_REAP_SECONDS)
        return self._process.returncode or 0

    def last_line(self) -> bytes:
        """Return the last line of what it has printed, blank ones aside."""
        return next(filter(None, map(bytes.strip, reversed(self._printed.split(b"\n")))), b"")


def _start(work: CommandWork, home: str) -> subprocess.Popen[bytes]:
    """Start the shell in the folder *home*, or in ``/``."""
    try:
        return _start_in(home or "/", work)
    except OSError as error:
        if error.filename != home:
            raise
        return _start_in("/", work)


def _start_in(folder: str, work: CommandWork) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the command is what the configuration says
        [SHELL, "-c", _octets(work.command)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={_octets(name): _octets(value) for name, value in work.environment},
        start_new_session=True,
        umask=UMASK,
    )


def _octets(text: str) -> bytes:
    """Return *text* as the octets it was read from, whatever the locale."""
    return text.encode("utf-8", "surrogateescape")


def _octets_in(pipe: int) -> int:
    """Return how much can be read from *pipe*."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return int(count)
