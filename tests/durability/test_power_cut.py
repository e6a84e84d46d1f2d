"""The power may be cut at any moment: every message that was acknowledged is found afterwards, unaltered.

Each test lets a server take and deliver mail on a `Disk`, cuts the power after its writes and syncs, and starts the
same code on what is left, on the file system of this machine.

HYPOTHESIS_PROFILE=nightly     thousands of random ends instead of some dozens
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import hypothesis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.runtime.delivery import maildir
from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.queue import schema, sqlite
from smtpdsl.runtime.queue.files import Files
from tests.durability.disk import Disk, Fault, ModelVfs, Sync
from tests.durability.workload import Town, told


def check(disk: Disk, position: int, place: Path, random: Random | None, *, keeps: bool = False) -> None:
    """Cut the power after *position* events, recover in *place*, and look for what was promised until then."""
    left = place / "left"
    shutil.rmtree(left, ignore_errors=True)
    left.mkdir()
    disk.cut(position, left, random, keeps=keeps)
    found = Town(left).recovered()
    lost = disk.promised(position) - set(found)
    twice = {name for name, count in found.items() if count > 1}
    assert not lost, f"lost after {position} of {len(disk.events)} events: {lost}"
    assert not twice, f"twice after {position} of {len(disk.events)} events: {twice}"


def ends(disk: Disk) -> list[int]:
    """Return where what is synced changes: right before each sync, when most was promised, and at the end."""
    return [*(position for position, event in enumerate(disk.events) if isinstance(event, Sync)), len(disk.events)]


def check_all(disk: Disk, place: Path) -> None:
    """Cut the power wherever that makes a difference, if nothing is left that was not synced."""
    for position in ends(disk):
        check(disk, position, place, None)


def test_only_what_was_synced_is_left(place: Path, vfs: ModelVfs) -> None:
    """Files as of their last sync, folders as of theirs: everything acknowledged is there, once and unaltered."""
    disk = told(place, vfs).disk

    assert len(disk.promised(len(disk.events))) > 10
    check_all(disk, place)


def test_anything_that_was_not_synced_may_be_left(place: Path, vfs: ModelVfs) -> None:
    """After every write, sync and rename, with any sectors and names of those that were not synced yet."""
    disk = told(place, vfs).disk

    for position in range(len(disk.events) + 1):
        check(disk, position, place, Random(position))  # noqa: S311 - the same ends each time


def test_everything_that_was_written_may_be_left(place: Path, vfs: ModelVfs) -> None:
    """As after a kill."""
    disk = told(place, vfs).disk

    for position in range(0, len(disk.events) + 1, 5):
        check(disk, position, place, None, keeps=True)


FAULTS = st.builds(
    Fault,
    position=st.integers(1, 360),
    code=st.sampled_from([errno.EIO, errno.ENOSPC]),
    is_short=st.booleans(),
)


# A folder is made, and its name cannot be synced.
@example(fault=Fault(59, errno.EIO), seed=0, cut=0.0)
@given(fault=FAULTS, seed=st.integers(0, 2**32), cut=st.floats(0, 1))
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_a_call_fails_and_then_the_power_is_cut(
    place: Path, vfs: ModelVfs, fault: Fault, seed: int, cut: float
) -> None:
    """Also if the kernel has forgotten what it could not sync."""
    disk = told(place, vfs, fault).disk

    check(disk, len(disk.events), place, None)
    check(disk, round(cut * len(disk.events)), place, Random(seed))  # noqa: S311 - can be repeated


# ---------------------------------------------------------------- these tests can fail


@contextmanager
def forgotten(what: str) -> Iterator[None]:
    """Leave one of the syncs out, as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        match what:
            case "the log of the database":
                patch.setattr(sqlite, "CONNECTION", schema.CONNECTION.replace("FULL", "OFF"))
            case "the file of a large message":
                patch.setattr(Files, "sync", lambda *_: None)
            case "the name of a large message":
                patch.setattr(Files, "sync_folder", lambda *_: None)
            case "the file in a maildir":
                patch.setattr(maildir, "_write", _write_only)
            case "the name in a maildir":
                patch.setattr(maildir, "_sync_folder", lambda *_: None)
        yield


def _write_only(path: Path, prefix: bytes, content: OpenContent) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    for chunk in content.chunks(prefix):
        os.write(descriptor, chunk)
    os.close(descriptor)


@pytest.mark.parametrize(
    "what",
    [
        "the log of the database",
        "the file of a large message",
        "the name of a large message",
        "the file in a maildir",
        "the name in a maildir",
    ],
)
def test_a_sync_that_is_left_out_is_noticed(place: Path, vfs: ModelVfs, what: str) -> None:
    """Without any one of them, mail would be lost or altered."""
    with forgotten(what):
        disk = told(place, vfs).disk

    with pytest.raises(AssertionError, match=r"^(lost|altered|left behind)"):
        check_all(disk, place)
