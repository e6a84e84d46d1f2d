"""A process of root that becomes the user of a program, starts it, and watches it.

    RunProgram(2) ──in the charter?──▶ chroot ──▶ setresuid ──▶ /bin/sh -c "exec COMMAND"
    ◀── "running"                                                    │
    ◀── "ended", how ◀──────────── it ends, or the server closes its side

The program itself gets its own two sockets and nothing else.
"""

from __future__ import annotations

import os
import select
import socket

from smtpdsl.runtime.delivery.identity import IdentityError, change_to
from smtpdsl.runtime.programs.child import Child
from smtpdsl.runtime.programs.command import NOBODY_ELSE, ProgramCommand, ProgramError
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.questions import RUNNING, Answer, RunProgram, program_ended, refused
from smtpdsl.runtime.supervisor.wire import encode_answer

# A program that has read the end of its input may put its things away.
_LAST_MILLISECONDS = 1000
# Its input and output, and what it complains to.
_FILES = 2


def run_program(question: RunProgram, charter: Charter, files: list[int], server: socket.socket) -> None:
    """Run a program of *charter* between the sockets *files*, and tell *server* of its beginning and its end."""
    try:
        child = _started(question, charter, files)
    except (ProgramError, IdentityError, OSError) as error:
        server.sendall(encode_answer(refused(str(error))))
        return
    finally:
        # Theirs alone, so that who reads them learns of the end.
        while files:
            os.close(files.pop())
    server.sendall(encode_answer(RUNNING))
    server.sendall(encode_answer(_watched(child, server)))


def _started(question: RunProgram, charter: Charter, files: list[int]) -> Child:
    if not 0 <= question.number < len(charter.programs) or len(files) != _FILES:
        message = "the charter has no such program"
        raise ProgramError(message)
    command = charter.programs[question.number]
    _become(command)
    stream, errors = files
    return Child(command.command, stream, errors, dict(charter.environment))


def _become(command: ProgramCommand) -> None:
    """Become the user of *command*, in its root folder."""
    if NOBODY_ELSE in (command.uid, command.gid):
        message = f"this system does not have its user or its group ({command.user})"
        raise ProgramError(message)
    if command.chroot:
        os.chroot(command.chroot)
        os.chdir("/")
    umask = os.umask(0)
    change_to(command.user, command.uid, command.gid, [command.gid])
    # What a program makes is its own affair, and not mail of a user.
    os.umask(umask)


def _watched(child: Child, server: socket.socket) -> Answer:
    poll = select.poll()
    for each in (child.fileno(), server.fileno()):
        poll.register(each, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll()}
    if child.fileno() not in ready:
        poll.unregister(server.fileno())
        poll.poll(_LAST_MILLISECONDS)
    return program_ended(child.end())
