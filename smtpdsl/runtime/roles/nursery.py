"""The nursery: a small process of root that starts the SMTP processes, and starts them again.

    queue ──link, channel──▶ nursery ──fork──▶ smtp ──setresuid──▶ no rights at all

It is forked off before the server reads any key from a file and has anything open, and so has nothing but
the program in its memory, which all its children share.  It has one thread, listens nowhere, and reads
nothing but descriptors.  When the queue process is gone, it ends.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from smtpdsl.runtime.process_name import name_process
from smtpdsl.runtime.roles.smtp_process import Setting, serve

# A request is one octet, and the descriptors that come with it: the link and the channel of the new process.
_REQUEST = b"!"
_DESCRIPTORS = 2
_STANDARD_INPUT = 0
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Nursery:
    """The nursery as the queue process sees it; made by `start_nursery`."""

    def __init__(self, pid: int, control: socket.socket, count: int) -> None:
        """Ask the process *pid* over *control*, for *count* processes."""
        self._pid = pid
        self._control = control
        self.count = count

    def watch(self, lost: Callable[[], None]) -> None:
        """Call *lost* when it is dead; it never says anything, so there is nothing to read before."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.remove_reader(self._control)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG)
            lost()

        loop.add_reader(self._control, tell)

    def start(self, link: socket.socket, channel: socket.socket) -> None:
        """Ask for an SMTP process that gets *link* and *channel*; should it not come, their other ends tell.

        Raises:
            OSError: The nursery is dead.
        """
        socket.send_fds(self._control, [_REQUEST], [link.fileno(), channel.fileno()], socket.MSG_NOSIGNAL)

    def close(self) -> None:
        """Let it end; its children do not."""
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()


def start_nursery(setting: Setting) -> Nursery:
    """Fork the nursery off, which starts processes with *setting*; there must be no thread and no event loop yet."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # What there is now, stays: a collection in a child would write into, and so copy, all that they share.
    gc.collect()
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_nursery(theirs, setting)
    theirs.close()
    return Nursery(pid, ours, setting.processes)


def _be_nursery(control: socket.socket, setting: Setting) -> NoReturn:
    """Start a process for each request, until the queue process is gone."""
    name_process("nursery")
    for name in _IGNORED:
        signal.signal(name, signal.SIG_IGN)
    # Nobody waits for the children, and none of them is to stay as a zombie.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STANDARD_INPUT)
    os.close(nothing)
    with suppress(ConnectionError):
        while True:
            octets, descriptors, _, _ = socket.recv_fds(control, len(_REQUEST), _DESCRIPTORS)
            if not octets:
                break
            if len(descriptors) == _DESCRIPTORS and _forked() == 0:
                control.close()
                _be_smtp_process(setting, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
    os._exit(os.EX_OK)


def _forked() -> int | None:
    """Fork, and return as fork(2) does; None if there are too many processes, which the closed descriptors tell."""
    with suppress(OSError):
        return os.fork()
    return None


def _be_smtp_process(setting: Setting, link: int, channel: int) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    name_process("smtp")
    status = os.EX_SOFTWARE
    try:
        serve(setting, socket.socket(fileno=link), socket.socket(fileno=channel))
        status = os.EX_OK
    finally:
        if (error := sys.exception()) is not None:
            traceback.print_exception(error)
        os._exit(status)
