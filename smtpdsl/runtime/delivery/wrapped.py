"""A delivery inside of a wrapper, which may change the message, or look at it.

    mda wrapper "spam" "spamc | %{mda}"
    action "in" maildir junk wrapper "spam"

    message ──▶ /bin/sh -c 'spamc | cat >FILE' ──▶ what is in FILE now ──▶ the maildir

So the wrapper never runs anything of the server's, and what it passes on is delivered when
it has ended well.  The file is one that nobody but the user can look at.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from smtpdsl.ir.format_string import PLACE
from smtpdsl.runtime.delivery.command import run_command
from smtpdsl.runtime.delivery.content import OpenContent, open_spooled
from smtpdsl.runtime.delivery.outcomes import temporary
from smtpdsl.runtime.interfaces import CommandWork, Outcome, Result, WrappedWork


def run_wrapped(
    work: WrappedWork,
    home: str,
    message: Iterator[bytes],
    time_limit: float,
    stop: int,
    deliver: Callable[[OpenContent], Outcome],
) -> Outcome:
    """Run the wrapper of *work* with *message*, and *deliver* what it passes on.

    Args:
        work: The wrapper and its whole environment.
        home: The folder it runs in.
        message: What it reads.
        time_limit: After this many seconds the wrapper is killed.
        stop: Readable as soon as nobody wants the outcome any more; then the wrapper is killed.
        deliver: Takes what the wrapper has passed on.

    Returns:
        What the exit status of the wrapper says, or what becomes of the delivery.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="smtpdsl-") as folder:
            passed_on = Path(folder, "message")
            # A file that cannot be written is no reason to refuse the message.
            command = work.command.replace(PLACE, f"cat >{passed_on} || exit {os.EX_TEMPFAIL}")
            outcome = run_command(CommandWork(command, work.environment), home, message, time_limit, stop)
            return outcome if outcome.result is not Result.OK else _deliver(passed_on, deliver)
    except OSError as error:
        return temporary(f"the message cannot be kept for the wrapper: {error.strerror}")


def _deliver(passed_on: Path, deliver: Callable[[OpenContent], Outcome]) -> Outcome:
    size = passed_on.stat().st_size if passed_on.exists() else 0
    if not size:
        # In `filter | deliver` with a broken filter an empty message would take the place of the one that came.
        return temporary("the wrapper has passed on nothing")
    file = open_spooled(str(passed_on))
    try:
        return deliver(OpenContent(size, descriptor=file))
    finally:
        os.close(file)
