"""Keys and certificates that only root can read, for a server that is root no more.

    /etc/ssl/private/mail.key ──while root──▶ octets in memory ──▶ the TLS library
                 │ renewed                       ▲ put in their place
                 └──asked for, now and then──────┘

It is asked for when somebody wants to know whether it has changed, who is told what is known by
then; and every minute, so that the first client of a quiet server is not shown what has expired.
A file that cannot be read any more stays as it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from smtpdsl.runtime.net.tls_files import OWN_FILES
from smtpdsl.runtime.supervisor.asking import Root
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.questions import Answer, AnswerError, FileState, ReadFile, file_of

# Each question is a process that begins and ends.
_LEAST_SECONDS = 1.0
_QUIET_SECONDS = 60.0


class _Held(NamedTuple):
    state: FileState
    octets: bytes


class HeldFiles:
    """Implements `Files`: those of a charter from memory, others from the disk."""

    def __init__(self, charter: Charter, paths: Iterable[str]) -> None:
        """Read *paths*, as the configuration writes them; what cannot be read is left to whoever needs it."""
        self._charter = charter
        self._held: dict[str, _Held] = {}
        self._is_wanted = asyncio.Event()
        for path in paths:
            self._hold(_place(charter.locate(path)))

    def state(self, path: str) -> object:
        """Return what differs when the file is another, or has changed."""
        held = self._held.get(_place(path))
        self._is_wanted.set()
        return held.state if held is not None else OWN_FILES.state(path)

    def read(self, path: str) -> bytes:
        """Return what the file holds.

        Raises:
            OSError: It cannot be read.
        """
        held = self._held.get(_place(path))
        return held.octets if held is not None else OWN_FILES.read(path)

    def _hold(self, place: str) -> None:
        try:
            with open(place, "rb") as file:  # noqa: PTH123 - the path is one already
                self._held[place] = _Held(FileState.of(os.fstat(file.fileno())), file.read())
        except OSError:
            return

    async def watch(self, root: Root, warn: Callable[[str], None]) -> None:
        """Ask *root* again and again, for as long as somebody runs this; *warn* is told of trouble, once."""
        is_failing = False
        while self._held:
            await asyncio.sleep(_LEAST_SECONDS)
            # Not `wait_for`, which may lose a cancellation (Python 3.11).
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_SECONDS):
                    await self._is_wanted.wait()
            self._is_wanted.clear()
            questions = [ReadFile(self._charter.files.index(place), held.state) for place, held in self._held.items()]
            try:
                self._renew(await root.ask_all(questions))
            except AnswerError as error:
                if not is_failing:
                    warn(f"cannot ask whether certificates have changed: {error}")
                is_failing = True
            else:
                is_failing = False

    def _renew(self, answers: list[Answer]) -> None:
        """Put what has changed in the place of what was, all at once: a key belongs to its certificate."""
        for place, answer in zip(tuple(self._held), answers, strict=True):
            try:
                found = file_of(answer)
            except AnswerError:
                # It is not there just now; whoever renews it is about to put it there.
                continue
            if found is not None:
                self._held[place] = _Held(*found)


def _place(path: str) -> str:
    """Return *path* as the charter has it."""
    return os.path.abspath(path)  # noqa: PTH100 - no path is built
