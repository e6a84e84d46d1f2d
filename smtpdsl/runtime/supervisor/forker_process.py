"""The forker as the server sees it: how it is started, asked and ended."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import smtpdsl
from smtpdsl.runtime.credentials.pam_library import library_folder
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forker import REQUEST

# Isolated from the environment and from the current folder.  What is ours comes after the standard library, so that
# nothing that happens to lie beside us is taken for a part of it.
_ISOLATED = ("-I", "-S", "-X", "utf8")
_PROGRAM = """\
import sys
sys.path.extend(sys.argv[2:])
from smtpdsl.runtime.supervisor.forker import main
main(int(sys.argv[1]))
"""
# Longer than the forker waits for its children.
_LAST_WAIT_SECONDS = 15.0


class ForkerProcess:
    """The forker; made by `start_forker`."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        """Know it by its *process*, and ask it over *control*."""
        self._process = process
        self._control = control
        # One at a time waits until there is room for a request.
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def fork(self, descriptors: Sequence[int]) -> None:
        """Ask for a process that gets *descriptors*: a connection, and perhaps a file.

        Raises:
            OSError: It is dead.
        """
        async with self._turn:
            while True:
                with suppress(BlockingIOError):
                    socket.send_fds(self._control, [REQUEST], descriptors)
                    return
                await _wait_until_writable(self._control)

    def watch(self, lost: Callable[[], None]) -> None:
        """Call *lost* when it is dead; it never says anything, so there is nothing to read before."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.remove_reader(self._control)
            lost()

        loop.add_reader(self._control, tell)

    def unwatch(self) -> None:
        """Tell nobody any more: it is to end."""
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)

    def close(self) -> None:
        """Let it end, after its children; wait for it, but not for ever."""
        self._control.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WAIT_SECONDS)


def start_forker(charter: Charter) -> ForkerProcess:
    """Start the forker, which does what *charter* has; needs no event loop, and may have threads around it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    places = [str(Path(smtpdsl.__file__).parent.parent), *filter(None, [library_folder()])]
    with theirs, tempfile.TemporaryFile() as file:
        file.write(charter.encoded())
        file.seek(0)
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, *_ISOLATED, "-c", _PROGRAM, str(theirs.fileno()), *places],
            stdin=file,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    ours.settimeout(0)
    return ForkerProcess(process, ours)


async def _wait_until_writable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    is_writable = asyncio.Event()
    loop.add_writer(connection, is_writable.set)
    try:
        await is_writable.wait()
    finally:
        loop.remove_writer(connection)
