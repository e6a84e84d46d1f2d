"""What every test may ask for: hypothesis profiles, golden files, and programs to compare with.

HYPOTHESIS_PROFILE=nightly     many more examples; the default is `dev`
pytest --update-golden         write what was found as the new expectation
SMTPDSL_REQUIRE_PEERS=1        a peer that is missing is a failure, not a skip
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent

hypothesis.settings.register_profile("dev", deadline=None, max_examples=50, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=20_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write what was found as the new expectation")


CompareGolden = Callable[[Path, str], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> CompareGolden:
    """Compare a text with the file that records it; ``--update-golden`` records it anew."""

    def compare(path: Path, found: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(found, encoding="utf-8")
            return
        assert path.exists(), f"{path} is not recorded yet: run pytest with --update-golden and read what it wrote"
        assert found == path.read_text(encoding="utf-8")

    return compare


class Peer(NamedTuple):
    """A program of another project that smtpdsl is compared with."""

    program: Path
    libraries: str
    """Where the libraries lie that were unpacked with it, as LD_LIBRARY_PATH."""

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it with *arguments*, and collect what it prints."""
        environment = {**os.environ, "LD_LIBRARY_PATH": self.libraries} if self.libraries else None
        command = [self.program, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


class Wanted(NamedTuple):
    """How to recognise a peer: where Debian puts it, and the release that the vectors were recorded with."""

    program: str
    version_option: str
    version: str


PEERS = {
    "opensmtpd": Wanted("usr/sbin/smtpd", "-h", "OpenSMTPD 6.8.0p2"),
}


@cache
def find_peer(name: str) -> Peer | str:
    """Find the peer *name* in ``.peers`` or on the system; a text says why there is none."""
    wanted = PEERS[name]
    reason = f"{wanted.version} is not here; `.ci/run` unpacks it into .peers/{name}"
    for root in (ROOT / ".peers" / name, Path("/")):
        if not (root / wanted.program).exists():
            continue
        folders = [] if root == Path("/") else [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]
        peer = Peer(root / wanted.program, ":".join(map(str, folders)))
        answer = peer.run(wanted.version_option)
        printed = answer.stdout + answer.stderr
        if wanted.version in printed:
            return peer
        reason = f"{peer.program} is not {wanted.version}; it says: {printed.strip().splitlines()[:1]}"
    return reason


RequirePeer = Callable[[str], Peer]


@pytest.fixture(scope="session")
def require_peer() -> RequirePeer:
    """Return a peer by its name; where it is missing the test is skipped, or fails if peers are required."""

    def require(name: str) -> Peer:
        peer = find_peer(name)
        if isinstance(peer, Peer):
            return peer
        if os.environ.get("SMTPDSL_REQUIRE_PEERS"):
            pytest.fail(peer)
        pytest.skip(peer)

    return require
