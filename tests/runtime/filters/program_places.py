"""A listener whose filter is `scripted`, and a client who talks to it."""

from __future__ import annotations

import asyncio
import shlex
import socket
import struct
import sys
import time
from pathlib import Path

from smtpdsl.runtime.filters.program import FilterTerms, Patience
from smtpdsl.runtime.interfaces import InlineContent
from smtpdsl.runtime.net.reverse_names import ReverseName
from smtpdsl.runtime.programs.limits import USUAL_LIMITS, ProgramLimits
from tests.runtime.net.places import NOWHERE, PATIENCE_SECONDS, TOWN, Client, Intake, Place, Scene

PROGRAM = Path(__file__).with_name("scripted.py")
NAME = ReverseName("client.test", is_confirmed=True)
# A program is started again at once: nobody is to wait.
QUICK = USUAL_LIMITS._replace(first_pause=0.01, last_words_seconds=0.5)


def command(phases: str, events: str = "", *rules: str) -> str:
    """Return the command of a program, as a configuration has it."""
    arguments = [sys.executable, "-I", "-S", str(PROGRAM), phases, events, *rules]
    return shlex.join(arguments)


def declared(name: str, phases: str, events: str = "", *rules: str) -> str:
    """Return the line that declares a filter that is a program."""
    return f'filter {name} proc-exec "{command(phases, events, *rules)}"\n'


def play(
    filters: str,
    scene: Scene,
    *,
    used: str = "a",
    answer_seconds: float = 30.0,
    start_seconds: float = PATIENCE_SECONDS,
    limits: ProgramLimits = QUICK,
    options: str = "",
    root: Path = NOWHERE,
) -> Place:
    """Play *scene*, with a client who has heard nothing yet, where *filters* are declared and *used* is asked."""
    text = filters + TOWN.replace("tag inside", f"filter {used} {options}")
    patience = Patience(start=start_seconds, answer=answer_seconds, message=answer_seconds)
    terms = FilterTerms("mx.test", PATIENCE_SECONDS, time.time, patience, limits)

    async def main() -> Place:
        place = Place(Intake(), text, root, terms=terms)
        place.service = place.service._replace(shared=place.shared._replace(find_name=lambda _: NAME))
        await place.programs.start(start_seconds)
        place.open()
        client = await place.client()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scene(place, client)
        finally:
            await client.close()
            await place.close()
            await place.programs.close()
        return place

    return asyncio.run(main())


def contents(place: Place) -> list[str]:
    """Return what was handed to the queue."""
    found = [each.content for each in place.intake.submissions]
    return [each.octets.decode() for each in found if isinstance(each, InlineContent)]


def heard(place: Place, name: str = "a") -> list[list[str]]:
    """Return the lines that the program *name* was told, as their fields, without version and time."""
    lines = [each.removeprefix(f"{name}: ") for each in place.log.warnings if each.startswith(f"{name}: ")]
    return [[fields[0], *fields[3:]] for fields in (line.split("|") for line in lines)]


async def hang_up(client: Client) -> None:
    """Leave without a word."""
    connection = client.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()
    await client.close()
