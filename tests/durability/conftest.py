"""Disks whose power can be cut."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.queue import sqlite
from tests.durability.disk import ModelVfs


@pytest.fixture
def vfs(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelVfs]:
    """Register SQLite's way to a disk; the log is copied into the database often."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 12)
    made = ModelVfs("model")
    yield made
    made.unregister()


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder for what is left after a cut: in memory where there is some, as thousands are made."""
    memory = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
    with tempfile.TemporaryDirectory(prefix="smtpdsl-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
