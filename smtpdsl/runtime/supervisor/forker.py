"""The forker: a small process of root that starts the workers, processes that deliver or answer.

    server ──a connection, and perhaps a file──▶ forker ──fork──▶ worker ──setresuid──▶ the user
       └──────────────────── work ──▶ ◀── outcome ───────────────────┘

It is a Python of its own, begun by `forker_process.start_forker`, so it has nothing of the
server in its memory and none of its descriptors: no keys, no mail, no listening socket, no
lock.  It has one thread and reads nothing but the numbers of descriptors; the work itself
is read by the worker, which becomes the user before it does anything else, and for good.

What may be asked for is in the `Charter` that it got when it was started.  A worker does
nothing for anybody who is not in it, and answers no other questions; the few that only root can
answer are answered by a worker that then ends.

Should a worker die without an answer, the forker answers for it.

When the server is gone, so is the other end of every connection: commands are killed, since
nobody would learn what they did and the next server runs them again, maildirs get nothing
new, and the forker ends after its workers.
"""

from __future__ import annotations

import errno
import gc
import os
import pwd
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import NoReturn

from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.exit_status import signal_name
from smtpdsl.runtime.delivery.identity import IdentityError, become
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.delivery.work import do_work
from smtpdsl.runtime.interfaces import Content, Identity, InlineContent, LocalWork, Outcome
from smtpdsl.runtime.late_imports import CIPHERS, CODECS, import_late
from smtpdsl.runtime.process_name import name_process
from smtpdsl.runtime.supervisor.answering import answer_file, answer_forward, answer_password
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.program_worker import run_program
from smtpdsl.runtime.supervisor.questions import Answer, CheckPassword, ReadFile, ReadForward, RunProgram, refused
from smtpdsl.runtime.supervisor.wire import WireError, encode_answer, encode_outcome, receive_request

# A request is one octet, and the descriptors that come with it: a connection, and perhaps a file, or two sockets.
REQUEST = b"!"
_MAX_DESCRIPTORS = 3
# More deliveries than anybody wants at once; whoever has taken the server over is not to fill the machine.
_MAX_CHILDREN = 2048
_ROOT = 0
_STANDARD_INPUT, _STANDARD_ERROR = 0, 2
# How long children that should have noticed the end of the server are waited for.
_LAST_WAIT_SECONDS = 10.0
_NOTICED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(control: int) -> None:
    """Serve the requests that come over the socket *control*, until its other end is closed.

    What standard input has is the charter.
    """
    name_process("forker")
    charter = Charter.decoded(sys.stdin.buffer.read())
    _settle((*CODECS, *CIPHERS) if charter.opens_encrypted else CODECS)
    Forker(socket.socket(fileno=control), charter).serve()


def _settle(modules: Iterable[str]) -> None:
    """Leave behind what was inherited, import *modules*, and be ready to fork cheaply."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STANDARD_INPUT)
    os.close(nothing)
    # The end of the server is the end of its socket.  Signals that are meant for it come here too (Ctrl-C, a service
    # manager) and are not ours; handlers, other than SIG_IGN, are not inherited by commands.
    for number in _NOTICED:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # Loads what the system looks accounts up with, so that no child has to.
    with suppress(KeyError):
        os.getgrouplist(pwd.getpwuid(0).pw_name, 0)
    import_late(modules)
    # A collection in a child would write into, and so copy, all the memory that it shares with us.
    gc.disable()
    gc.freeze()


class Forker:
    """Forks for each request, and waits for its children."""

    def __init__(self, control: socket.socket, charter: Charter) -> None:
        """Take requests from *control*; what is in *charter* may be asked for."""
        self._control = control
        self._charter = charter
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
            self._fork(descriptors[0], descriptors[1:])
        return bool(octets)

    def _fork(self, connection: int, files: list[int]) -> None:
        try:
            child = self._forked()
        except OSError as error:
            _answer(connection, temporary(f"cannot fork: {error.strerror}"))
            os.close(connection)
        else:
            if child == 0:
                _be_worker(connection, files, self._charter)
            self._children[child] = connection
        for file in files:
            os.close(file)

    def _forked(self) -> int:
        """Fork, and return as fork(2) does.

        Raises:
            OSError: There are too many processes.
        """
        if len(self._children) >= _MAX_CHILDREN:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return os.fork()

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
    # Nobody has looked at what has come: it may be no socket.
    with suppress(OSError):
        server = socket.socket(fileno=connection)
        try:
            server.send(encode_outcome(outcome), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        finally:
            server.detach()


# ---------------------------------------------------------------- in the worker


def _be_worker(connection: int, files: list[int], charter: Charter) -> NoReturn:
    """Do the works that come over *connection*, all of one identity."""
    status = os.EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        _keep_only(connection, *files)
        with socket.socket(fileno=connection) as server:
            _Worker(server, charter).serve(files)
        status = os.EX_OK
    except OSError:
        # The server is gone, or has lost its patience.
        status = os.EX_IOERR
    finally:
        if (error := sys.exception()) is not None:
            traceback.print_exception(error)
        os._exit(status)


def _keep_only(*descriptors: int) -> None:
    """Close every descriptor but the standard ones and these."""
    first = _STANDARD_ERROR + 1
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _opened(content: Content, file: int | None) -> OpenContent:
    if isinstance(content, InlineContent):
        return OpenContent(content.size, content.octets)
    return OpenContent(content.size, descriptor=file, seal=content.seal)


class _Worker:
    """A process that works for one identity, or answers a question as root."""

    def __init__(self, server: socket.socket, charter: Charter) -> None:
        self._server = server
        self._charter = charter
        self._identity: Identity | None = None

    def serve(self, files: list[int]) -> None:
        """Work until the server wants no more; *files* belong to the first work or question."""
        while self._serve_one(files):
            while files:
                os.close(files.pop())
            if not self._server.recv(1, socket.MSG_PEEK):
                return

    def _serve_one(self, files: list[int]) -> bool:
        """Read a work or a question, and see to it; whether there can be another one."""
        try:
            request = receive_request(self._server, is_spooled=bool(files))
        except WireError as error:
            self._server.sendall(encode_outcome(temporary(str(error))))
            return False
        if isinstance(request, LocalWork):
            return self._do(request, files[0] if files else None)
        if isinstance(request, RunProgram):
            # This process ends with the program.
            run_program(request, self._charter, files, self._server)
            return False
        return self._answer(request)

    def _do(self, work: LocalWork, file: int | None) -> bool:
        try:
            self._become(work.identity)
        except WireError as error:
            outcome, is_sound = temporary(str(error)), False
        except IdentityError as error:
            outcome, is_sound = error.outcome, False
        else:
            content = _opened(work.content, file)
            # Its end of the connection is closed, or half of it, when the server wants no outcome any more.
            outcome, is_sound = do_work(work, content, self._server.fileno()), True
        self._server.sendall(encode_outcome(outcome))
        return is_sound

    def _answer(self, question: ReadForward | ReadFile | CheckPassword) -> bool:
        try:
            answer = self._answer_to(question)
        except (WireError, IdentityError) as error:
            answer = refused(str(error))
        self._server.sendall(encode_answer(answer))
        # As root, nothing but files of the charter is asked for twice.
        return self._identity is not None or isinstance(question, ReadFile)

    def _answer_to(self, question: ReadForward | ReadFile | CheckPassword) -> Answer:
        if isinstance(question, ReadForward):
            if question.identity.uid == _ROOT:
                # Nobody becomes root; that file is read, and this process ends.
                self._expect(question.identity)
            else:
                self._become(question.identity)
            return answer_forward(question.identity, self._charter)
        if self._identity is not None:
            expected = f"work for {self._identity.name}"
            raise WireError(expected)
        if isinstance(question, ReadFile):
            return answer_file(question, self._charter)
        return answer_password(question, self._charter)

    def _become(self, identity: Identity) -> None:
        """Become *identity*, or make sure that this process is that already."""
        self._expect(identity)
        if self._identity is None:
            become(identity)
            self._identity = identity

    def _expect(self, identity: Identity) -> None:
        """Raise unless *identity* may be worked for, by this process.

        Raises:
            WireError: It is nobody of the charter, or this process works for another one.
        """
        if self._identity is None and not self._charter.has(identity):
            expected = f"a user whom the configuration or the system has, and {identity.name} is none"
            raise WireError(expected)
        if self._identity is not None and identity != self._identity:
            expected = f"work for {self._identity.name}"
            raise WireError(expected)
