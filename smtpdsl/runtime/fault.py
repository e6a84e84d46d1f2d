"""A mistake of ours, in one line of the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from smtpdsl.runtime.log import Log


def describe_fault(error: BaseException) -> str:
    """Say what *error* is and where it was raised: ``KeyError: 'joe' in policy.py, line 88``."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    trace = error.__traceback__
    if trace is None:
        return text
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{text} in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"


def report_faults(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Report to *log* what nobody on *loop* has caught: it costs one session and is no reason to stop."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        what = describe_fault(error) if isinstance(error, BaseException) else str(context.get("message"))
        log.warn(f"fault: {what}")

    loop.set_exception_handler(report)
