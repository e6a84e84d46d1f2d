"""The wish that work ends early, because nobody waits for its outcome any more.

Whoever works is given a descriptor, which becomes readable then: of a pipe between the
threads of a process, of a socket between processes.
"""

from __future__ import annotations

import os
import select
import threading


def is_stopped(stop: int) -> bool:
    """Whether the work that was given the descriptor *stop* is to end."""
    poll = select.poll()
    poll.register(stop, select.POLLIN)
    return bool(poll.poll(0))


class Stop:
    """That wish, between threads."""

    def __init__(self) -> None:
        """Wish nothing yet."""
        self.descriptor, self._wish = os.pipe()
        self._lock = threading.Lock()
        self._is_open = True

    def request(self) -> None:
        """Wish it; at any time, and as often as one likes."""
        with self._lock:
            if self._is_open and not is_stopped(self.descriptor):
                os.write(self._wish, b"!")

    def close(self) -> None:
        """Forget it: the work has ended."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self.descriptor)
                os.close(self._wish)
