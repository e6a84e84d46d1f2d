"""All of the queue at once, in any order of events."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import (
    Attempt,
    Envelope,
    Outcome,
    Route,
)
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.store import Summary
from smtpdsl.runtime.sealing.keys import Key, Keys
from smtpdsl.runtime.sealing.seals import Seals
from tests.runtime.queue.sample import (
    LATER,
    OK,
    Post,
    local,
    relayed,
    run,
)

USERS = st.sampled_from(["joe", "bob", "sue"])
HOSTS = st.sampled_from(["a.example", "b.example"])
ENVELOPES = st.builds(local, USERS) | st.builds(lambda host: relayed(f"user@{host}"), HOSTS)
MESSAGES = st.lists(ENVELOPES, min_size=1, max_size=8)
STEPS = MESSAGES | st.sampled_from([*Route, 15.0])
KEY, NEW_KEY = Key(Secret(b"k" * 32)), Key(Secret(b"n" * 32))
# Of one life of the server after the other.
SEALS = [
    Seals(Keys(KEY, [NEW_KEY]), compresses=True),
    Seals(Keys(None, [KEY, NEW_KEY])),
    Seals(Keys(NEW_KEY, [KEY])),
]


@given(
    lives=st.lists(st.lists(STEPS, max_size=6), min_size=1, max_size=3),
    failures=st.lists(st.booleans(), max_size=40),
    urgencies=st.lists(st.sampled_from([None, -4, 4]), max_size=9),
    bound=st.integers(2, 9),
)
def test_everything_is_delivered_once(
    tmp_path_factory: pytest.TempPathFactory,
    lives: list[list[list[Envelope] | Route | float]],
    failures: list[bool],
    urgencies: list[int | None],
    bound: int,
) -> None:
    """Whatever comes in, fails for now, is paused, resumed and restarted, with whatever room, and however sealed."""
    settings = Settings(Limits(2, 1), Limits(2, 1), max_inflight=bound, max_content_octets=99, max_per_lane=bound // 2)
    folder = tmp_path_factory.mktemp("spool")
    fails, urgent = iter(failures), iter(urgencies)
    expected: list[str] = []
    delivered: list[str] = []

    def answer(attempt: Attempt) -> Sequence[Outcome]:
        outcomes = [LATER if next(fails, False) else OK for _ in attempt.envelopes]
        pairs = zip(attempt.envelope_ids, outcomes, strict=True)
        delivered.extend(shown for shown, outcome in pairs if outcome is OK)
        return outcomes

    async def take(post: Post, step: list[Envelope] | Route | float, paused: set[Route]) -> None:
        if isinstance(step, Route):
            (post.queue.resume if step in paused else post.queue.pause)(step)
            paused ^= {step}
        elif isinstance(step, list):
            number = await post.submit(*step, options=MailOptions(mt_priority=next(urgent, None)))
            expected.extend(envelope_hex(envelope_number(number, 1 + each)) for each in range(len(step)))
        else:
            await post.advance(step)

    async def live(steps: list[list[Envelope] | Route | float], seals: Seals, *, is_last: bool) -> None:
        post = Post(folder, settings._replace(seals=seals))
        post.local.answer = post.relay.answer = answer
        paused: set[Route] = set()
        async with post:
            for step in steps:
                await take(post, step, paused)
            if is_last:
                for route in paused:
                    post.queue.resume(route)
                for _ in range(60):
                    await post.advance(3600)
                assert await post.queue.summary() == Summary()

    for number, steps in enumerate(lives, 1):
        run(live(steps, SEALS[number % len(SEALS)], is_last=number == len(lives)))

    assert sorted(delivered) == sorted(expected)
