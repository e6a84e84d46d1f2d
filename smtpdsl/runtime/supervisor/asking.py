"""What the server has read and checked by its process of root, since it is not root itself.

.forward of a user    ──▶ a process that becomes the user
list of an alias      ──▶ a process of root, if the server may not read it
password              ──▶ a process of root
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import Protocol

from smtpdsl.ir.forward_file import FORWARD_NAME, ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.questions import (
    Answer,
    AnswerError,
    CheckPassword,
    Question,
    ReadFile,
    ReadForward,
    file_of,
    forward_of,
    is_right,
)
from smtpdsl.runtime.target_lines import target_lines


class Root(Protocol):
    """Answers what only root can, whatever the way to it."""

    async def ask(self, question: Question) -> Answer:
        """Have *question* answered.

        Raises:
            AnswerError: It is refused, or nobody answers in time.
        """

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Have *questions* answered, of one kind and about one user.

        Raises:
            AnswerError: They cannot be asked, or nobody answers in time.
        """


class AskedSources:
    """Implements `Others`."""

    def __init__(self, root: Root, charter: Charter, warn: Callable[[str], None]) -> None:
        """Ask *root* for what *charter* has; *warn* is told of a list that nobody can read."""
        self._root = root
        self._charter = charter
        self._numbers = {path: number for number, path in enumerate(charter.files)}
        self._warn = warn

    def may_have_forward(self, account: Account) -> bool:
        """Look whether anybody can see that there is nothing; most users have nothing, and a process is dear."""
        home = self._charter.locate(account.home)
        try:
            # While a home directory is sticky its file is being edited, and may be away for a moment.
            if not os.stat(home).st_mode & stat.S_ISVTX:  # noqa: PTH116 - once for each recipient
                os.lstat(f"{home}/{FORWARD_NAME}")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return True
        return True

    async def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read the ``.forward`` of a user."""
        home = self._charter.locate(account.home) if account.home else ""
        question = ReadForward(Identity(account.name, account.uid, account.gid, home))
        try:
            return forward_of(await self._root.ask(question), account.home)
        except AnswerError as error:
            return ForwardProblem(why=f"the {FORWARD_NAME} of {account.name} cannot be read now: {error}")

    def may_have_lines(self, path: str) -> bool:
        """Whether root may read the file of targets *path*; it has been tried without."""
        return self._place(path) in self._numbers

    async def lines(self, path: str) -> tuple[str, ...] | None:
        """Read a file of targets."""
        try:
            found = file_of(await self._root.ask(ReadFile(self._numbers[self._place(path)])))
        except AnswerError as error:
            self._warn(f"the list {path} cannot be read: {error}")
            return None
        return target_lines(found[1]) if found is not None else None

    def _place(self, path: str) -> str:
        return os.path.abspath(self._charter.locate(path))  # noqa: PTH100 - as the charter has it

    async def verify(self, login: str, password: Secret) -> bool:
        """Whether *password* is that of the account *login* of this system.

        Raises:
            CheckError: Nobody can tell.
        """
        try:
            return is_right(await self._root.ask(CheckPassword(login, password)))
        except AnswerError as error:
            raise CheckError(str(error)) from None
