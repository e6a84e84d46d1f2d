"""Answers to the questions of the server, in a process that was forked for them.

    question ──is it in the charter?──▶ read, check ──▶ answer
                 └─ no ──▶ "refused"

Whoever asks may have been taken over.  So paths come from the charter and accounts from the
system; of a file is told what the charter names, and of a password whether it is right.
"""

from __future__ import annotations

import os
import stat

from smtpdsl.ir.members import Account
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.credentials.system_passwords import system_check
from smtpdsl.runtime.forward import read_forward
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.questions import (
    MAX_FILE_OCTETS,
    RIGHT,
    SAME_FILE,
    WRONG,
    Answer,
    CheckPassword,
    FileState,
    ReadFile,
    forward_answer,
    refused,
)
from smtpdsl.runtime.system_account import system_account

_ROOT = 0
# A file may be a link, as those of certificates often are; nobody waits for what is no file.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def answer_forward(identity: Identity, charter: Charter) -> Answer:
    """Read the ``.forward`` of *identity*, which the charter has and this process is, unless it is root's."""
    home = identity.home.removeprefix(charter.root)
    account = Account(name=identity.name, uid=identity.uid, gid=identity.gid, home=home)
    # This process is nobody but that user, and still root's files are not the user's.
    found = read_forward(account, charter.locate, is_test_bed=bool(charter.root), is_own=False) if home else None
    return forward_answer(found)


def answer_file(question: ReadFile, charter: Charter) -> Answer:
    """Read a file of the charter."""
    if not 0 <= question.number < len(charter.files):
        return refused("the charter has no such file")
    try:
        descriptor = os.open(charter.files[question.number], _FLAGS)
        try:
            return _content(descriptor, question.known)
        finally:
            os.close(descriptor)
    except OSError as error:
        return refused((error.strerror or str(error)).lower())


def _content(descriptor: int, known: FileState | None) -> Answer:
    status = os.fstat(descriptor)
    state = FileState.of(status)
    if not stat.S_ISREG(status.st_mode):
        return refused("it is no regular file")
    if status.st_size > MAX_FILE_OCTETS:
        return refused(f"it has {status.st_size} octets, and the limit is {MAX_FILE_OCTETS}")
    if state == known:
        return SAME_FILE
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return Answer("file", tuple(state), file.read(MAX_FILE_OCTETS))


def answer_password(question: CheckPassword, charter: Charter) -> Answer:
    """Check a password of an account of the system; it may take seconds."""
    if not charter.checks_passwords:
        return refused("the charter has no accounts of the system")
    account = system_account(question.login)
    if account is not None and account.uid == _ROOT:
        # Whoever has taken the server over must not be able to try passwords of root's here.
        return WRONG
    try:
        return RIGHT if system_check()(question.login, question.password.reveal()) else WRONG
    except CheckError as error:
        return refused(str(error))
