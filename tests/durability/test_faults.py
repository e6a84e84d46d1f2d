"""Any call of the storage may fail, once: no message is lost that got its 250, and service goes on.

The calls are those of SQLite, of the spool of large messages and of the maildir, counted together: each write, sync,
truncation, rename and removal, and each making of a file or a folder.

HYPOTHESIS_PROFILE=nightly     every call fails in every way, instead of in one of them
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.durability.disk import Fault, ModelVfs
from tests.durability.workload import Town, told

FAULTS = (Fault(0, errno.EIO), Fault(0, errno.ENOSPC), Fault(0, errno.EIO, is_short=True))
WAYS = len(FAULTS) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1


@pytest.mark.parametrize("way", range(WAYS))
def test_a_call_that_fails_loses_nothing(place: Path, vfs: ModelVfs, way: int) -> None:
    """Whichever it is: the message it belongs to is refused or taken, and every other one is taken and delivered."""
    calls = told(place, vfs).disk.calls
    assert calls > 250

    refused = set()
    for position in range(1, calls + 1):
        fault = FAULTS[(position + way) % len(FAULTS)]._replace(position=position)
        story = told(place, vfs, fault)
        where = f"{fault} after {story.disk.promised(len(story.disk.events))}"
        assert len(story.refused) <= 1, where
        assert all("cannot be" in complaint for complaint in story.complaints), where
        found = Town(story.disk.root).recovered()
        lost = story.disk.promised(len(story.disk.events)) - set(found)
        twice = {name for name, count in found.items() if count > 1}
        assert not lost, f"lost by {where}: {lost}"
        assert not twice, f"twice by {where}: {twice}"
        refused.update(story.refused)

    # Each of them was refused for some fault, and none for most.
    assert refused == set("abcdefghi")
