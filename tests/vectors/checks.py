"""What is looked at after a batch, of the server as a whole.

1 another client is greeted within 2 s      6 descriptors, temporary files and memory are as before
2 the process lives, and tells of no fault  7 every line of the log is one event
"""

from __future__ import annotations

import asyncio

from tests.vectors import log_lines
from tests.vectors.process import Measures
from tests.vectors.stage import WARM_UP, Stage
from tests.vectors.wire import Wire, within

_MAX_GROWTH_OCTETS = 8 * 1024 * 1024
_MAX_GREETING_SECONDS = 2.0
_QUIET_SECONDS = 5.0


async def warm_up(stage: Stage) -> None:
    """Let the server do once what everybody asks of it, so that what is loaded late is loaded."""
    wire = await Wire.connect(stage.doors["mx"].port, WARM_UP)
    for line in (b"EHLO warm.test\r\n", b"NOOP\r\n", b"QUIT\r\n"):
        await wire.send(line)
        await wire.news(1.0)
    # The connection must not be counted among what is open before the runs.
    await within(wire.closed, _QUIET_SECONDS)
    await wire.leave()


async def check_others(stage: Stage) -> list[str]:
    """Check 1."""
    try:
        seconds = await stage.greeting_seconds()
    except OSError as error:
        return [f"check 1: another client cannot connect: {error}"]
    if seconds > _MAX_GREETING_SECONDS:
        return [f"check 1: expected a greeting for another client within 2 s, seen {seconds:.1f} s"]
    return []


async def check_server(stage: Stage, before: Measures, first_line: int) -> list[str]:
    """Checks 2, 6 and 7, as far as they concern nobody in particular."""
    if not stage.server.is_running or not stage.server.measure().descriptors:
        return ["check 2: the server has ended"]
    lines = stage.server.lines[first_line:]
    problems = [f"check 2: {problem}" for problem in log_lines.faults(lines)]
    problems += [f"check 7: {problem}" for problem in log_lines.broken_lines(lines)]
    after = await _measure_when_quiet(stage, before)
    if after.descriptors > before.descriptors:
        problems.append(f"check 6: expected {before.descriptors} open descriptors, seen {after.descriptors}")
    growth = after.resident_octets - before.resident_octets
    if growth >= _MAX_GROWTH_OCTETS:
        problems.append(f"check 6: expected less than 8 MiB more memory, seen {growth / 1048576:.1f} MiB")
    problems += [f"check 6: the file {name} is left" for name in stage.finds.left_files()]
    return problems + [f"check 2: the server has started {name}" for name in stage.server.strange_children()]


async def _measure_when_quiet(stage: Stage, before: Measures) -> Measures:
    """Measure the server when its descriptors are as few as *before*, or will not become as few."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _QUIET_SECONDS
    now = stage.server.measure()
    # Nobody tells when another process closes a file.
    while now.descriptors > before.descriptors and loop.time() < give_up:
        await asyncio.sleep(0.1)
        now = stage.server.measure()
    return now
