"""The work of a session: what happens in it is answered in its order, in turns with other sessions.

    next_event ─▶ handle ─▶ next_event ─▶ handle ─▶ Waiting ┄┄ it is there ┄┄▶ conclude ─▶ next_event …
                  └─ as often in a row as makes some milliseconds; then the others have their turn

What needs no waiting is answered without a task and without an await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from smtpdsl.runtime.net.conversation import Conversation
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core

# What one session may do before the others have their turn.  Most events are alike; hostile ones need not be, and
# where one takes long another begins only when the others were heard.
_TURN_EVENTS = 128
_TURN_SECONDS = 0.005


class Work:
    """What is done about the events of one session.

    Attributes:
        steps: How many there were; all of a message is one, however it comes.
        is_suspended: Whether something has to be waited for.
    """

    __slots__ = ("_abort", "_conversation", "_go_on", "_has_turn", "_loop", "_session", "is_suspended", "steps")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        session: core.ServerSession,
        conversation: Conversation,
        go_on: Callable[[], None],
        abort: Callable[[], None],
    ) -> None:
        """Let *conversation* answer what happens in *session*.

        Args:
            loop: What the others have their turns on.
            session: The core.
            conversation: It answers what happens there.
            go_on: Called when there is more to do.
            abort: Ends the connection.
        """
        self._loop = loop
        self._session = session
        self._conversation = conversation
        self._go_on = go_on
        self._abort = abort
        self._has_turn = False
        self.is_suspended = False
        self.steps = 0

    @property
    def is_under_way(self) -> bool:
        """Whether it goes on although the client says nothing more."""
        return self.is_suspended or self._has_turn

    def answer(self, *, is_draining: bool) -> None:
        """Answer what has come, until something has to be waited for.

        A session that *is_draining* goes on to the end of its transaction.
        """
        session, conversation = self._session, self._conversation
        rest = _TURN_EVENTS
        # The clock of the loop stands while it waits for us.
        end = monotonic() + _TURN_SECONDS
        while not self.is_suspended:
            event = session.next_event()
            if event is None:
                return
            self.steps += type(event) is not core.ContentReceived
            waiting = conversation.handle(event)
            if waiting is not None:
                self.follow(waiting)
            if is_draining and not conversation.has_transaction:
                return
            rest -= 1
            if not rest or monotonic() > end:
                self._wait_for_turn()
                return

    def follow(self, waiting: Waiting | None) -> None:
        """Suspend until what the client waits for is there, if it waits."""
        if waiting is None:
            return
        self.is_suspended = True

        def resume(done: asyncio.Future[Any]) -> None:
            self.is_suspended = False
            try:
                self.follow(waiting.conclude(done))
                self._go_on()
            except BaseException:
                # A mistake of ours: the loop reports it, and nobody waits for an answer that will not come.
                self._abort()
                raise

        asyncio.ensure_future(waiting.awaitable).add_done_callback(resume)

    def stop(self) -> None:
        """Take notice that the connection is over; what is waited for comes to its end."""
        # The session holds this, and would be held by it.
        self._go_on = self._abort = _do_nothing

    def _wait_for_turn(self) -> None:
        """Go on when the others have had their turn; what comes meanwhile begins no second row of turns."""
        if not self._has_turn:
            self._has_turn = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._has_turn = False
        self._go_on()


def _do_nothing() -> None:
    pass
