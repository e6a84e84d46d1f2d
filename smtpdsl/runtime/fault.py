"""A mistake of ours, in one line of the log."""

from __future__ import annotations

from pathlib import Path


def describe_fault(error: BaseException) -> str:
    """Say what *error* is and where it was raised: ``KeyError: 'joe' in policy.py, line 88``."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    trace = error.__traceback__
    if trace is None:
        return text
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{text} in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
