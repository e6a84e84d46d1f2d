"""The reports on TLS over the control socket: what became of it, for each domain that there was mail to.

show tls-reports {"day": "2026-03-01"}
    ──▶ {"domain": "example.com", "rua": ["mailto:tls@example.com"], "report": {"organization-name": …}}, one for each
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from smtpdsl.runtime.control.commands import Arguments, Commands, ControlError, Item


class Reports(Protocol):
    """Who has them; `RelayAgent` is one."""

    async def tls_reports(self, day: str = "") -> Sequence[Mapping[str, Any]]:
        """Return the reports of *day*, by default today; raises `ValueError` if it is none."""


def report_commands(reports: Reports) -> Commands:
    """Return the commands about *reports*."""
    return {"show tls-reports": partial(_show, reports)}


async def _show(reports: Reports, arguments: Arguments) -> AsyncIterator[Item]:
    day = arguments.text("day")
    arguments.end()
    try:
        found = await reports.tls_reports(day)
    except ValueError:
        message = f'"{day}" is no day; write one as 2026-03-01'
        raise ControlError(message, "wrong-use") from None
    for each in found:
        yield each
