"""One connection of an SMTP client: asyncio outside, the protocol core and the policy inside.

    octets ──▶ core ──event──▶ here ──▶ policy, transaction, queue
    octets ◀── core ◀──reply── here ◀──

What needs no waiting is answered inside `data_received`: no task, no await.  Only storing
mail data suspends the session; then reading goes on into the core's buffer, up to a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from smtpdsl.mail.envelope import Client
from smtpdsl.mail.reply import Reply
from smtpdsl.mail.trace import Reception, received_field
from smtpdsl.runtime.interfaces import StorageError, StorageFullError
from smtpdsl.runtime.net import replies
from smtpdsl.runtime.net.service import Service
from smtpdsl.runtime.policy import Accepted
from smtpdsl.runtime.protocol import server as core
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number, message_hex
from smtpdsl.runtime.transaction import Transaction

# Octets that a client may send ahead while its message is being stored.
_AHEAD_OCTETS = 256 * 1024


class Session(asyncio.Protocol):
    """A connection, from the greeting to its end."""

    def __init__(self, service: Service) -> None:
        """Serve one client of *service*."""
        self.id = service.next_session_id()
        self._service = service
        self._client = Client(source="", tag=service.listener.tag.value)
        self._core = core.ServerSession(service.limits, default_domain=service.server_name)
        self._transaction: Transaction | None = None
        self._loop = asyncio.get_running_loop()
        self._is_suspended = False
        self._is_storing = False
        self._is_blocked = False
        self._is_reading = True
        self._is_draining = False
        self._last_heard = self._loop.time()
        self._reason = "disconnect"
        self._handlers: dict[type, Callable[..., None]] = {
            core.Helo: self._on_helo,
            core.Ehlo: self._on_ehlo,
            core.Mail: self._on_mail,
            core.Rcpt: self._on_rcpt,
            core.Data: self._on_data,
            core.ContentReceived: self._on_content,
            core.EndOfContent: self._on_end_of_content,
            core.Rset: self._on_rset,
            core.Noop: lambda _: self._reply(replies.OK),
            core.Quit: self._on_quit,
            core.Vrfy: lambda _: self._reply(replies.CANNOT_VERIFY),
            core.Help: lambda _: self._reply(replies.HELP),
            core.Refused: self._on_refused,
        }

    # ------------------------------------------------------------ what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        # A stream's; that of uvloop is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._service.sessions.add(self)
        self._client = self._client.replace(source=_source(transport.get_extra_info("peername")))
        shown = self._client.source
        self._log("smtp connected", {"address": shown, "host": self._client.rdns or "<unknown>"})
        self._timer = self._loop.call_later(self._service.idle_seconds, self._look_at_clock)
        self._core.greet(Reply(code=220, lines=(f"{self._service.server_name} ESMTP smtpdsl",)))
        self._work()

    def data_received(self, octets: bytes) -> None:
        """Take what the client says."""
        self._last_heard = self._loop.time()
        self._core.receive_data(octets)
        self._work()

    def eof_received(self) -> bool:
        """End the connection when the client has ended its side; nothing is accepted half."""
        self._reason = "disconnect"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transaction."""
        self._timer.cancel()
        self._service.sessions.discard(self)
        if not self._is_storing:
            self._end_transaction()
        reason = f"io-error: {exc}" if exc is not None and self._reason == "disconnect" else self._reason
        self._log("smtp disconnected", {"reason": reason})

    def pause_writing(self) -> None:
        """Stop working for a client that does not read our answers."""
        self._is_blocked = True

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
        self._transport.abort()

    # ------------------------------------------------------------ working

    def _work(self) -> None:
        """Answer what can be answered, and write it all at once."""
        if self._transport.is_closing():
            return
        session = self._core
        while not self._is_suspended and not self._is_blocked:
            event = session.next_event()
            if event is None:
                break
            self._handlers[type(event)](event)
        if self._is_draining and not self._is_suspended and self._transaction is None:
            self._reason = "shutdown"
            session.refuse(replies.STOPPING)
        if answer := session.data_to_send():
            self._transport.write(answer)
        if session.is_closed:
            # As in the logs of OpenSMTPD, whoever of the two ends it.
            self._reason = "quit" if self._reason == "disconnect" else self._reason
            self._transport.close()
        elif session.buffered_octets > _AHEAD_OCTETS or self._is_blocked:
            self._read(wanted=False)
        elif not self._is_reading:
            self._read(wanted=True)

    def _read(self, *, wanted: bool) -> None:
        if wanted is not self._is_reading:
            self._is_reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def _wait_for(self, awaitable: Awaitable[None], then: Callable[[asyncio.Future[None]], None]) -> None:
        """Suspend until *awaitable* is done."""
        self._is_suspended = True

        def resume(done: asyncio.Future[None]) -> None:
            self._is_suspended = False
            self._last_heard = self._loop.time()
            then(done)
            self._work()

        asyncio.ensure_future(awaitable).add_done_callback(resume)

    def _look_at_clock(self) -> None:
        """End the session of a client that has said nothing for too long; one timer each, however much it says."""
        silent = self._loop.time() - self._last_heard
        rest = self._service.idle_seconds - silent
        if rest > 0 or self._is_suspended:
            self._timer = self._loop.call_later(max(rest, 1.0), self._look_at_clock)
            return
        self._reason = "timeout"
        self._core.refuse(replies.IDLE)
        self._transport.write(self._core.data_to_send())
        # Who reads nothing either is not waited for.
        (self._transport.abort if self._transport.get_write_buffer_size() else self._transport.close)()

    # ------------------------------------------------------------ events

    def _on_helo(self, event: core.Helo) -> None:
        self._identify(event.domain, [])

    def _on_ehlo(self, event: core.Ehlo) -> None:
        self._identify(event.domain, list(self._core.extensions))

    def _identify(self, domain: str, extensions: list[str]) -> None:
        self._end_transaction()
        self._client = self._client.replace(helo=domain)
        address = self._client.source if self._client.source.startswith("[") else f"[{self._client.source}]"
        greeting = f"{self._service.server_name} Hello {domain} {address}, pleased to meet you"
        self._reply(Reply(code=250, lines=(greeting, *extensions)))

    def _on_mail(self, event: core.Mail) -> None:
        self._transaction = Transaction(event.reverse_path, self._service.intake)
        self._reply(replies.OK)

    def _on_rcpt(self, event: core.Rcpt) -> None:
        transaction = self._open_transaction()
        judgement = self._service.policy.judge(self._client, transaction.reverse_path, event.mailbox)
        if isinstance(judgement, Accepted):
            transaction.add(event.mailbox, judgement.envelopes)
            self._reply(replies.RECIPIENT_OK)
        else:
            self._refuse(judgement.reply, {"rule": judgement.rule, "why": judgement.why})

    def _on_data(self, _: core.Data) -> None:
        transaction = self._open_transaction()
        listener = self._service.listener
        reception = Reception(
            client=self._client,
            server_name=self._service.server_name,
            protocol="ESMTP" if self._core.is_esmtp else "SMTP",
            identifier=message_hex(transaction.message_id),
            time=self._service.clock(),
            recipient=transaction.recipients[0] if len(transaction.recipients) == 1 else None,
            masks_source=listener.mask_src,
            tells_login=listener.received_auth,
        )
        transaction.begin_content(received_field(reception))
        self._reply(replies.GO_AHEAD)

    def _on_content(self, event: core.ContentReceived) -> None:
        waiting = self._open_transaction().write(event.octets)
        if waiting is not None:
            self._wait_for(waiting, _look_at_result)

    def _on_end_of_content(self, event: core.EndOfContent) -> None:
        transaction = self._open_transaction()
        content = transaction.end(is_whole=event.problem is None)
        if content is None:
            self._transaction = None
            problem = event.problem or transaction.problem
            assert problem is not None, "a message is refused for a reason"
            self._refuse(problem, {})
            return
        submission = transaction.submission(self._client, self._service.clock(), content)
        self._is_storing = True
        self._wait_for(self._service.intake.enqueue(submission), self._on_stored)

    def _on_stored(self, done: asyncio.Future[None]) -> None:
        """Tell the client: only now is the message ours."""
        transaction = self._open_transaction()
        self._transaction, self._is_storing = None, False
        try:
            done.result()
        except StorageError as error:
            self._refuse(replies.FULL if isinstance(error, StorageFullError) else replies.TROUBLE, {"why": error})
        else:
            self._log_message(transaction)
            text = f"{message_hex(transaction.message_id)} Message accepted for delivery"
            self._reply(Reply(code=250, enhanced_status="2.0.0", lines=(text,)))

    def _on_rset(self, _: core.Rset) -> None:
        self._end_transaction()
        self._reply(replies.OK)

    def _on_quit(self, _: core.Quit) -> None:
        self._reason = "quit"
        self._end_transaction()
        self._reply(replies.BYE)

    def _on_refused(self, event: core.Refused) -> None:
        self._log_refusal(event.command_line, event.reply, {})

    # ------------------------------------------------------------ helpers

    def _open_transaction(self) -> Transaction:
        assert self._transaction is not None, "the core lets none of these happen outside of a transaction"
        return self._transaction

    def _end_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.discard()
            self._transaction = None

    def _reply(self, reply: Reply) -> None:
        self._core.reply(reply)

    def _refuse(self, reply: Reply, reasons: dict[str, object]) -> None:
        self._log_refusal(self._core.last_command, reply, reasons)
        self._core.reply(reply)

    def _log(self, name: str, values: dict[str, object]) -> None:
        self._service.log.event(self.id, name, values)

    def _log_refusal(self, command: str, reply: Reply, reasons: dict[str, object]) -> None:
        result = str(reply).replace("\r\n", " ")
        values = {"command": command, "result": result, **reasons, "config": self._service.configuration}
        self._log("smtp failed-command", values)

    def _log_message(self, transaction: Transaction) -> None:
        protocol = "ESMTP" if self._core.is_esmtp else "SMTP"
        message = message_hex(transaction.message_id)
        count = len(transaction.recipients)
        self._log("smtp message", {"msgid": message, "size": transaction.size, "nrcpt": count, "proto": protocol})
        # The last envelope of each recipient stands for it.
        numbers = {each.recipient: position for position, each in enumerate(transaction.envelopes, 1)}
        for recipient, position in numbers.items():
            envelope = envelope_hex(envelope_number(transaction.message_id, position))
            values = {"evpid": envelope, "from": transaction.reverse_path, "to": f"<{recipient}>"}
            self._log("smtp envelope", values)


def _look_at_result(done: asyncio.Future[None]) -> None:
    """Take notice of a failure; the end of data fails for it."""
    if not done.cancelled():
        done.exception()


def _source(peer: object) -> str:
    """Return the client's address as rules compare it."""
    match peer:
        case (str(host), int(_)):
            return host
        case (str(host), int(_), *_):
            # A client of an IPv4 address on an IPv6 socket is a client of that address.
            mapped = host.removeprefix("::ffff:")
            return mapped if mapped != host and "." in mapped else f"[{host}]"
    # The client was gone before we looked.
    return "0.0.0.0"  # noqa: S104 - an address that no client has
