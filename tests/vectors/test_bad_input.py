"""Hostile input for a running server: every vector once, whole.  `make vectors` sends them in other ways, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.vectors.modes import Mode
from tests.vectors.results import Result
from tests.vectors.rounds import play_all
from tests.vectors.runner import DEFAULT_FILE, choose, read

# Those that were found later are in files of their own.
GIVEN = read(DEFAULT_FILE)
MORE = read(DEFAULT_FILE.with_name("more-bad-input.jsonl"))
FURTHER = read(DEFAULT_FILE.with_name("further-bad-input.jsonl"))
VECTORS = [*GIVEN, *MORE, *FURTHER]


@pytest.fixture(scope="module", name="results")
def _results(request: pytest.FixtureRequest) -> Mapping[str, Result]:
    """Play the vectors of the tests that are going to be run, all at once."""
    chosen = [
        str(item.callspec.params["identifier"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_vector
    ]
    results = asyncio.run(play_all(choose(VECTORS, {Mode.WHOLE}, chosen, seed=0)))
    return {result.run.vector.id: result for result in results}


@pytest.mark.parametrize("identifier", [vector.id for vector in VECTORS])
def test_vector(results: Mapping[str, Result], identifier: str) -> None:
    """What happens is what the vector states, and the checks of README.md hold after it."""
    result = results[identifier]
    assert not result.needs
    assert not result.problems, f"{result.run.vector.expect}\n" + "\n".join(result.problems)


def test_there_are_all_of_them() -> None:
    """The files do not shrink unnoticed."""
    assert len(GIVEN) >= 270
    assert len(MORE) >= 345
    assert len(FURTHER) >= 120
