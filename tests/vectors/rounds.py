"""Which runs are played together, on which stage, and in which order.

    runs ──by setup, loud or quiet──▶ batches ──▶ results

    quiet     few octets: all at once, on one stage        loud      many: one after the other
    scripted  our client: each has a route of its own, on one stage

What concerns the server as a whole (faults, descriptors, memory, messages that nobody sent) is looked
at after a group of runs.  If something is wrong, suspects are played again on stages of their own, or
halves where nobody is suspect, until the run that is to blame stands alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.vectors.checks import check_others, check_server, warm_up
from tests.vectors.fixture import Knowledge
from tests.vectors.format import Role, Vector
from tests.vectors.judge import judge
from tests.vectors.modes import octets_of
from tests.vectors.played import Played
from tests.vectors.process import StartError
from tests.vectors.relays import play_scripts
from tests.vectors.relays_by_name import play_names
from tests.vectors.results import Result, Run
from tests.vectors.setups import SetupError
from tests.vectors.stage import Stage
from tests.vectors.steps import ConnectMany, Pause, Slowly, StopReading

_LOG = logging.getLogger(__name__)
_LOUD_OCTETS = 64 * 1024
_AT_ONCE = 24
_STAGES_AT_ONCE = 4
_MAX_SUSPECTS = 40


class Batch(NamedTuple):
    """Runs that share a stage; loud ones are played one after the other."""

    runs: tuple[Run, ...]
    is_loud: bool = False


async def play_all(runs: Sequence[Run], module: str = "smtpdsl") -> list[Result]:
    """Play all *runs* against servers run as *module*, and return a result for each, in their order."""
    stages = asyncio.Semaphore(_STAGES_AT_ONCE)
    knowledge = Knowledge(module)

    async def limited(batch: Batch) -> list[Result]:
        async with stages:
            return await _play_batch(knowledge, batch)

    by_role = {role: [run for run in runs if run.vector.role is role] for role in Role}
    found = await asyncio.gather(
        *map(limited, _batches(by_role[Role.CLIENT])),
        play_scripts(knowledge, by_role[Role.SERVER_SCRIPT]),
        play_names(knowledge, by_role[Role.DNS]),
    )
    places = {(run.vector.id, run.mode): place for place, run in enumerate(runs)}
    results = [result for each in found for result in each]
    return sorted(results, key=lambda result: places[result.run.vector.id, result.run.mode])


def _batches(runs: Iterable[Run]) -> list[Batch]:
    """Put runs together that can share a stage; what takes longest comes first."""
    groups: dict[tuple[str, bool], list[Run]] = {}
    for run in runs:
        key = (json.dumps(run.vector.setup, sort_keys=True), _is_loud(run.vector))
        groups.setdefault(key, []).append(run)
    batches = [
        Batch(tuple(sorted(group, key=_seconds, reverse=True)), is_loud) for (_, is_loud), group in groups.items()
    ]
    return sorted(batches, key=lambda batch: len(batch.runs), reverse=True)


def _is_loud(vector: Vector) -> bool:
    """Whether others would be disturbed by *vector*, or its memory could not be told from theirs."""
    return octets_of(vector) > _LOUD_OCTETS or any(isinstance(step, ConnectMany | StopReading) for step in vector.steps)


def _seconds(run: Run) -> float:
    """Guess how long *run* takes."""
    waits = 10.0 if run.vector.conn == "closed" else 0.0
    for step in run.vector.steps:
        match step:
            case Pause(seconds):
                waits += seconds
            case Slowly(octets, gap):
                waits += len(octets) * gap
            case _:
                waits += 0.1
    return waits


# ------------------------------------------------------------ a batch


async def _play_batch(knowledge: Knowledge, batch: Batch) -> list[Result]:
    """Play *batch*, and a part of it again if something is wrong that is nobody's."""
    groups = [(run,) for run in batch.runs] if batch.is_loud else [batch.runs]
    loop = asyncio.get_running_loop()
    start = loop.time()
    results: list[Result] = []
    again: list[tuple[Run, ...]] = []
    try:
        async with Stage(knowledge, batch.runs[0].vector.setup) as stage:
            if not stage.configuration.useless:
                await warm_up(stage)
            for group in groups:
                found, common = await _play_group(stage, group)
                if common and len(batch.runs) > 1:
                    _LOG.info("%s of %s runs again: %s", len(group), len(batch.runs), "; ".join(common))
                    again += _parts(found)
                else:
                    results += [result.with_problems(common) for result in found]
    except (SetupError, StartError) as error:
        return [Result(run, (f"the fixture cannot be made: {error}",)) for run in batch.runs]
    names = " ".join(run.vector.id for run in batch.runs[:3])
    _LOG.info("%s runs played (%s …) in %.1f s", len(batch.runs), names, loop.time() - start)
    for runs in again:
        results += await _play_batch(knowledge, batch._replace(runs=runs))
    return results


def _parts(results: Sequence[Result]) -> list[tuple[Run, ...]]:
    """Return the runs of *results* in the groups in which they are played again.

    Those that something is wrong with are each alone, if they are few; where there are none, anybody is suspect.
    """
    suspects = [result.run for result in results if result.problems]
    others = tuple(result.run for result in results if not result.problems)
    if others and 0 < len(suspects) <= _MAX_SUSPECTS:
        return [*((run,) for run in suspects), others]
    runs = tuple(result.run for result in results)
    middle = len(runs) // 2
    return [half for half in (runs[:middle], runs[middle:]) if half]


async def _play_group(stage: Stage, runs: Sequence[Run]) -> tuple[list[Result], list[str]]:
    """Play *runs* at once; return their results, and what is wrong with the server as a whole."""
    needs = [await stage.missing(run.vector) for run in runs]
    if all(needs):
        return [Result(run, needs=need) for run, need in zip(runs, needs, strict=True)], []
    before, first_line = stage.server.measure(), len(stage.server.lines)
    loop = asyncio.get_running_loop()
    start = loop.time()
    room = asyncio.Semaphore(_AT_ONCE)
    common: list[str] = []

    async def play(run: Run, need: str) -> tuple[str, Played] | None:
        if need:
            return None
        async with room:
            found = await stage.play(run)
            common.extend(await check_others(stage))
        return found

    found = await asyncio.gather(*map(play, runs, needs))
    await stage.settle(each[1] for each in found if each)
    common += await check_server(stage, before, first_line)
    collection = stage.finds.collect()
    _LOG.info("a group of %s (%s …) took %.1f s", len(runs), runs[0].vector.id, loop.time() - start)
    results, known = [], set()
    for run, need, each in zip(runs, needs, found, strict=True):
        evidence = stage.finds.of_run(each[0], each[1], collection) if each else None
        known |= {id(message) for message in (*evidence.stored, *evidence.sunk)} if evidence else set()
        problems = judge(run.vector, each[1], evidence) if each and evidence else []
        results.append(Result(run, tuple(problems), need))
    return results, common + stage.finds.strangers(collection, known)
