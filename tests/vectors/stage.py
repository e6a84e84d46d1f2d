"""A fixture that runs: a server in a folder of its own, the sink, and what is known of its parts.

Stage(setup) ──start──▶ files ▶ configuration ▶ server     what it refuses is left out, and noted
             ──play───▶ Played                             from a source address of the run's own
             ──settle─▶ Evidence                           when everything accepted has been tried
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.srs import Srs
from tests.vectors import log_lines
from tests.vectors.evidence import Finds, accepted
from tests.vectors.fixture import PARTS, SRS_KEY, Configuration, Knowledge, Route, configuration, listener_ports
from tests.vectors.format import Role, Vector
from tests.vectors.modes import Mode
from tests.vectors.played import Door, Played
from tests.vectors.player import Player
from tests.vectors.process import ServerProcess, StartError
from tests.vectors.remote import Remote
from tests.vectors.results import Run
from tests.vectors.setups import apply_setup, filter_command, prepare_root
from tests.vectors.steps import Early, Repeat, Slowly, Step, Write
from tests.vectors.wire import Wire

_SETTLE_SECONDS = 20.0
_DAY = 24 * 3600
_QUIET_SECONDS = 10.0
_PROBE = Vector(
    id="probe",
    area="",
    listener="mx",
    role=Role.CLIENT,
    pre="ehlo",
    needs=(),
    setup={},
    steps=(Write(b"QUIT\r\n"),),
    script=(),
    expect="",
    codes=("221",),
    conn="closed",
    accepted=None,
    never=(),
    states=frozenset(),
)
# Each run has an address of its own in 127.1.0.0/16 …; those of the harness itself are in 127.0.1.0/24.
_SOURCES = itertools.count(1)
WITNESS = "127.0.1.1"
WARM_UP = "127.0.1.2"


def _old_address() -> str:
    """Return an address that this server would have made a month ago, as if the clock had been moved since."""
    sender = Mailbox.parse("victim@remote.test")
    return str(Srs(key=SRS_KEY, days=4).encode(sender, "local.test", time.time() - 30 * _DAY))


class Stage:
    """Everything that a vector is played on."""

    def __init__(
        self,
        knowledge: Knowledge,
        setup: Mapping[str, Any],
        routes: Sequence[Route] = (),
        module: str = "",
        resolver: str = "",
    ) -> None:
        """Prepare nothing yet; with a *resolver* the server asks that address for names."""
        self._resolver = resolver
        self._knowledge, self._setup, self._routes = knowledge, setup, routes
        self._module = module or knowledge.module
        self.doors: dict[str, Door] = listener_ports()
        self.sink = Remote()
        self.extensions: dict[str, frozenset[str]] = {}

    async def __aenter__(self) -> Self:
        """Make it.

        Raises:
            SetupError: Nobody knows what the setup means.
            StartError: The server does not start.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="smtpdsl-vectors-")
        self.folder = Path(self._temporary.name)
        self.folder.chmod(0o755)
        self.server = ServerProcess(self.folder, self._module, self._mount() if self._resolver else ())
        self.pwn = self.folder / "pwn"
        try:
            prepare_root(self.server.root)
            changes = apply_setup(self.server.root, self._setup, self.pwn)
            await self.sink.start()
            command = filter_command(changes.filter_behaviour)
            lines = configuration(self.doors, self.sink.port, changes, self._routes, command)
            self.finds = Finds(self.server, self.sink, self.pwn)
            async with self._knowledge.is_first if not self._knowledge.has_asked else nullcontext():
                self.configuration = Configuration(lines, self._knowledge)
                await self._start()
                self._knowledge.has_asked = True
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it down."""
        await self.server.stop()
        if self.sink.port:
            await self.sink.stop()
        self._temporary.cleanup()

    def _mount(self) -> tuple[str, ...]:
        """Return what shows the server a resolv.conf of its own, and nobody else."""
        file = self.folder / "resolv.conf"
        file.write_text(f"nameserver {self._resolver}\n")
        command = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'
        return ("unshare", "--mount", "sh", "-ec", command, "sh", str(file))

    async def _start(self) -> None:
        while not self.configuration.useless and (refusals := await self.server.start(self.configuration.text)):
            if unknown := self.configuration.remove(refusals):
                raise StartError("\n".join(unknown))

    # ------------------------------------------------------------ what can be judged

    async def missing(self, vector: Vector) -> str:
        """Return what *vector* needs and is not built yet, or nothing."""
        missing = self.configuration.missing
        if useless := self.configuration.useless:
            return useless
        part = PARTS.get(vector.listener)
        if part in missing:
            return f"{part}: {missing[part]}"
        for word in vector.needs:
            if word not in await self._extensions_of(vector.listener):
                return f"{word}: the listener does not offer it"
        return ""

    async def _extensions_of(self, listener: str) -> frozenset[str]:
        """Return the words of the reply to EHLO."""
        if listener not in self.extensions:
            probe = _PROBE._replace(listener=listener)
            played = await Player(probe, Mode.WHOLE, self.doors[listener], WARM_UP, Random(0)).play()  # noqa: S311
            lines = [line for reply in played.early if reply.code == "250" for line in reply.lines]
            self.extensions[listener] = frozenset(line.partition(" ")[0].upper() for line in lines)
        return self.extensions[listener]

    # ------------------------------------------------------------ playing

    async def play(self, run: Run) -> tuple[str, Played]:
        """Play *run* from an address of its own; return that address and what was seen."""
        number = next(_SOURCES)
        source = f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{1 + number % 250}"
        vector = run.vector._replace(steps=tuple(self._filled(step) for step in run.vector.steps))
        return source, await Player(vector, run.mode, self.doors[vector.listener], source, run.random).play()

    def _filled(self, step: Step) -> Step:
        """Put what only a stage knows in the place of names."""
        if isinstance(step, Write | Repeat | Slowly | Early) and b"$" in step.octets:
            octets = step.octets.replace(b"$PWN", str(self.pwn).encode())
            return step._replace(octets=octets.replace(b"$VALID_SRS0", _old_address().encode()))
        return step

    async def greeting_seconds(self) -> float:
        """Return how long another client waits for its greeting."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        wire = await Wire.connect(self.doors["mx"].port, WITNESS)
        while not wire.reader.replies and not wire.is_closed and await wire.news(_QUIET_SECONDS):
            pass
        seconds = loop.time() - start if wire.codes == ["220"] else float("inf")
        await wire.leave()
        return seconds

    # ------------------------------------------------------------ afterwards

    async def settle(self, played: Iterable[Played]) -> None:
        """Wait until a delivery of everything that was accepted has been tried."""
        wanted = {identifier for each in played for identifier in accepted(each)}
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _SETTLE_SECONDS
        tried, announced, seen = Counter[str](), Counter[str](), 0
        while loop.time() < give_up:
            new = self.server.lines[seen:]
            seen += len(new)
            tried.update(each.message for each in log_lines.attempts(new))
            announced.update(log_lines.envelopes(new))
            if all(tried[each] >= max(1, announced[each]) for each in wanted):
                return
            await self.server.wait_for_log(0.2)
