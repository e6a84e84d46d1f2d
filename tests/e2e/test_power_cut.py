"""The whole server on an ext4 file system, of whose disk only what was flushed is sure to be left.

As `make bench-durability` does it, which cuts the power more often and shows other servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.peers import ROOT


@pytest.mark.usefixtures("private_namespaces")
def test_nothing_is_lost_on_a_real_file_system(open_path: Path) -> None:
    """Cut at some moments while clients send and mail is delivered: what got its 250 is in its maildir, unaltered."""
    command = [sys.executable, "-m", "benchmarks.bench_durability", "--parts", "power", "--folder", str(open_path)]
    done = subprocess.run(
        [*command, "--messages", "40", "--cuts", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr + done.stdout
    tallies = json.loads(done.stdout.splitlines()[-1])["tallies"]
    if not tallies:
        # No loop device, no /dev/fuse, no mkfs.ext4: it says which.
        missing(done.stderr.strip())
    (tally,) = tallies
    assert tally["promised"] > 10
    assert (tally["ends"], tally["lost"], tally["altered"], tally["twice"]) == (2, 0, 0, 0)
