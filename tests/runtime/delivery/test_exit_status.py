"""Which ends of a command are for ever."""

from __future__ import annotations

import pytest

from smtpdsl.runtime.delivery.exit_status import outcome_of
from smtpdsl.runtime.interfaces import Result

TEMPORARY_STATUSES = {71, 75}
# What a shell says of a command that a signal has ended, for the signals that have a name.
SIGNALLED = {*range(129, 160), 162, 192}


@pytest.mark.parametrize("exit_status", range(256))
def test_every_exit_status_has_its_result(exit_status: int) -> None:
    """Only success is success; only what may be otherwise next time is tried again; the class agrees."""
    outcome = outcome_of(exit_status, b"")

    if exit_status == 0:
        expected = Result.OK, "2"
    elif exit_status in TEMPORARY_STATUSES | SIGNALLED:
        expected = Result.TEMPORARY, "4"
    else:
        expected = Result.PERMANENT, "5"
    assert (outcome.result, outcome.status[0]) == expected


@pytest.mark.parametrize("number", range(1, 65))
def test_every_signal_is_temporary(number: int) -> None:
    """A process that was killed has not refused the message."""
    outcome = outcome_of(-number, b"")

    assert outcome.result is Result.TEMPORARY
    assert outcome.text.startswith("Error (ended by ")


@pytest.mark.parametrize(
    ("exit_status", "said", "text", "status"),
    [
        (67, b"joe who?", 'Error (user unknown: "joe who?")', "5.1.1"),
        (75, b"", "Error (temporary failure)", "4.3.0"),
        (77, b"", "Error (permission denied)", "5.7.0"),
        (127, b"sh: 1: nosuch: not found", 'Error (command not found: "sh: 1: nosuch: not found")', "5.3.5"),
        (2, b"", "Error (exited with status 2)", "5.3.0"),
        (137, b"Killed", 'Error (ended by SIGKILL: "Killed")', "4.3.0"),
        (-40, b"", "Error (ended by signal 40)", "4.3.0"),
    ],
)
def test_the_text_says_why(exit_status: int, said: bytes, text: str, status: str) -> None:
    """The meaning of the status and the last line of the output, as log tools know them."""
    outcome = outcome_of(exit_status, said)

    assert (outcome.text, outcome.status) == (text, status)
