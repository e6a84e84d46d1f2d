"""What this process is called in listings of processes, beside its command line.

ps -o user,comm    nobody  smtpdsl queue
                   root    smtpdsl nursery
"""

from __future__ import annotations

import ctypes
import sys

# prctl(2) of Linux; a longer name is cut.
_PR_SET_NAME = 15


def name_process(role: str) -> None:
    """Call this process by its *role*, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"smtpdsl {role}".encode(), 0, 0, 0)
