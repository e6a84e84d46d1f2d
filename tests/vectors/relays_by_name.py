"""The vectors for which the harness plays the DNS: a message is queued, and the zone says where it goes.

    resolv.conf of the server ──▶ nameserver 127.53.0.N ──▶ Names with the zone of the vector

The server sees a resolv.conf of its own in a private mount namespace, which takes root, as port 53 does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from tests.ports import reserve_port
from tests.vectors.checks import check_server, warm_up
from tests.vectors.evidence import accepted
from tests.vectors.fixture import BY_NAME, Knowledge, Route
from tests.vectors.judge_client import judge_client
from tests.vectors.names import Names, Zone, ZoneError
from tests.vectors.played import Door
from tests.vectors.process import StartError
from tests.vectors.relays import QUICK, evidence_of, queue_message
from tests.vectors.results import Result, Run
from tests.vectors.stage import Stage

_STAGES_AT_ONCE = 3
_ROUTE = "BYNAME"


async def play_names(knowledge: Knowledge, runs: Sequence[Run]) -> list[Result]:
    """Play the DNS for each of *runs*."""
    if not runs:
        return []
    try:
        # Whether it is served is asked first, for then everything else is needless.
        async with Stage(knowledge, {}, [_route()]) as stage:
            missing = stage.configuration.missing.get(BY_NAME)
    except StartError as error:
        return [Result(run, (f"the fixture cannot be made: {error}",)) for run in runs]
    if missing is None and os.geteuid() != 0:
        missing = "only root has the port of the DNS"
    if missing is not None:
        return [Result(run, needs=f"{BY_NAME}: {missing}") for run in runs]
    stages = asyncio.Semaphore(_STAGES_AT_ONCE)

    async def limited(number: int, run: Run) -> Result:
        async with stages:
            return await _play(knowledge, number, run)

    return list(await asyncio.gather(*(limited(number, run) for number, run in enumerate(runs, 1))))


def _route() -> Route:
    return Route(_ROUTE, "relay", "remote.test", reserve_port(), BY_NAME)


async def _play(knowledge: Knowledge, number: int, run: Run) -> Result:
    try:
        names = Names(Zone(str(run.vector.setup.get("zone", ""))))
    except ZoneError as error:
        return Result(run, (f"the harness does not understand the zone {error}",))
    address = f"127.53.0.{number}"
    await names.start(address, 53)
    try:
        return await _play_with(knowledge, names, address, run)
    except StartError as error:
        return Result(run, (f"the fixture cannot be made: {error}",))
    finally:
        await names.stop()


async def _play_with(knowledge: Knowledge, names: Names, address: str, run: Run) -> Result:
    route = _route()
    async with Stage(knowledge, {}, [route], QUICK, address) as stage:
        stage.doors[route.name] = Door(route.port)
        await warm_up(stage)
        before, first_line = stage.server.measure(), len(stage.server.lines)
        played = await queue_message(stage, run, route.name, [run.vector.queued_for])
        identifiers = set(accepted(played))
        if len(identifiers) != 1:
            return Result(run, (f"the message could not be queued: {played.codes} {played.problems}",))
        evidence = await evidence_of(stage, identifiers, 1)
        problems = [*judge_client(run.vector, evidence, []), *_never(run, names, evidence.log)]
        return Result(run, (*problems, *await check_server(stage, before, first_line)))


def _never(run: Run, names: Names, log: Sequence[bytes]) -> list[str]:
    """Return what the DNS was asked, and where the server went, though it must not."""
    problems = []
    for words in run.vector.never:
        if words.startswith("a connection") and any(b'relay="127.' in line for line in log):
            problems.append(f"never: {words}")
        if words.startswith("a lookup of ") and tuple(words.split()[3:5]) in names.queries:
            problems.append(f"never: {words}")
    return problems
