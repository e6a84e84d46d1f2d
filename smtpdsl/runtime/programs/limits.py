"""How long a program may take, and how much it may write and leave unread."""

from __future__ import annotations

from typing import NamedTuple


class ProgramLimits(NamedTuple):
    """Times are in seconds.

    Attributes:
        ready_seconds: It has to say within so many that it is ready.
        unread_seconds: Nobody waits longer for it to read.
        line_octets: No line that it writes is longer.
        full_octets: With so much to read, whoever can wait is to wait.
        most_octets: With so much it is ended.
        first_pause: What lies between its end and the next start; twice as much each time,
        longest_pause: and no more than this.
        good_seconds: Who has run so long begins with the first pause again.
        last_words_seconds: So long it may put its things away.
    """

    ready_seconds: float = 30.0
    unread_seconds: float = 60.0
    line_octets: int = 256 * 1024
    full_octets: int = 256 * 1024
    most_octets: int = 16 * 1024 * 1024
    first_pause: float = 0.5
    longest_pause: float = 60.0
    good_seconds: float = 60.0
    last_words_seconds: float = 1.0


USUAL_LIMITS = ProgramLimits()
