"""Many connections at once from one source: some are welcome, the others are told so or dropped."""

from __future__ import annotations

import asyncio
import resource

from tests.vectors.steps import ConnectMany
from tests.vectors.tls_client import hello
from tests.vectors.wire import Wire, within

# Beside the connections of the crowd.
_OTHER_DESCRIPTORS = 512


async def play_crowd(step: ConnectMany, port: int, source: str) -> list[str]:
    """Open the connections of *step*, keep them, end them; return what is wrong with the answers."""
    _allow_descriptors(step.connections + _OTHER_DESCRIPTORS)
    wires: list[Wire] = []
    try:
        for _ in range(step.connections):
            await _join(wires, step, port, source)
            if step.gap:
                await asyncio.sleep(step.gap)
        if wires and not step.resets:
            await within(wires[0].closed, step.hold)
            # Whoever is sent away early does not end the time of the others.
            await asyncio.sleep(step.hold if wires[0].closed.is_set() else 0)
    finally:
        for wire in wires:
            await wire.leave()
    if step.resets or step.sends_hello:
        # Replies are cut off, or are none.
        return []
    # A connection that was refused says why, in a reply of its own.
    return sorted({problem for wire in wires for problem in wire.reader.problems})


async def _join(wires: list[Wire], step: ConnectMany, port: int, source: str) -> None:
    try:
        wire = await Wire.connect(port, source)
    except OSError:
        # Full backlogs and resets are answers to a crowd.
        return
    wires.append(wire)
    if step.sends_hello:
        await wire.send(hello())
    if step.resets:
        wire.reset()


def _allow_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
