"""One connection of an SMTP client: asyncio outside, inside it the protocol core and what is said.

    octets ──▶ channel: PROXY header, TLS ──▶ core ──event──▶ conversation
    octets ◀──────────────────────── TLS ◀── core ◀──reply── conversation

What needs no waiting is answered inside `data_received`.  While the client has to wait, reading
goes on into the core's buffer, up to a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import cast

from smtpdsl.mail.envelope import LOCAL
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.acceptor import Arrival
from smtpdsl.runtime.net.budget import OUT_OF_MEMORY
from smtpdsl.runtime.net.channel import Channel, ChannelError
from smtpdsl.runtime.net.conversation import Conversation
from smtpdsl.runtime.net.deadlines import Overdue, Phase
from smtpdsl.runtime.net.reported_session import ReportedSession, core_session
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.net.session_clock import SessionClock
from smtpdsl.runtime.net.waiting import Waiting
from smtpdsl.runtime.net.wire import Wire, first_channel
from smtpdsl.runtime.net.work import Work
from smtpdsl.runtime.protocol import server as core

# Octets that a client may send ahead of our replies.
_AHEAD_OCTETS = 256 * 1024
# After these something else follows than the next command.
_TURNING_POINTS = frozenset({core.State.CLOSED, core.State.SECURING})
# Only in these there is something of a message in memory; with two chunks to come as with a message.
_WITH_CONTENT = frozenset({core.State.DATA, core.State.CHUNK, core.State.CHUNKS})
# What is asked after each command: members of enumerations take long to find.
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
        self._core = core_session(service)
        self._conversation = Conversation(service, self.id, self._core)
        self._wire = Wire(first_channel(service.listener, service.tls_context))
        self._work = Work(self._loop, self._core, self._conversation, self._go_on, self._wire.abort)
        self._is_secure = False
        self._has_arrived = False
        self._held_octets = 0
        self._is_blocked = False
        self._is_draining = False
        self._has_heard_all = False
        self._reason, self._why = "disconnect", ""

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in; behind a proxy, when that has said who it is."""
        # A stream's; that of uvloop is no subclass.
        self._wire.connect(cast("asyncio.Transport", transport))
        self._shared.sessions.add(self)
        if isinstance(self._core, ReportedSession):
            self._core.came_by(transport)
        self._clock = SessionClock(self._loop, self._shared.timeouts, self._phase(), self._end_as_overdue)
        if not self._service.listener.proxy_versions:
            self._arrive(self._peer)

    def data_received(self, octets: bytes) -> None:
        """Take what the client says."""
        self._clock.heard(len(octets))
        channel = self._wire.channel
        if channel is not None:
            octets = self._receive_through(channel, octets)
        if octets:
            self._core.receive_data(octets)
        self._go_on()
        if channel is not None and channel.has_ended:
            self._close()

    def eof_received(self) -> bool:
        """End the connection when the client has ended its side and has got its answers; nothing is accepted half."""
        self._has_heard_all = True
        is_greeted = self._core.state is not core.State.CONNECTED
        return is_greeted and (self._work.is_under_way or self._is_blocked)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transaction."""
        self._clock.stop()
        self._work.stop()
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
        self._go_on()

    # ------------------------------------------------------------ for the daemon

    def drain(self) -> None:
        """End when the open transaction has ended; at once if there is none."""
        self._is_draining = True
        self._go_on()

    def abort(self) -> None:
        """End now; what the client has not been told 250 for, it still has."""
        self._reason = "shutdown"
        self._core.refuse(replies.STOPPING)
        self._wire.write(self._core.data_to_send())
        self._wire.abort()

    # ------------------------------------------------------------ the beginning

    def _arrive(self, source: str) -> None:
        """Greet the client at *source*."""
        self._has_arrived = True
        self._work.follow(self._conversation.arrive(source))
        self._go_on()

    def _arrive_by_proxy(self, source: str | None) -> None:
        """Let the client in whom a proxy names, or the proxy itself if it speaks for nobody."""
        self._has_arrived = True
        self._conversation.log.proxied(self._peer)
        self._leave_gate()
        source = source or self._peer
        refused = self._shared.gate.admit(source, self._loop.time())
        if isinstance(refused, Awaitable):
            self._work.follow(Waiting(refused, lambda done: self._admitted(source, done.result())))
        else:
            self._admitted(source, refused)

    def _admitted(self, source: str, refused: Reply | None) -> None:
        """Greet the client at *source*, unless the gate has *refused* it."""
        if refused is not None:
            self._turn_away(refused)
        elif self._wire.is_closing():
            self._shared.gate.leave(source)
        else:
            self._counted = (source,)
            self._arrive(source)

    def _turn_away(self, reply: Reply) -> None:
        """Close the connection of a client there is no room for; who wants TLS first would not understand a word."""
        self._has_arrived = True
        self._reason, self._why = "refused", " ".join(reply.lines)
        if self._wire.is_open:
            self._core.greet(reply)
            self._wire.write(self._core.data_to_send())
        self._wire.close()

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

    def _go_on(self) -> None:
        """Answer what can be answered, and write it all at once."""
        if self._wire.is_closing():
            return
        if not self._is_blocked:
            self._work.answer(is_draining=self._is_draining)
        session = self._core
        ahead_octets = session.buffered_octets
        held_octets = ahead_octets
        if session.state in _WITH_CONTENT:
            held_octets += self._conversation.held_octets
        if held_octets != self._held_octets:
            self._held_octets = self._shared.budget.change(self._held_octets, held_octets)
        has_room = self._held_octets == held_octets
        if self._is_draining or not has_room:
            self._end_if_told(has_room=has_room)
        self._wire.write(session.data_to_send())
        if session.state in _TURNING_POINTS and self._turn():
            return
        if self._has_heard_all and not self._work.is_under_way and not self._is_blocked:
            self._close()
            return
        self._set_clock()
        # A client that waits is told when it is its turn; until then it keeps what there is no room for.
        wanted = has_room and ahead_octets <= _AHEAD_OCTETS and not self._is_blocked
        if wanted is not self._wire.is_reading:
            self._wire.read(wanted=wanted)

    def _turn(self) -> bool:
        """Let follow what ends a session, or what is said in the clear; return whether it was the end."""
        if self._core.is_closed:
            # As in the logs of OpenSMTPD, whoever of the two ends it.
            if self._reason == "disconnect":
                self._reason, self._why = "quit", self._conversation.why_ended
            self._close()
            return True
        if self._wire.is_open:
            # What was said in the clear has been written.
            self._wire.secure(self._service.tls_context)
        return False

    def _end_if_told(self, *, has_room: bool) -> None:
        """End the session if the server stops, or has no memory left for what it holds."""
        if self._work.is_suspended:
            return
        if self._is_draining and not self._conversation.has_transaction:
            self._reason = "shutdown"
            self._core.refuse(replies.STOPPING)
        elif not has_room:
            self._reason = "out of memory"
            self._core.refuse(OUT_OF_MEMORY)

    def _close(self) -> None:
        self._wire.close()
        if self._wire.has_unwritten:
            # The clock may stand, and who does not read what is left would stay for ever.
            self._clock.stop_within(self._shared.timeouts.command, self._wire.abort)

    # ------------------------------------------------------------ the clock

    def _phase(self) -> Phase:
        """What the client is at."""
        if self._is_blocked:
            return Phase.UNREAD
        if self._wire.channel is not None and not self._wire.is_open:
            return Phase.HANDSHAKE
        session = self._core
        # Between two chunks too, or a message in tiny ones would have time for each.
        if session.state in _WITH_CONTENT or session.is_receiving:
            return _CONTENT
        return _PARTIAL if session.buffered_octets else _COMMAND

    def _set_clock(self) -> None:
        """Give the client the time that it has for what it is at; while we are at work, none of it passes."""
        if self._work.is_suspended:
            self._clock.stand_still()
        else:
            self._clock.go_on(self._phase(), self._work.steps)

    def _end_as_overdue(self, overdue: Overdue) -> None:
        """End the session of a client that is too slow."""
        self._reason, self._why = "timeout", overdue.why
        if overdue.reply is not None:
            self._core.refuse(overdue.reply)
            self._wire.write(self._core.data_to_send())
        # Who reads nothing either is not waited for.
        (self._wire.abort if self._wire.has_unwritten else self._close)()
