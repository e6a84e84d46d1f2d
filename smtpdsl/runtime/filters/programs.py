"""The filter programs of a server: one process for each `proc` that a listener asks.

start ─▶ ready_within(10)  every one has said what it wants to hear, or it is told which have not
close ─▶                   they read the end of their input, and are ended if they stay
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Globals, Proc
from smtpdsl.runtime.filters.program import FilterProgram, FilterTerms
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.programs.declared import asked_procs, filter_command
from smtpdsl.runtime.programs.starting import Starter


class FilterPrograms:
    """The programs, by how they are declared."""

    def __init__(self, programs: Mapping[Proc, FilterProgram]) -> None:
        """Have *programs*."""
        self._programs = dict(programs)

    def program(self, proc: Proc) -> FilterProgram:
        """Return what runs for *proc*."""
        return self._programs[proc]

    async def start(self, seconds: float) -> list[str]:
        """Start all of them, and wait until they are ready, up to *seconds*; those that are not are named."""
        programs = self._programs.values()
        for each in programs:
            each.process.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(each.process.wait_until_ready() for each in programs))
        return [each.name for each in programs if not each.process.is_ready]

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(each.process.close() for each in self._programs.values()))


NO_PROGRAMS = FilterPrograms({})


def filter_terms(settings: Globals, clock: Callable[[], float]) -> FilterTerms:
    """Return what programs are told of a server with *settings*; *clock* gives seconds since 1970."""
    return FilterTerms(settings.admd.value, int(settings.smtp_limits["idle-timeout"].value), clock)


def filter_programs(
    program: Program, account: Account | None, starter: Starter, log: Log, terms: FilterTerms
) -> FilterPrograms:
    """Return the programs that the listeners of *program* ask; a server of root's becomes *account*."""
    return FilterPrograms(
        {
            proc: FilterProgram(filter_command(proc, account), starter, log, terms, proc.span.place)
            for listener in program.listeners
            for proc in asked_procs(listener.filter)
        }
    )
