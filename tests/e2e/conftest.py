"""What the end-to-end tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import all_running, kill_all


@pytest.fixture(autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """Kill the servers of a test that has failed before it stopped them; those of its module go on."""
    of_the_module = all_running()
    yield
    kill_all(but=of_the_module)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder of its own for a test, like `tmp_path`, but one that every user of the machine may pass through.

    Deliveries are made in other names than that of the tests, and pytest keeps its folders to their owner.
    """
    with _open_folder() as path:
        yield path


@pytest.fixture(scope="module")
def module_path() -> Iterator[Path]:
    """The same for all tests of a module, which share a server."""
    with _open_folder() as path:
        yield path


@contextmanager
def _open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="smtpdsl-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
