"""What a server is given of the machine it runs on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from smtpdsl.ir.answers import Site
from smtpdsl.runtime.interfaces import Route, Supervisor
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.policy import Outside
from smtpdsl.runtime.programs.starting import OwnStarter, Starter
from smtpdsl.runtime.roles.nursery import Nursery
from smtpdsl.runtime.sealing.seals import PLAIN_SEALS, Seals
from smtpdsl.runtime.supervisor.rootless import Rootless


class World(NamedTuple):
    """The machine, as `run` finds it.

    *locate* turns a path of the configuration into one of this machine; *paused* names the
    routes that attempt nothing.  A server that is *rootless* was started as root.  *seals* have the
    keys of the queue.  Where there is a *nursery*, processes that it starts speak with clients.
    *programs* starts those that run as long as the server does.
    """

    site: Site
    outside: Outside
    locate: Callable[[str], str]
    spool: str
    supervisor: Supervisor
    log: Log
    paused: frozenset[Route] = frozenset()
    clock: Callable[[], float] = time.time
    rootless: Rootless | None = None
    seals: Seals = PLAIN_SEALS
    nursery: Nursery | None = None
    programs: Starter = OwnStarter()
