"""The vectors of our own client: the harness queues a message and plays the server that takes it.

    run ──▶ a route of its own: listener ▶ rule ▶ action ▶ Remote with the script of the vector

All scripted servers are played at once, on one stage.  `relays_by_name` plays the DNS.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from tests.certificates import make_pair
from tests.ports import reserve_port
from tests.vectors import log_lines
from tests.vectors.checks import check_server, warm_up
from tests.vectors.evidence import Evidence, accepted
from tests.vectors.fixture import UID, Knowledge, Route
from tests.vectors.format import Role, Vector
from tests.vectors.judge_client import judge_client
from tests.vectors.modes import Mode
from tests.vectors.played import Door, Played
from tests.vectors.process import StartError
from tests.vectors.remote import Cut, Remote
from tests.vectors.results import Result, Run
from tests.vectors.setups import SetupError
from tests.vectors.stage import Stage
from tests.vectors.steps import Step, Write

# The same program, with the times that a server is waited for divided by 60.
QUICK = "tests.vectors.quick_client"
_STATE_SECONDS = 30.0
# With more of them nobody is answered in the sixtieth part of the time that a server has.
_AT_ONCE = 16
_LMTP = "lmtp"


class _Act(NamedTuple):
    """A run with the server that is played for it."""

    run: Run
    route: Route
    remote: Remote
    part: str


async def play_scripts(knowledge: Knowledge, runs: Sequence[Run]) -> list[Result]:
    """Play the server of each of *runs* by its script."""
    if not runs:
        return []
    try:
        acts = [await _act(number, run) for number, run in enumerate(runs)]
    except SetupError as error:
        return [Result(run, (f"the fixture cannot be made: {error}",)) for run in runs]
    try:
        return await _play(knowledge, acts)
    except StartError as error:
        return [Result(run, (f"the fixture cannot be made: {error}",)) for run in runs]
    finally:
        for act in acts:
            await act.remote.stop()


async def _play(knowledge: Knowledge, acts: Sequence[_Act]) -> list[Result]:
    async with Stage(knowledge, {}, [act.route for act in acts], QUICK) as stage:
        stage.doors.update({act.route.name: Door(act.route.port) for act in acts})
        await warm_up(stage)
        before, first_line = stage.server.measure(), len(stage.server.lines)
        room = asyncio.Semaphore(_AT_ONCE)

        async def play(act: _Act) -> Result:
            async with room:
                return await _play_act(stage, act)

        results = await asyncio.gather(*map(play, acts))
        common = await check_server(stage, before, first_line)
    if common and len(acts) > 1:
        # Alone, nobody else can be to blame.
        return [result for act in acts for result in await play_scripts(knowledge, [act.run])]
    return [result.with_problems(common) for result in results]


async def _act(number: int, run: Run) -> _Act:
    """Prepare the server of *run*, which listens, and the route that leads there."""
    vector = run.vector
    remote = Remote(vector.script, server_context(), Cut(run.mode, run.random))
    await remote.start()
    domain = _recipients(vector)[0].rpartition("@")[2]
    part, action = _action(vector, remote.port)
    return _Act(run, Route(f"OUT{number}", action, domain, reserve_port()), remote, part)


def _action(vector: Vector, port: int) -> tuple[str, str]:
    """Return what a vector needs if its action is not served, and the action."""
    where = f"127.0.0.1:{port}"
    setup = {kind: value for kind, value in vector.setup.items() if kind != "recipients"}
    speaks_of_tls = any(step.on.upper() in ("STARTTLS", "TLS") for step in vector.script)
    match setup:
        case {"relay": "tls required"}:
            return "relay client security", f"relay host smtp+tls://{where}"
        case {"relay": "auth and tls"}:
            return "relay client security", f'relay host smtp+tls://label@{where} auth {{ "label" = "user:password" }}'
        case {"action": "lmtp"}:
            users = ", ".join(f'"{each.partition("@")[0]}" = "{UID}:{UID}:/home/alice"' for each in _recipients(vector))
            return _LMTP, f'lmtp "{where}" rcpt-to userbase {{ {users} }}'
        case {} if not setup:
            scheme = "smtp" if speaks_of_tls else "smtp+notls"
            return "relay client security", f"relay host {scheme}://{where}"
    message = f"the harness knows no setup {setup!r} for our own client"
    raise SetupError(message)


def _recipients(vector: Vector) -> list[str]:
    """Return for whom the message is: the one that is named, and as many more as the setup says."""
    local_part, _, domain = vector.queued_for.rpartition("@")
    count = vector.setup.get("recipients", 1)
    if not isinstance(count, int):
        message = f"{count!r} is no number of recipients"
        raise SetupError(message)
    more = range(2, count + 1)
    return [vector.queued_for, *(f"{local_part}{number}@{domain}" for number in more)]


async def _play_act(stage: Stage, act: _Act) -> Result:
    missing = stage.configuration.missing.get(act.route.name)
    if missing is not None:
        return Result(act.run, needs=f"{act.part}: {missing}")
    act.remote.replace_in_script(b"$PWN", str(stage.pwn).encode())
    recipients = _recipients(act.run.vector)
    played = await queue_message(stage, act.run, act.route.name, recipients)
    identifiers = set(accepted(played))
    if played.problems or len(identifiers) != 1:
        return Result(act.run, (f"the message could not be queued: {played.codes} {played.problems}",))
    evidence = await evidence_of(stage, identifiers, len(recipients))
    return Result(act.run, tuple(judge_client(act.run.vector, evidence, act.remote.conversations)))


async def queue_message(stage: Stage, run: Run, listener: str, recipients: Sequence[str]) -> Played:
    """Queue a message for *recipients* at *listener*."""
    steps: list[Step] = [Write(b"MAIL FROM:<alice@local.test>\r\n")]
    steps += [Write(b"RCPT TO:<%s>\r\n" % each.encode()) for each in recipients]
    steps += [Write(b"DATA\r\n"), Write(b"From: <alice@local.test>\r\nSubject: out\r\n\r\nbody of a message\r\n.\r\n")]
    codes = ["250"] * (1 + len(recipients)) + ["354", "250"]
    vector = run.vector._replace(
        listener=listener, role=Role.CLIENT, pre="ehlo", steps=tuple(steps), codes=tuple(codes), conn="open", setup={}
    )
    _, played = await stage.play(Run(vector, Mode.WHOLE, run.seed))
    return played


async def evidence_of(stage: Stage, identifiers: set[str], count: int) -> Evidence:
    """Wait until *count* deliveries of the messages have been tried, and return what the log has of them."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + _STATE_SECONDS
    while True:
        tried = [each for each in log_lines.attempts(stage.server.lines) if each.message in identifiers]
        if len(tried) >= count or loop.time() > give_up:
            break
        await stage.server.wait_for_log(0.5)
    lines = [line for line in stage.server.lines if line[:8].decode("latin-1") in identifiers]
    return Evidence(log=lines, attempts=tried, pwn=stage.pwn)


def server_context() -> ssl.SSLContext:
    """Return a context with a certificate that nobody vouches for."""
    pair = make_pair("remote.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context
