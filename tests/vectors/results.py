"""A run, its result, and what is printed of all of them.

tl-007 cut: expected the connection closed, seen open
228 of 270 as stated, 42 need a part that is not built yet: relay by MX 10, srs 3 …
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from tests.vectors.format import Vector
from tests.vectors.modes import Mode


class Run(NamedTuple):
    """A vector and how it is sent."""

    vector: Vector
    mode: Mode
    seed: int

    @property
    def random(self) -> Random:
        """What cuts it, the same each time."""
        return Random(f"{self.seed} {self.vector.id} {self.mode.value}")  # noqa: S311 - nothing is secret here


class Result(NamedTuple):
    """What is not as stated; or what *needs* to be built before anything can be said."""

    run: Run
    problems: tuple[str, ...] = ()
    needs: str = ""

    def with_problems(self, more: Iterable[str]) -> Result:
        """Add to what is wrong; where nothing was judged, nothing is."""
        return self if self.needs else self._replace(problems=(*self.problems, *more))


def failures(results: Iterable[Result]) -> Iterator[str]:
    """Yield one line for each run that is not as stated."""
    for result in results:
        if result.problems:
            text = "; ".join(" ".join(problem.split()) for problem in result.problems)
            yield f"{result.run.vector.id} {result.run.mode.value}: {text}"


def summary(results: Sequence[Result]) -> tuple[str, bool]:
    """Return the last line, and whether everything that could be judged is as stated."""
    all_ids = {result.run.vector.id for result in results}
    needs = {result.run.vector.id: result.needs for result in results if result.needs}
    failed = {result.run.vector.id for result in results if result.problems}
    good = len(all_ids - needs.keys() - failed)
    parts = Counter(need.partition(":")[0] for need in needs.values())
    listed = ", ".join(f"{part} {count}" for part, count in parts.most_common())
    text = f"{good} of {len(all_ids)} as stated, {len(needs)} need a part that is not built yet"
    return text + (f": {listed}" if listed else ""), good == len(all_ids) - len(needs)
