"""A process that gives up what it needs no more."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from smtpdsl.runtime.confinement import confine
from tests.runtime.test_privileges import in_child


def test_nothing_can_be_written_any_more(tmp_path: Path) -> None:
    """No file, no folder and no program; what is open stays open, and the rest can be read as before."""
    old = tmp_path / "old"
    old.write_text("old\n")
    (tmp_path / "folder").mkdir()
    attempts: dict[str, Callable[[], object]] = {
        "write": lambda: old.write_text("new\n"),
        "append": lambda: old.open("a").close(),
        "truncate": lambda: os.truncate(old, 0),
        "create": lambda: (tmp_path / "new").write_text("new\n"),
        "rename": lambda: old.rename(tmp_path / "new"),
        "remove": old.unlink,
        "link": lambda: (tmp_path / "new").hardlink_to(old),
        "make a folder": (tmp_path / "new").mkdir,
        "remove a folder": (tmp_path / "folder").rmdir,
        "run": lambda: subprocess.run(["/bin/true"], check=True),
    }

    def look() -> object:
        with (tmp_path / "open").open("w") as file:
            if not confine(f"{tmp_path}/hidden"):
                return None
            file.write("still open\n")
        return [[name for name, attempt in attempts.items() if not _fails(attempt)], old.read_text()]

    found = in_child(look)
    if found is None:
        pytest.skip("this kernel has no landlock")
    assert found == [[], "old\n"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "old", "open"]
    assert (tmp_path / "open").read_text() == "still open\n"


def test_what_is_hidden_cannot_be_read(tmp_path: Path) -> None:
    """Whatever lies beside it can, and no other process is disturbed."""
    hidden, beside = tmp_path / "spool/queue", tmp_path / "spool/other"
    for folder in (hidden, beside):
        folder.mkdir(parents=True)
        (folder / "file").write_text("text\n")
    (tmp_path / "link").symlink_to(hidden)
    parent = os.getpid()

    def look() -> object:
        if not confine(str(hidden)):
            return None
        attempts: list[Callable[[], object]] = [
            (hidden / "file").read_text,
            (tmp_path / "link/file").read_text,
            lambda: os.listdir(hidden),  # noqa: PTH208 - as any
            lambda: os.kill(parent, signal.SIGCONT),
            lambda: socket.create_server(("127.0.0.1", 0)),
        ]
        return [*map(_fails, attempts), (beside / "file").read_text(), os.listdir(beside)]  # noqa: PTH208

    found = in_child(look)
    if found is None:
        pytest.skip("this kernel has no landlock")
    assert found == [True, True, True, True, True, "text\n", ["file"]]


def _fails(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False
