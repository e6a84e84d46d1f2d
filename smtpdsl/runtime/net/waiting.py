"""What a client has to wait for, and what is done with it when it is there.

Waiting(future, conclude)      the session reads on and answers nothing; then it calls `conclude(future)`
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple


class Waiting(NamedTuple):
    """The client has to wait for *awaitable*; what it came to goes to *conclude*, which may wait once more."""

    awaitable: Awaitable[Any]
    conclude: Callable[[asyncio.Future[Any]], Waiting | None]
