"""A server of ours as a process of its own, and what is needed to talk to it."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import IO, Any

from tests.peers import ROOT
from tests.ports import reserve_port

# What the server says last before it serves.
READY = "info: ready"
_PATIENCE_SECONDS = 60
# Those that run, so that a test that fails leaves none behind.
_RUNNING: set[Server] = set()


class Server:
    """``smtpdsl run`` in a folder of its own: the configuration, and a root with spool and mailboxes."""

    def __init__(
        self,
        folder: Path,
        configuration: str,
        *,
        port: int | None = None,
        popen: Callable[..., subprocess.Popen[str]] = subprocess.Popen,
    ) -> None:
        """Write *configuration*, in which ``PORT`` stands for the port, into *folder*; *popen* starts processes."""
        self._popen = popen
        self.port = port or reserve_port()
        self.folder = folder
        self.root = folder / "root"
        self.file = folder / "smtpd.conf"
        self.lines: list[str] = []
        self._changed = Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self._clients = 0
        self.root.mkdir(exist_ok=True)
        self.file.write_text(configuration.replace("PORT", str(self.port)))

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "smtpdsl", "run", "--root", "root", *arguments, str(self.file)]

    @property
    def _surroundings(self) -> dict[str, Any]:
        # In its folder, with a relative root, as people type it.
        return {"cwd": self.folder, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "text": True}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start it where it cannot serve, and return what it said when it has ended."""
        command = self._command(arguments)
        return subprocess.run(
            command, capture_output=True, check=False, timeout=_PATIENCE_SECONDS, **self._surroundings
        )

    def start(self, *arguments: str) -> None:
        """Start it, and return when it is ready; what it says otherwise fails the test."""
        self.lines.clear()
        self._process = self._popen(self._command(arguments), stderr=subprocess.PIPE, **self._surroundings)
        _RUNNING.add(self)
        assert self._process.stderr is not None, "a pipe"
        if not self._read_until_ready(self._process.stderr):
            self._process.wait(_PATIENCE_SECONDS)
            self._process.stderr.close()
            self._process = None
            _RUNNING.discard(self)
            message = "the server did not start: " + "".join(self.lines)
            raise AssertionError(message)
        # Somebody has to read the log, or the server would wait for room in the pipe.
        self._reader = Thread(target=self._read_on, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    def _read_until_ready(self, log: IO[str]) -> bool:
        for line in log:
            self.lines.append(line)
            if line.startswith(READY):
                return True
        return False

    def _read_on(self, log: IO[str]) -> None:
        with log:
            for line in log:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "it has been started"
        return self._process.pid

    def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, and return its exit status when it has."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        _RUNNING.discard(self)
        if process is None:
            return 0
        process.send_signal(number)
        status = process.wait(_PATIENCE_SECONDS)
        assert self._reader is not None, "it was started with the server"
        self._reader.join(_PATIENCE_SECONDS)
        return status

    def client(self) -> smtplib.SMTP:
        """Connect to it."""
        self._clients += 1
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=_PATIENCE_SECONDS)

    def log_lines(self, words: str) -> list[str]:
        """Return the lines of the log so far that contain *words*."""
        return [line for line in tuple(self.lines) if words in line]

    def wait_for(self, words: str, *, count: int = 1) -> list[str]:
        """Return the lines of the log that contain *words*, when there are *count* of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.log_lines(words)) >= count, _PATIENCE_SECONDS)
            found = self.log_lines(words)
        assert len(found) >= count, f'not {count} lines with "{words}" in {"".join(self.lines)}'
        return found

    def forget(self) -> None:
        """Forget what was logged, when each `client` has left: the next test of this server has lines of its own."""
        with self._changed:
            self._changed.wait_for(self._all_have_left, _PATIENCE_SECONDS)
            assert self._all_have_left(), f"sessions have not ended: {''.join(self.lines)}"
            self.lines.clear()
            self._clients = 0

    def _all_have_left(self) -> bool:
        begun, ended = (len(self.log_lines(f" smtp {what} ")) for what in ("connected", "disconnected"))
        return begun == ended >= self._clients


def all_running() -> frozenset[Server]:
    """Return those that run."""
    return frozenset(_RUNNING)


def kill_all(*, but: frozenset[Server] = frozenset()) -> None:
    """Kill what still runs, *but* those that others need."""
    for server in _RUNNING - but:
        server.kill()


@contextmanager
def running(folder: Path, configuration: str, *arguments: str) -> Iterator[Server]:
    """Serve *configuration* as long as the block lasts."""
    server = Server(folder, configuration)
    server.start(*arguments)
    try:
        yield server
    finally:
        server.stop()
