"""A Python that any user of this machine may run: programs of servers that have given up root need one."""

from __future__ import annotations

import os
import shutil
import sys


def anybodys_python() -> str:
    """Return the path of it; ours, if the system has none, may lie where only root gets to."""
    return shutil.which("python3", path=f"{os.defpath}:/usr/local/bin") or sys.executable
