"""What the end of a command means for the message it was given.

0                        delivered
71 (OSERR), 75 (TEMPFAIL), a signal     another time
anything else            never
"""

from __future__ import annotations

import signal
from typing import NamedTuple

from smtpdsl.runtime.delivery.outcomes import DELIVERED, permanent, temporary
from smtpdsl.runtime.interfaces import Outcome


class _Meaning(NamedTuple):
    """An exit status: what it says, and its RFC 3463 status without the class."""

    text: str
    status: str = "3.0"


# sysexits(3), with the texts of OpenSMTPD, and the two that sh(1) has of its own.
_MEANINGS = {
    64: _Meaning("command line usage error", "5.4"),
    65: _Meaning("data format error", "6.0"),
    66: _Meaning("cannot open input"),
    67: _Meaning("user unknown", "1.1"),
    68: _Meaning("host name unknown", "1.2"),
    69: _Meaning("service unavailable"),
    70: _Meaning("internal software error"),
    71: _Meaning("system resource problem"),
    72: _Meaning("critical OS file missing", "3.5"),
    73: _Meaning("can't create user output file", "2.0"),
    74: _Meaning("input/output error"),
    75: _Meaning("temporary failure"),
    76: _Meaning("remote error in protocol", "5.0"),
    77: _Meaning("permission denied", "7.0"),
    78: _Meaning("local configuration error", "3.5"),
    126: _Meaning("command cannot be executed", "3.5"),
    127: _Meaning("command not found", "3.5"),
}
_TEMPORARY = frozenset({71, 75})
# sh(1) exits with more than this if a signal has ended what it ran last.
_SIGNALLED = 128
# Those with a name; the others are for programs that know each other.
_SIGNALS = frozenset(map(int, signal.Signals))


def outcome_of(exit_status: int, last_line: bytes) -> Outcome:
    """Return what a command has done.

    The end of a pipeline by a signal, which the shell reports as an exit status above 128, is
    as temporary as the end of the shell itself: whoever runs out of memory has not refused
    the message.

    Args:
        exit_status: That of the shell; negative is the number of the signal that ended it.
        last_line: The last line of its output.
    """
    if exit_status == 0:
        return DELIVERED
    if exit_status < 0 or exit_status - _SIGNALLED in _SIGNALS:
        number = -exit_status if exit_status < 0 else exit_status - _SIGNALLED
        return temporary(last_line, meaning=f"ended by {signal_name(number)}")
    meaning = _MEANINGS.get(exit_status) or _Meaning(f"exited with status {exit_status}")
    if exit_status in _TEMPORARY:
        return temporary(last_line, meaning=meaning.text, status=f"4.{meaning.status}")
    return permanent(last_line, meaning=meaning.text, status=f"5.{meaning.status}")


def signal_name(number: int) -> str:
    """Return what the signal *number* is called."""
    return signal.Signals(number).name if number in _SIGNALS else f"signal {number}"
