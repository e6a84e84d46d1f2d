"""The commands of the queue where no server runs: the spool itself answers.

    ask("show queue", …)  ──▶ pages of the spool
    ask("remove", …)      ──▶ the spool, locked, changed, and released
    ask("show stats", …)  ──▶ there is no server that could say

Root does none of this as root: a spool belongs to an account without rights.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeAlias

from smtpdsl.runtime.control.commands import ControlError, Item, answer
from smtpdsl.runtime.control.queue_commands import FindRoute, queue_commands
from smtpdsl.runtime.delivery.identity import IdentityError, change_to
from smtpdsl.runtime.late_imports import CIPHERS, CODECS, import_late
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.administration import Administration
from smtpdsl.runtime.queue.changing import Deed
from smtpdsl.runtime.queue.closed_spool import changing, reading
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.sealing.seals import Seals

_Opened: TypeAlias = Callable[[Path, Seals, Log, Callable[[], float]], AbstractAsyncContextManager[Administration]]

_CHANGES = frozenset(deed.value for deed in Deed)
_READS = frozenset({"show queue", "show envelope", "show message", "show keys"})


class OfflineQueue:
    """A spool; has the face of `ControlClient`."""

    def __init__(self, path: Path, seals: Seals, find_route: FindRoute, log: Log) -> None:
        """Open nothing yet; *seals* and *find_route* are those of the configuration, as far as it is known."""
        self._path = path
        self._seals = seals
        self._find_route = find_route
        self._log = log

    def ask(self, command: str, arguments: Mapping[str, object]) -> Iterator[Item]:
        """Yield what the spool answers to *command*.

        Raises:
            ControlError: It cannot be done.
        """
        try:
            if command in _READS:
                yield from self._answer(reading, command, arguments)
            elif command in _CHANGES:
                yield from self._answer(changing, command, arguments)
            else:
                message = f"no server is running, so there is nobody to ask for `{command}`"
                raise ControlError(message, "no-server")
        except SpoolError as error:
            raise ControlError(str(error)) from None

    def _answer(self, opened: _Opened, command: str, arguments: Mapping[str, object]) -> Iterator[Item]:
        """Go on with the event loop whenever somebody wants the next item."""
        with asyncio.Runner() as runner:
            context = opened(self._path, self._seals, self._log, time.time)
            administration = runner.run(_begin(context))
            try:
                items = answer(queue_commands(administration, self._find_route), command, arguments)
                while (item := runner.run(_next(items))) is not None:
                    yield item
            finally:
                runner.run(_end(context))


async def _begin(context: AbstractAsyncContextManager[Administration]) -> Administration:
    return await context.__aenter__()


async def _next(items: AsyncIterator[Item]) -> Item | None:
    return await anext(items, None)


async def _end(context: AbstractAsyncContextManager[Administration]) -> None:
    await context.__aexit__(None, None, None)


def become_owner(path: Path) -> None:
    """Give up root for whoever has the spool *path*: what is in there may be a trap for root.

    Raises:
        SpoolError: Root cannot be given up, or the spool is not there.
    """
    try:
        owner = path.stat()
        if os.geteuid() != 0 or owner.st_uid == 0:
            return
        import_late((*CODECS, *CIPHERS))
        change_to("the owner of the spool", owner.st_uid, owner.st_gid, [])
    except OSError as error:
        raise SpoolError.of(path, error) from error
    except IdentityError as error:
        message = f"the spool {path} cannot be read: {error}"
        raise SpoolError(message) from None
