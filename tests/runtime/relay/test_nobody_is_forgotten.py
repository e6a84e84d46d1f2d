"""Whatever the limits are, and whatever servers do: every message gets its answer, and nothing is counted for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtime.net.bad_peer import GOOD, Script, Step
from tests.runtime.relay.relaying import Events, attempt_of
from tests.runtime.relay.test_exchangers import Zone
from tests.runtime.relay.test_journey import agent_for
from tests.runtime.relay.test_politeness import Watched
from tests.warp_loop import run

ZONE: Zone = {
    "one.test MX": ["10 a.test", "10 b.test"],
    "two.test MX": ["10 a.test", "20 b.test"],
    "a.test A": ["127.0.0.1", "127.0.0.9"],
    "b.test A": ["127.0.0.2"],
}
LIMITS = {
    **{f"max-conn-per-{name}": (1, 3) for name in ("host", "route", "source", "connector", "relay", "domain")},
    **{f"conn-delay-{name}": (0, 2) for name in ("host", "route", "source", "connector", "relay", "domain")},
    "reconn-delay-route": (0, 2),
    "session-mail-max": (1, 3),
    "session-transaction-delay": (0, 1),
    "session-keepalive": (0, 2),
    "max-failures-per-session": (1, 2),
    "max-mails-per-minute": (0, 60),
}
STEPS: Sequence[tuple[str, Step]] = [
    ("connect", {"reply": "421 busy\r\n"}),
    ("connect", {"close": True}),
    ("EHLO", {"close": True}),
    ("MAIL", {"reply": "421 enough\r\n"}),
    ("MAIL", {"reply": "450 later\r\n"}),
    ("RCPT", {"reply": "550 no\r\n"}),
    ("DATA", {"close": True}),
    (".", {"reply": "250 ok\r\n", "close": True}),
    (".", {"reply": "451 later\r\n"}),
]


@st.composite
def limits(draw: st.DrawFn) -> str:
    """Return some limits."""
    chosen = draw(st.lists(st.sampled_from(sorted(LIMITS)), max_size=5, unique=True))
    return "mta limit session-keepalive 1 " + " ".join(
        f"{name} {draw(st.integers(*LIMITS[name]))}" for name in chosen if name != "session-keepalive"
    )


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Return what a server does: at some times something bad, and then nothing bad any more."""
    script: dict[str, Step | Sequence[Step]] = dict(GOOD)
    for verb, bad in draw(st.lists(st.sampled_from(STEPS), max_size=3)):
        good = GOOD[verb]
        script[verb] = [*[good] * draw(st.integers(0, 4)), bad, good]  # type: ignore[list-item]
    return script


@given(limits=limits(), first=scripts(), second=scripts(), cancelled=st.sets(st.integers(0, 29), max_size=5))
@settings(max_examples=25, deadline=None)
def test_every_message_gets_its_answer(limits: str, first: Script, second: Script, cancelled: set[int]) -> None:
    """Also if some of those that wait are cancelled; in the end no connection is counted any more."""

    async def scene() -> None:
        async with Watched(first) as one, Watched(second, "127.0.0.2", one.port) as two:
            agent = agent_for(ZONE, one.port, Events(), limits, "relay src { 127.0.0.1, 127.0.0.5 }")
            domains = ["one.test", "two.test"]
            tasks = [asyncio.ensure_future(agent.deliver(attempt_of(f"x@{domains[n % 2]}"))) for n in range(30)]
            await asyncio.sleep(0.05)
            for number in cancelled:
                tasks[number].cancel()
            async with asyncio.timeout(10_000):
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.sleep(100)
            relay = agent.administration
            assert [facts for facts in relay.relays() if facts.messages or facts.waiting or facts.connections] == []
            assert [facts for facts in relay.routes() if facts.connections or facts.idle] == []
            assert [facts for facts in relay.hosts() if facts.connections] == []
            await agent.close()
            assert len(one.messages) + len(two.messages) <= 30

    run(scene())
