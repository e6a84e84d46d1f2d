"""`smtpdsl` with mistakes, for a look at those who look for them.

python -m tests.vectors.faulty_server run smtpd.conf

NOOP fault    raises an error where nobody catches it       NOOP file      leaves a temporary file
NOOP open     opens a file, and forgets it                  NOOP memory    keeps 20 MiB
NOOP end      ends the process                              NOOP child     starts a program
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

from smtpdsl.cli.main import main
from smtpdsl.runtime.net.session import Session

_kept: list[object] = []
_receive = Session.data_received


def _fault() -> None:
    message = "a mistake that was made on purpose"
    raise RuntimeError(message)


_MISTAKES: dict[bytes, Callable[[], object]] = {
    b"NOOP fault": lambda: asyncio.get_running_loop().call_soon(_fault),
    b"NOOP file": lambda: os.close(tempfile.mkstemp()[0]),
    b"NOOP open": lambda: os.open("/", os.O_RDONLY),
    b"NOOP memory": lambda: _kept.append(b"x" * (20 * 1024 * 1024)),
    b"NOOP end": lambda: os._exit(3),
    b"NOOP child": lambda: _kept.append(subprocess.Popen(["sleep", "20"], start_new_session=True)),
}


def _receive_with_mistakes(session: Session, octets: bytes) -> None:
    for words, mistake in _MISTAKES.items():
        if words in octets:
            mistake()
    _receive(session, octets)


if __name__ == "__main__":
    setattr(Session, "data_received", _receive_with_mistakes)  # noqa: B010 - a method that is replaced has no type
    # Some of the mistakes need rights that a process which only speaks with clients does not have.
    sys.argv[2:2] = ["--smtp-processes", "0"]
    sys.exit(main())
