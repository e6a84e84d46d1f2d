"""One connection of an SMTP client: asyncio outside, inside it the protocol core and what is said.

    octets ──▶ channel: PROXY header, TLS ──▶ core ──event──▶ conversation
    octets ◀──────────────────────── TLS ◀── core ◀──reply── conversation

What needs no waiting is answered inside `data_received`: no task, no await.  While the
client has to wait, reading goes on into the core's buffer, up to a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

from smtpdsl.ir.resolved import ListenerTls
from smtpdsl.mail.envelope import LOCAL
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.net.budget import OUT_OF_MEMORY
from smtpdsl.runtime.net.channel import Channel, ChannelError
from smtpdsl.runtime.net.conversation import Conversation
from smtpdsl.runtime.net.deadlines import Deadlines, Phase
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.protocol import server as core

# Octets that a client may send ahead of our replies.
_AHEAD_OCTETS = 256 * 1024
# What one session may do before the others have their turn: some milliseconds.
_TURN_EVENTS = 128
# After these something else follows than the next command.
_TURNING_POINTS = frozenset({core.State.CLOSED, core.State.SECURING})
# What is asked after each command: members of enumerations take long to find.
_CHUNKS = core.State.CHUNKS
_COMMAND, _PARTIAL, _CONTENT = Phase.COMMAND, Phase.PARTIAL, Phase.CONTENT


class Session(asyncio.Protocol):
    """A connection, from its first octet to its end."""

    def __init__(self, service: Service, arrival: Arrival) -> None:
        """Serve one client of *service*, which the gate has counted."""
        self._service, self._shared = service, service.shared
        self._peer = LOCAL if arrival.source is None else arrival.source
        self._counted: tuple[str | None, ...] = (arrival.counted,)
        self.id = self._shared.next_session_id()
        self._loop = asyncio.get_running_loop()
        self._core = core.ServerSession(self._shared.limits, service.offer, default_domain=service.server_name)
        self._conversation = Conversation(service, self.id, self._core)
        self._channel = self._first_channel()
        self._is_secure = False
        self._has_arrived = False
        self._held_octets = 0
        self._steps = 0
        self._is_suspended = False
        self._is_blocked = False
        self._is_reading = True
        self._is_draining = False
        self._has_turn = False
        self._reason, self._why = "disconnect", ""

    def _first_channel(self) -> Channel | None:
        """What the client has to get through before it is heard."""
        listener = self._service.listener
        is_secure = listener.tls is ListenerTls.IMPLICIT
        if not is_secure and not listener.proxy_versions:
            return None
        return Channel(self._service.tls_context, proxy_versions=listener.proxy_versions, is_secure=is_secure)

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in; behind a proxy, when that has said who it is."""
        # A stream's; that of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._shared.sessions.add(self)
        now = self._loop.time()
        self._deadlines = Deadlines(self._shared.timeouts, now, self._phase())
        self._look_at = now + self._deadlines.next_look(now)
        self._timer = self._loop.call_at(self._look_at, self._look_at_clock)
        if not self._service.listener.proxy_versions:
            self._arrive(self._peer)

    def data_received(self, octets: bytes) -> None:
        """Take what the client says."""
        self._deadlines.heard(self._loop.time(), len(octets))
        if self._channel is not None:
            octets = self._receive_through(self._channel, octets)
        if octets:
            self._core.receive_data(octets)
        self._work()
        if self._channel is not None and self._channel.has_ended:
            self._close()

    def eof_received(self) -> bool:
        """End the connection when the client has ended its side; nothing is accepted half."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transaction."""
        self._timer.cancel()
        self._leave_gate()
        self._shared.budget.give(self._held_octets)
        self._shared.sessions.discard(self)
        if exc is not None and self._reason == "disconnect":
            self._reason = f"io-error: {exc}"
        self._conversation.leave(self._reason, self._why)

    def pause_writing(self) -> None:
        """Stop working for a client that does not read our answers."""
        self._is_blocked = True
        self._set_clock()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_blocked = False
        self._work()

    # ------------------------------------------------------------ for the daemon

    def drain(self) -> None:
        """End when the open transaction has ended; at once if there is none."""
        self._is_draining = True
        self._work()

    def abort(self) -> None:
        """End now; what the client has not been told 250 for, it still has."""
        self._reason = "shutdown"
        self._core.refuse(replies.STOPPING)
        self._write(self._core.data_to_send())
        self._transport.abort()

    # ------------------------------------------------------------ the beginning

    def _arrive(self, source: str) -> None:
        """Greet the client at *source*."""
        self._has_arrived = True
        self._follow(self._conversation.arrive(source))
        self._work()

    def _arrive_by_proxy(self, source: str | None) -> None:
        """Let the client in whom a proxy names, or the proxy itself if it speaks for nobody."""
        self._has_arrived = True
        self._conversation.log.proxied(self._peer)
        self._leave_gate()
        source = source or self._peer
        refused = self._shared.gate.admit(source, self._loop.time())
        if isinstance(refused, Awaitable):
            self._follow(Waiting(refused, lambda done: self._admitted(source, done.result())))
        else:
            self._admitted(source, refused)

    def _admitted(self, source: str, refused: Reply | None) -> None:
        """Greet the client at *source*, unless the gate has *refused* it."""
        if refused is not None:
            self._turn_away(refused)
        elif self._transport.is_closing():
            self._shared.gate.leave(source)
        else:
            self._counted = (source,)
            self._arrive(source)

    def _turn_away(self, reply: Reply) -> None:
        """Close the connection of a client there is no room for; who wants TLS first would not understand a word."""
        self._has_arrived = True
        self._reason, self._why = "refused", " ".join(reply.lines)
        if self._channel is not None and self._channel.is_open:
            self._core.greet(reply)
            self._write(self._core.data_to_send())
        self._transport.close()

    def _leave_gate(self) -> None:
        for source in self._counted:
            self._shared.gate.leave(source)
        self._counted = ()

    def _receive_through(self, channel: Channel, octets: bytes) -> bytes:
        """Return what of *octets* is for the core, after what it says of the client."""
        try:
            octets = channel.receive(octets)
        except ChannelError as error:
            self._reason, self._why = error.reason, str(error)
            self._close()
            return b""
        if channel.proxied is not None and not self._has_arrived:
            self._arrive_by_proxy(channel.proxied.source)
        if channel.facts is not None and not self._is_secure:
            self._is_secure = True
            self._conversation.secured(channel.facts)
        return octets

    # ------------------------------------------------------------ working

    def _work(self) -> None:
        """Answer what can be answered, and write it all at once."""
        if self._transport.is_closing():
            return
        self._answer()
        session = self._core
        ahead_octets = session.buffered_octets
        held_octets = ahead_octets + self._conversation.held_octets
        has_room = held_octets == self._held_octets or self._hold(held_octets)
        if self._is_draining or not has_room:
            self._end_if_told(has_room=has_room)
        self._write(session.data_to_send())
        if session.state in _TURNING_POINTS and self._turn():
            return
        self._set_clock()
        # A client that waits is told when it is its turn; until then it keeps what there is no room for.
        wanted = has_room and ahead_octets <= _AHEAD_OCTETS and not self._is_blocked
        if wanted is not self._is_reading:
            self._read(wanted=wanted)

    def _answer(self) -> None:
        """Answer what has come, until something has to be waited for."""
        session, conversation = self._core, self._conversation
        rest = _TURN_EVENTS
        while not self._is_suspended and not self._is_blocked:
            event = session.next_event()
            if event is None:
                return
            # All of a message is one step, however it comes.
            self._steps += type(event) is not core.ContentReceived
            waiting = conversation.handle(event)
            if waiting is not None:
                self._follow(waiting)
            if self._is_draining and not conversation.has_transaction:
                return
            rest -= 1
            if not rest:
                self._wait_for_turn()
                return

    def _turn(self) -> bool:
        """Let follow what ends a session, or what is said in the clear; return whether it was the end."""
        if self._core.is_closed:
            # As in the logs of OpenSMTPD, whoever of the two ends it.
            if self._reason == "disconnect":
                self._reason, self._why = "quit", self._conversation.why_ended
            self._close()
            return True
        if self._channel is None or self._channel.is_open:
            # What was said in the clear has been written; from here on it is TLS.
            self._channel = Channel(self._service.tls_context)
        return False

    def _wait_for_turn(self) -> None:
        """Go on when the others have had their turn; what comes meanwhile begins no second row of turns."""
        if not self._has_turn:
            self._has_turn = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._has_turn = False
        self._work()

    def _end_if_told(self, *, has_room: bool) -> None:
        """End the session if the server stops, or has no memory left for what it holds."""
        if self._is_suspended:
            return
        if self._is_draining and not self._conversation.has_transaction:
            self._reason = "shutdown"
            self._core.refuse(replies.STOPPING)
        elif not has_room:
            self._reason = "out of memory"
            self._core.refuse(OUT_OF_MEMORY)

    def _hold(self, octets: int) -> bool:
        """Count *octets* as what this session keeps in memory; False if that is too much for all of them."""
        more, budget = octets - self._held_octets, self._shared.budget
        if more > 0 and not budget.take(more):
            return False
        if more < 0:
            budget.give(-more)
        self._held_octets = octets
        return True

    def _follow(self, waiting: Waiting | None) -> None:
        """Suspend until what the client waits for is there, if it waits."""
        if waiting is None:
            return
        self._is_suspended = True

        def resume(done: asyncio.Future[Any]) -> None:
            self._is_suspended = False
            try:
                self._follow(waiting.conclude(done))
                self._work()
            except BaseException:
                # A mistake of ours: the loop reports it, and nobody waits for an answer that will not come.
                self._transport.abort()
                raise

        asyncio.ensure_future(waiting.awaitable).add_done_callback(resume)

    # ------------------------------------------------------------ the transport

    def _read(self, *, wanted: bool) -> None:
        self._is_reading = wanted
        (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _write(self, octets: bytes) -> None:
        if self._channel is not None:
            octets = self._channel.wrap(octets)
        if octets:
            self._transport.write(octets)

    def _close(self) -> None:
        if self._channel is not None and (octets := self._channel.close()):
            self._transport.write(octets)
        self._transport.close()
        if self._transport.get_write_buffer_size():
            # The other clock may stand, and who does not read what is left would stay for ever.
            self._timer.cancel()
            self._timer = self._loop.call_later(self._shared.timeouts.command, self._transport.abort)

    # ------------------------------------------------------------ the clock

    def _phase(self) -> Phase:
        """What the client is at."""
        if self._is_blocked:
            return Phase.UNREAD
        if self._channel is not None and not self._channel.is_open:
            return Phase.HANDSHAKE
        # Between two chunks too, or a message in tiny ones would have time for each.
        if self._core.is_receiving or self._core.state is _CHUNKS:
            return _CONTENT
        return _PARTIAL if self._core.buffered_octets else _COMMAND

    def _set_clock(self) -> None:
        """Give the client the time that it has for what it is at; while we are at work, none of it passes."""
        now = self._loop.time()
        if self._is_suspended:
            self._deadlines.pause(now)
            return
        due = self._deadlines.go_on(now, self._phase(), self._steps)
        if due < self._look_at:
            self._timer.cancel()
            self._look_at = due
            self._timer = self._loop.call_at(due, self._look_at_clock)

    def _look_at_clock(self) -> None:
        """End the session of a client that is too slow; the timer is set anew, however much it says."""
        now = self._loop.time()
        overdue = self._deadlines.due(now)
        if overdue is None:
            self._look_at = now + min(self._deadlines.next_look(now), self._shared.timeouts.idle)
            self._timer = self._loop.call_at(self._look_at, self._look_at_clock)
            return
        self._reason, self._why = "timeout", overdue.why
        if overdue.reply is not None:
            self._core.refuse(overdue.reply)
            self._write(self._core.data_to_send())
        # Who reads nothing either is not waited for.
        (self._transport.abort if self._transport.get_write_buffer_size() else self._close)()
