"""What is wrong with the server as a whole is found, and so is the run that is to blame."""

from __future__ import annotations

import asyncio
import json

from tests.vectors.format import parse_line
from tests.vectors.modes import Mode
from tests.vectors.results import Run
from tests.vectors.rounds import play_all

# What is said, and what has to be found.
MISTAKES = {
    "fault": "check 2: the log has 'warn: fault: RuntimeError: a mistake that was made on purpose",
    "file": "check 6: the file tmp/",
    "open": "check 6: expected ",
    "memory": "check 6: expected less than 8 MiB more memory, seen 20.",
    "child": "check 2: the server has started sleep",
    "end": "check 2: the server has ended",
}


def run(word: str) -> Run:
    """Return a run that says *word*."""
    fields = {"id": word, "listener": "mx", "pre": "ehlo", "send": f"NOOP {word}\r\n", "codes": [".*"], "conn": "any"}
    return Run(parse_line(json.dumps(fields).encode()), Mode.WHOLE, seed=0)


async def play(*words: str) -> dict[str, str]:
    """Say *words* to the server with mistakes; return what is found."""
    results = await play_all([run(word) for word in words], "tests.vectors.faulty_server")
    return {result.run.vector.id: "; ".join(result.problems) for result in results}


def test_every_mistake_is_found() -> None:
    """Each on a server of its own."""

    async def every() -> dict[str, str]:
        return {word: found for each in await asyncio.gather(*map(play, MISTAKES)) for word, found in each.items()}

    found = asyncio.run(every())
    for word, problem in MISTAKES.items():
        assert problem in found[word]


def test_who_is_to_blame() -> None:
    """Of several that were played at once, and nobody else."""
    found = asyncio.run(play("this", "fault", "that"))

    assert found.pop("fault").startswith(MISTAKES["fault"])
    assert found == {"this": "", "that": ""}
