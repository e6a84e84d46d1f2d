"""Disks for the tests of the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.queue.faulty import FaultyVfs


@pytest.fixture
def vfs() -> Iterator[FaultyVfs]:
    """Register a disk that can fail; stores open it by its name, ``faulty``."""
    made = FaultyVfs("faulty")
    yield made
    made.unregister()
