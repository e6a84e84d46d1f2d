"""When an envelope is tried again, and when it has waited long enough; pure, the time is an argument.

    tries    created + B * n * n     relay, B = 400 s: 6m40s, 26m40s, 1h …; local, B = 10 s: 10s, 40s, 1m30s …
             └─ n failed tries

After a failure the smallest n that is at least the number of failed tries and lies in the
future is used: a server that was down does not make up for the tries it has missed.
"""

from __future__ import annotations

import math

from smtpdsl.runtime.interfaces import Route

# Seconds; what OpenSMTPD uses.
BASE_SECONDS = {Route.RELAY: 400, Route.LOCAL: 10}


def next_try(created: float, tries: int, now: float, route: Route) -> float:
    """Return the moment of the next attempt, after *now*.

    Args:
        created: When the message was accepted.
        tries: How many attempts have failed, at least 1.
        now: The moment of the last failure.
        route: How the envelope leaves the queue.
    """
    base = BASE_SECONDS[route]
    # A clock that was set back must not make mail wait for the time it once showed.
    start = min(created, now)
    step = max(tries, math.isqrt(int((now - start) / base)))
    while (due := start + base * step * step) <= now:
        step += 1
    return due


def expires(created: float, ttl: int) -> float:
    """Return the moment from which a failed envelope is not tried again."""
    return created + ttl
