"""Counts results in memory, writes them down now and then, and makes reports of them.

record ──▶ counts ──a minute later, or at the end──▶ files        no session waits for the disk
reports(day) ──▶ files ──▶ one report for each domain
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, TypeVar

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.tls_reports.files import DayFiles
from smtpdsl.runtime.tls_reports.report import make_reports
from smtpdsl.runtime.tls_reports.results import SessionResult

_WRITE_SECONDS = 60.0
# Different ones, until they are written down.
_MAX_RESULTS = 10_000

T = TypeVar("T")


class TlsReports:
    """The results of this server."""

    def __init__(self, files: DayFiles, organization: str, clock: Callable[[], float], log: Log) -> None:
        """Keep results in *files*.

        Args:
            files: The folder.
            organization: Who reports: the name of this server.
            clock: Seconds since 1970.
            log: Where is told that something could not be kept.
        """
        self._files = files
        self._organization = organization
        self._clock = clock
        self._log = log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tls-reports")
        # RFC 8460 §4.1: a day is one of UTC.
        self._counts: dict[str, Counter[SessionResult]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._full = ""

    def record(self, result: SessionResult) -> None:
        """Count *result*; what is too much is forgotten."""
        counts = self._counts.setdefault(self._today(), Counter())
        if len(counts) < _MAX_RESULTS or result in counts:
            counts[result] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_WRITE_SECONDS, self._begin_writing)

    async def reports(self, day: str = "") -> dict[str, dict[str, Any]]:
        """Return the reports of *day*, ``YYYY-MM-DD`` and by default today, as RFC 8460 §4 has them, by domain.

        Raises:
            ValueError: *day* is none.
        """
        day = date.fromisoformat(day).isoformat() if day else self._today()
        await self._write()
        counts = await self._in_thread(partial(self._files.read, day))
        return make_reports(counts, day, self._organization)

    async def close(self) -> None:
        """Write down what is only counted yet."""
        await self._write()
        await asyncio.gather(*self._writing)
        self._thread.shutdown()

    # ------------------------------------------------------------ writing

    def _begin_writing(self) -> None:
        task = asyncio.ensure_future(self._write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken, self._counts = self._counts, {}
        for day, counts in taken.items():
            try:
                is_kept = await self._in_thread(partial(self._files.add, day, counts))
            except OSError as error:
                self._log.warn(f"the results of TLS are not kept: {(error.strerror or str(error)).lower()}")
                continue
            if not is_kept and self._full != day:
                self._full = day
                self._log.warn(f"there are too many results of TLS on {day}: its reports will not have all of them")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
