"""What every test may ask for: hypothesis profiles, golden files, programs to compare with, a network of its own.

HYPOTHESIS_PROFILE=nightly     many more examples; the default is `dev`
pytest --update-golden         write what was found as the new expectation
SMTPDSL_REQUIRE_PEERS=1        a peer that is missing is a failure, not a skip; for root, private namespaces too
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from tests.namespaces import UnavailableError, private
from tests.peers import Peer, find_peer

hypothesis.settings.register_profile("dev", deadline=None, max_examples=50, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, max_examples=20_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write what was found as the new expectation")


# Where tests start servers and wait for them: several workers do that while others calculate, and not at the very end.
_LONGEST = ("vectors", "e2e", "durability", "differential", "runtime")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest; within a folder everything keeps its place."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}

    def place(item: pytest.Item) -> int:
        return min((places[folder] for folder in item.path.parents if folder in places), default=len(places))

    items.sort(key=place)


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


RequirePeer = Callable[[str], Peer]


def missing(reason: str) -> NoReturn:
    """Skip the test for *reason*, or fail it if nothing may be missing."""
    if os.environ.get("SMTPDSL_REQUIRE_PEERS"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require_peer() -> RequirePeer:
    """Return a peer by its name; where it is missing the test is skipped, or fails if peers are required."""

    def require(name: str) -> Peer:
        peer = find_peer(name)
        return peer if isinstance(peer, Peer) else missing(peer)

    return require


@pytest.fixture(scope="session")
def private_namespaces() -> None:
    """Let a test use `namespaces.private`; where it cannot, the test is skipped, or fails if root requires peers."""
    if os.geteuid() != 0:
        pytest.skip("only root can have private namespaces")
    try:
        with private():
            pass
    except UnavailableError as error:
        missing(str(error))
