"""Looks at files of the spool before somebody is given what is in them.

    file ──checksum──▶ as it was written       known for a minute, as long as nothing touches the file
                   └─▶ `SpoolDamageError`      its envelopes are set aside

The checksum is that of the octets on the disk, whatever their form: no key is needed.  It is told whole before
the first octet is used, since a program that has read half of a message cannot be taken back.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from smtpdsl.runtime.interfaces import SpooledContent
from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.sealed_facts import content_entry
from smtpdsl.runtime.sealing.seal import Checksum

# A message for a hundred users is not read two hundred times.
TRUST_SECONDS = 60.0
_MAX_KNOWN = 4096
_BLOCK_OCTETS = 256 * 1024


class SpoolDamageError(Exception):
    """A file is not what was written; the text says what is wrong with it."""


class _Look(NamedTuple):
    """What a file was like when it was right, and when that was."""

    state: tuple[int, ...]
    moment: float


class FileCheck:
    """Remembers which files were right."""

    def __init__(self, files: Files, clock: Callable[[], float] = time.monotonic) -> None:
        """Read with *files*."""
        self._files = files
        self._clock = clock
        self._known: OrderedDict[int, _Look] = OrderedDict()
        # Threads write and look.
        self._lock = threading.Lock()

    def trust(self, message_id: int, path: Path) -> None:
        """Know a file that was just written: its octets went through the checksum."""
        with suppress(OSError):
            self._remember(message_id, _state(path))

    def forget(self, message_id: int) -> None:
        """Forget a file that is removed."""
        with self._lock:
            self._known.pop(message_id, None)

    def is_known(self, message_id: int, path: Path) -> bool:
        """Whether a file was right a moment ago, and nobody has touched it since."""
        with self._lock:
            known = self._known.get(message_id)
        if known is None or self._clock() - known.moment >= TRUST_SECONDS:
            return False
        try:
            return known.state == _state(path)
        except OSError:
            return False

    def check(self, message_id: int, path: Path, content: SpooledContent) -> None:
        """Read a file, and compare it with what was written; in a thread.

        Raises:
            SpoolDamageError: It is something else.
            OSError: It cannot be read.
        """
        try:
            state = _state(path)
            self._compare(message_id, path, content)
        except FileNotFoundError:
            message = "its file is not there"
            raise SpoolDamageError(message) from None
        self._remember(message_id, state)

    def _compare(self, message_id: int, path: Path, content: SpooledContent) -> None:
        form, digest, _ = content.seal
        found = Checksum(content_entry(message_id), form)
        octets = 0
        descriptor = self._files.open(path)
        try:
            while block := self._files.read(descriptor, _BLOCK_OCTETS):
                found.update(block)
                octets += len(block)
        finally:
            os.close(descriptor)
        if content.seal.is_plain and octets != content.size:
            message = f"its file has {octets} of {content.size} octets"
            raise SpoolDamageError(message)
        # An older version has made no checksum.
        if digest and found.digest() != digest:
            message = "its file was altered: its checksum is another"
            raise SpoolDamageError(message)

    def _remember(self, message_id: int, state: tuple[int, ...]) -> None:
        with self._lock:
            self._known[message_id] = _Look(state, self._clock())
            self._known.move_to_end(message_id)
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)


def _state(path: Path) -> tuple[int, ...]:
    """Return what differs when somebody has touched a file."""
    found = path.stat(follow_symlinks=False)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
