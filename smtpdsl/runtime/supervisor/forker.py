"""The forker: a small process of root that starts the workers, processes that deliver.

    server ──a connection, and perhaps a file──▶ forker ──fork──▶ worker ──setresuid──▶ the user
       └──────────────────── work ──▶ ◀── outcome ───────────────────┘

It is a Python of its own, begun by `forker_process.start_forker`, so it has nothing of the
server in its memory and none of its descriptors: no keys, no mail, no listening socket, no
lock.  It has one thread and reads nothing but the numbers of descriptors; the work itself
is read by the worker, which becomes the user before it does anything else, and for good.

Should a worker die without an answer, the forker answers for it.

When the server is gone, so is the other end of every connection: commands are killed, since
nobody would learn what they did and the next server runs them again, maildirs get nothing
new, and the forker ends after its workers.
"""

from __future__ import annotations

import gc
import os
import pwd
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from typing import NoReturn

from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.exit_status import signal_name
from smtpdsl.runtime.delivery.identity import IdentityError, become
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.delivery.work import do_work
from smtpdsl.runtime.interfaces import Identity, InlineContent, Outcome
from smtpdsl.runtime.supervisor.wire import WireError, encode_outcome, receive_work

# A request is one octet, and the descriptors that come with it: a connection, and perhaps a file.
REQUEST = b"!"
_MAX_DESCRIPTORS = 2
_STANDARD_ERROR = 2
# How long children that should have noticed the end of the server are waited for.
_LAST_WAIT_SECONDS = 10.0
_NOTICED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(control: int) -> None:
    """Serve the requests that come over the socket *control*, until its other end is closed."""
    _settle()
    Forker(socket.socket(fileno=control)).serve()


def _settle() -> None:
    """Leave behind what was inherited, and be ready to fork cheaply."""
    os.chdir("/")
    # The end of the server is the end of its socket.  Signals that are meant for it come here too (Ctrl-C, a service
    # manager) and are not ours; handlers, other than SIG_IGN, are not inherited by commands.
    for number in _NOTICED:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # Loads what the system looks accounts up with, so that no child has to.
    with suppress(KeyError):
        os.getgrouplist(pwd.getpwuid(0).pw_name, 0)
    # A collection in a child would write into, and so copy, all the memory that it shares with us.
    gc.disable()
    gc.freeze()


class Forker:
    """Forks for each request, and waits for its children."""

    def __init__(self, control: socket.socket) -> None:
        """Take requests from *control*."""
        self._control = control
        # The connection of each worker, by its process number: to answer in its place.
        self._children: dict[int, int] = {}
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def serve(self) -> None:
        """Serve until the server closes the connection, then wait for the children."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        is_serving = True
        while is_serving:
            ready = {descriptor for descriptor, _ in poll.poll()}
            self._reap()
            if self._control.fileno() in ready:
                is_serving = self._take_request()
        poll.unregister(self._control)
        self._control.close()
        self._end(poll)

    def _take_request(self) -> bool:
        """Fork for one request; whether the server is still there."""
        try:
            octets, descriptors, _, _ = socket.recv_fds(self._control, len(REQUEST), _MAX_DESCRIPTORS)
        except ConnectionError:
            return False
        if descriptors:
            self._fork(descriptors[0], descriptors[1] if len(descriptors) > 1 else None)
        return bool(octets)

    def _fork(self, connection: int, file: int | None) -> None:
        try:
            child = os.fork()
        except OSError as error:
            _answer(connection, temporary(f"cannot fork: {error.strerror}"))
            os.close(connection)
        else:
            if child == 0:
                _be_worker(connection, file)
            self._children[child] = connection
        if file is not None:
            os.close(file)

    def _reap(self) -> None:
        """Take note of children that have ended."""
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            connection = self._children.pop(child)
            if status:
                _answer(connection, temporary(f"the delivering process {_ending(status)}"))
            os.close(connection)

    def _end(self, poll: select.poll) -> None:
        """Wait for the children, but not for ever."""
        deadline = time.monotonic() + _LAST_WAIT_SECONDS
        self._reap()
        while self._children and (seconds := deadline - time.monotonic()) > 0:
            poll.poll(seconds * 1000)
            self._reap()
        for child in self._children:
            os.kill(child, signal.SIGKILL)


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was ended by {signal_name(-code)}" if code < 0 else f"failed with status {code}"


def _answer(connection: int, outcome: Outcome) -> None:
    """Send *outcome* over *connection*, if somebody still listens and without waiting for it."""
    duplicate = socket.socket(fileno=os.dup(connection))
    with duplicate, suppress(OSError):
        duplicate.send(encode_outcome(outcome), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


# ---------------------------------------------------------------- in the worker


def _be_worker(connection: int, file: int | None) -> NoReturn:
    """Do the works that come over *connection*, all of one identity."""
    status = os.EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        _keep_only(connection, file)
        with socket.socket(fileno=connection) as server:
            _Worker(server).serve(file)
        status = os.EX_OK
    except OSError:
        # The server is gone, or has lost its patience.
        status = os.EX_IOERR
    finally:
        if (error := sys.exception()) is not None:
            traceback.print_exception(error)
        os._exit(status)


def _keep_only(connection: int, file: int | None) -> None:
    """Close every descriptor but the standard ones and these two."""
    first = _STANDARD_ERROR + 1
    for kept in sorted({connection, connection if file is None else file}):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


class _Worker:
    """A process that does work for one identity."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._identity: Identity | None = None

    def serve(self, file: int | None) -> None:
        """Work until the server wants no more; *file* has the content of the first work."""
        while self._answer(file):
            if file is not None:
                os.close(file)
                file = None
            if not self._server.recv(1, socket.MSG_PEEK):
                return

    def _answer(self, file: int | None) -> bool:
        """Read a work, do it, and tell the outcome; whether there can be another one."""
        try:
            work = receive_work(self._server, is_spooled=file is not None)
            self._become(work.identity)
        except WireError as error:
            outcome, is_sound = temporary(str(error)), False
        except IdentityError as error:
            outcome, is_sound = error.outcome, False
        else:
            octets = work.content.octets if isinstance(work.content, InlineContent) else b""
            content = OpenContent(work.content.size, octets, file)
            # Its end of the connection is closed, or half of it, when the server wants no outcome any more.
            outcome, is_sound = do_work(work, content, self._server.fileno()), True
        self._server.sendall(encode_outcome(outcome))
        return is_sound

    def _become(self, identity: Identity) -> None:
        """Become *identity*, or make sure that this process is that already."""
        if self._identity is None:
            become(identity)
            self._identity = identity
        elif identity != self._identity:
            expected = f"work for {self._identity.name}"
            raise WireError(expected)
