"""The results of each day, in a file of their own; every method may block, and runs in a thread.

    SPOOL/tls-reports/2026-03-01.jsonl
        {"domain": "example.com", "policy": "sts", "lines": […], "hosts": […], "count": 3}
        {"domain": "example.com", …, "result": "certificate-expired", "host": "mx.example.com", …, "count": 1}

Lines are added, and equal ones are counted together when somebody reads them.  A line that
was cut off by a crash is passed over.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from smtpdsl.mail.tls_report import PolicyType, ResultType
from smtpdsl.runtime.tls_reports.results import AppliedPolicy, Failure, SessionResult

FOLDER = "tls-reports"
DAYS_KEPT = 14
MAX_DAY_OCTETS = 16 * 1024 * 1024
_SUFFIX = ".jsonl"


class DayFiles:
    """A folder with the files of some days."""

    def __init__(self, path: str | Path, most_octets: int = MAX_DAY_OCTETS, days: int = DAYS_KEPT) -> None:
        """Keep *days* files of *most_octets* in the folder *path*, which is made when there is something to keep."""
        self._path = Path(path)
        self._most_octets = most_octets
        self._days = days

    def add(self, day: str, counts: Mapping[SessionResult, int]) -> bool:
        """Add *counts* to the file of *day*; False if there is no room for more of that day.

        Raises:
            OSError: They cannot be kept.
        """
        self._path.mkdir(mode=0o700, exist_ok=True)
        octets = "".join(f"{json.dumps(_as_json(each, count))}\n" for each, count in counts.items()).encode("ascii")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path / f"{day}{_SUFFIX}", flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(octets) > self._most_octets:
                return False
            # After a crash the last line may have no end; its own would spoil the next one, too.
            os.write(descriptor, octets if not size else b"\n" + octets)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._remove_old()
        return True

    def read(self, day: str) -> Counter[SessionResult]:
        """Return what was kept of *day*."""
        counts: Counter[SessionResult] = Counter()
        with suppress(OSError), (self._path / f"{day}{_SUFFIX}").open("rb") as file:
            for line in file:
                with suppress(ValueError, KeyError, TypeError):
                    result, count = _from_json(json.loads(line))
                    counts[result] += count
        return counts

    def _remove_old(self) -> None:
        files = sorted(self._path.glob(f"*{_SUFFIX}"))
        for each in files[: -self._days]:
            each.unlink(missing_ok=True)


def _as_json(result: SessionResult, count: int) -> dict[str, Any]:
    policy, failure = result
    facts: dict[str, Any] = {
        "domain": policy.domain,
        "policy": policy.kind.value,
        "lines": policy.lines,
        "hosts": policy.hosts,
        "count": count,
    }
    if failure is not None:
        facts |= {**failure._asdict(), "result": failure.result.value}
    return facts


def _from_json(facts: dict[str, Any]) -> tuple[SessionResult, int]:
    policy = AppliedPolicy(
        str(facts["domain"]), PolicyType(facts["policy"]), tuple(facts["lines"]), tuple(facts["hosts"])
    )
    failure = None
    if "result" in facts:
        words = (str(facts[name]) for name in Failure._fields[1:])
        failure = Failure(ResultType(facts["result"]), *words)
    return SessionResult(policy, failure), int(facts["count"])
