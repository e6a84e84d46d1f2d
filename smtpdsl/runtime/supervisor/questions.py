"""What the server asks of its process of root beside deliveries, and what it is told.

    ──▶  three lengths │ question as JSON │        │ password
    ◀──  two lengths   │ answer as JSON   │ octets of a file

    ReadForward     the .forward of a user, read by a process that has become the user
    ReadFile        a file of the charter, by its number, if it is not the one that is known already
    CheckPassword   of an account of the system
    RunProgram      of the charter, by its number: it gets two sockets, and ends when this connection does

The frame of a question is that of work (`wire`).  Neither side believes what has not the right form.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple, TypeAlias

from smtpdsl.ir.forward_file import FORWARD_NAME, ForwardFile, ForwardProblem
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.delivery.outcomes import one_line
from smtpdsl.runtime.interfaces import Identity

# No list and no certificate is larger.
MAX_FILE_OCTETS = 4 * 1024 * 1024
ANSWER_LENGTHS = struct.Struct("!II")
# Answer, octets.
MAX_ANSWER_LENGTHS = (64 * 1024, MAX_FILE_OCTETS)


class FileState(NamedTuple):
    """What differs when a file is another one, or has changed."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return that of a file with *status*; times are nanoseconds."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class ReadForward(NamedTuple):
    """Read the ``.forward`` of a user."""

    identity: Identity


class ReadFile(NamedTuple):
    """Read a file of the charter, unless its state is still the one that is *known*."""

    number: int
    known: FileState | None = None


class CheckPassword(NamedTuple):
    """Tell whether a password is that of an account of the system."""

    login: str
    password: Secret


class RunProgram(NamedTuple):
    """Run a program of the charter; there are two answers, that it runs and how it ended."""

    number: int


Question: TypeAlias = ReadForward | ReadFile | CheckPassword | RunProgram


class Answer(NamedTuple):
    """An answer as it travels: a word, what belongs to it, and octets."""

    word: str
    details: tuple[object, ...] = ()
    octets: bytes = b""


class AnswerError(Exception):
    """There is no answer; the text is a clause for the log."""


UNEXPECTED = "expected an answer, found something else"


# ---------------------------------------------------------------- on the side that answers

NO_FORWARD = Answer("nothing")
SAME_FILE = Answer("same")
RIGHT, WRONG = Answer("right"), Answer("wrong")
RUNNING = Answer("running")
_REFUSED = "refused"


def refused(why: str) -> Answer:
    """Answer that there is no answer."""
    return Answer(_REFUSED, (why,))


def forward_answer(found: ForwardFile | ForwardProblem | None) -> Answer:
    """Tell what was found where a ``.forward`` may be."""
    match found:
        case ForwardFile(text=text):
            return Answer("forward", (), text.encode("utf-8", "surrogateescape"))
        case ForwardProblem(why=why, is_passing=is_passing):
            return Answer("problem", (why, is_passing))
    return NO_FORWARD


def program_ended(how: str) -> Answer:
    """Tell how a program ended."""
    return Answer("ended", (how,))


# ---------------------------------------------------------------- on the side that asks


def is_refusal(answer: Answer) -> bool:
    """Whether *answer* says that there is none; whoever gave it may be gone."""
    return answer.word == _REFUSED


def forward_of(answer: Answer, home: str) -> ForwardFile | ForwardProblem | None:
    """Read what *answer* tells of the ``.forward`` in *home*, a path of the configuration.

    Raises:
        AnswerError: It tells nothing of one.
    """
    match answer:
        case Answer("forward", (), octets):
            path = f"{home.rstrip('/')}/{FORWARD_NAME}"
            return ForwardFile(path=path, text=octets.decode("utf-8", "surrogateescape"))
        case Answer("problem", (str(why), bool(is_passing)), b""):
            return ForwardProblem(why=one_line(why), is_passing=is_passing)
        case Answer("nothing", (), b""):
            return None
    raise _error(answer)


def file_of(answer: Answer) -> tuple[FileState, bytes] | None:
    """Read what *answer* tells of a file; None if it is the one that was known.

    Raises:
        AnswerError: It cannot be read, or the answer tells nothing of one.
    """
    match answer:
        case Answer("file", (int(device), int(inode), int(size), int(modified), int(changed)), octets):
            return FileState(device, inode, size, modified, changed), octets
        case Answer("same", (), b""):
            return None
    raise _error(answer)


def is_right(answer: Answer) -> bool:
    """Read whether *answer* says that a password is right.

    Raises:
        AnswerError: It says neither.
    """
    if answer == RIGHT:
        return True
    if answer == WRONG:
        return False
    raise _error(answer)


def expect_running(answer: Answer) -> None:
    """Read *answer*, which should say that a program runs.

    Raises:
        AnswerError: It does not.
    """
    if answer != RUNNING:
        raise _error(answer)


def end_of_program(answer: Answer) -> str:
    """Read how a program ended.

    Raises:
        AnswerError: The answer does not tell.
    """
    match answer:
        case Answer("ended", (str(how),), b""):
            return one_line(how)
    raise _error(answer)


def _error(answer: Answer) -> AnswerError:
    match answer:
        case Answer(word, (str(why),)) if word == _REFUSED:
            return AnswerError(one_line(why))
    return AnswerError(UNEXPECTED)
