"""Hand a message to a mail store by LMTP (RFC 2033), with the rights of this process.

    connect ──▶ greeting ──▶ LHLO ──▶ MAIL, RCPT, DATA ──▶ message ──▶ one answer for each recipient
                                                                        2yz Delivered, 4yz another time, 5yz never

What is said is the business of the protocol core; here is a socket, a clock, and the wish
that it ends.  An answer that gets lost leaves it open whether the message has arrived, and
it is sent again: LMTP knows no better.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from smtpdsl.mail.address import AddressError, ReversePath
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.delivery.content import ContentError, OpenContent
from smtpdsl.runtime.delivery.outcomes import DELIVERED, permanent, temporary
from smtpdsl.runtime.interfaces import LmtpWork, Outcome
from smtpdsl.runtime.protocol.client import (
    ClientSession,
    ContentWanted,
    Event,
    Failed,
    Finished,
    Terms,
    Transaction,
    Verdict,
)
from smtpdsl.runtime.protocol.client_verdicts import Judgement
from smtpdsl.runtime.protocol.client_verdicts import temporary as temporary_verdict

# A server of this machine, or one near by; whoever takes longer is not there.
_CONNECT_SECONDS = 30.0
_READ_OCTETS = 64 * 1024
_NO_CONNECTION = "4.4.1"


class _StoppedError(Exception):
    """Nobody wants the outcome any more."""


def send_by_lmtp(work: LmtpWork, prefix: bytes, content: OpenContent, time_limit: float, stop: int) -> Outcome:
    """Deliver *prefix* and *content* as *work* says.

    Args:
        work: Which server, and for whom.
        prefix: What goes before the content.
        content: The mail data, open.
        time_limit: After this many seconds the server is given up.
        stop: Readable as soon as nobody wants the outcome any more; then the message is not completed.

    Returns:
        Delivered, or what the server says; for several recipients the outcome of the first has those of the others.
    """
    deadline = time.monotonic() + time_limit
    try:
        transaction = _transaction(work, prefix, content)
        with _connect(work, deadline, stop) as connection:
            dialogue = _Dialogue(work, connection, time_limit, deadline, stop)
            verdicts = dialogue.run(transaction, content.chunks(prefix))
    except ContentError as error:
        return temporary(str(error))
    except _StoppedError:
        return temporary("stopped before there was a connection")
    except AddressError as error:
        return permanent(f"the sender {work.reverse_path} cannot be said: {error.message}", status="5.1.7")
    except (OSError, ValueError) as error:
        # ValueError: a NUL in a path.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return temporary(f"no connection to {_name(work)}: {reason}", status=_NO_CONNECTION)
    first, *others = map(_outcome, verdicts)
    return first._replace(others=tuple(others))


def _outcome(verdict: Verdict) -> Outcome:
    match verdict.judgement:
        case Judgement.ACCEPTED:
            return DELIVERED
        case Judgement.TEMPORARY:
            return temporary(verdict.text, status=verdict.status)
    return permanent(verdict.text, status=verdict.status)


def _transaction(work: LmtpWork, prefix: bytes, content: OpenContent) -> Transaction:
    octets, is_8bit, last = 0, False, b""
    for piece in content.chunks(prefix):
        octets += len(piece) + piece.count(b"\n")
        is_8bit = is_8bit or not piece.isascii()
        last = piece or last
    return Transaction(
        reverse_path=ReversePath.parse(work.reverse_path, utf8=True),
        recipients=(work.recipient, *work.others),
        size=octets + (0 if last.endswith(b"\n") else len(b"\r\n")),
        is_8bit=is_8bit,
        has_8bit_header=is_8bit and not (prefix + content.head()).isascii(),
        options=MailOptions(smtputf8=work.smtputf8),
    )


# ---------------------------------------------------------------- the connection


def _name(work: LmtpWork) -> str:
    host = f"[{work.host}]" if ":" in work.host else work.host
    return work.path or f"{host}:{work.port}"


def _connect(work: LmtpWork, deadline: float, stop: int) -> socket.socket:
    """Connect to the first address of the server that takes it.

    Raises:
        OSError: None does.
    """
    if work.path:
        return _connect_to(socket.AF_UNIX, work.path, deadline, stop)
    failure = OSError("it has no address")
    for family, _, _, _, address in socket.getaddrinfo(work.host, work.port, type=socket.SOCK_STREAM):
        try:
            return _connect_to(family, address, deadline, stop)
        except OSError as error:
            failure = error
    raise failure


def _connect_to(family: int, address: Any, deadline: float, stop: int) -> socket.socket:  # noqa: ANN401 - its family's
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        try:
            connection.connect(address)
        except BlockingIOError as error:
            if family == socket.AF_UNIX:
                # Its queue is full, and nobody says when it is not.
                raise OSError(error.errno, "it is busy") from None
            _finish_connecting(connection, min(deadline, time.monotonic() + _CONNECT_SECONDS), stop)
    except BaseException:
        connection.close()
        raise
    return connection


def _finish_connecting(connection: socket.socket, deadline: float, stop: int) -> None:
    _wait(connection, select.POLLOUT, deadline, stop)
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _wait(connection: socket.socket, events: int, deadline: float, stop: int) -> int:
    """Wait until *connection* is ready for one of *events*, and return for which.

    Raises:
        TimeoutError: It is not, until *deadline*.
        _StoppedError: *stop* is readable.
    """
    poll = select.poll()
    poll.register(connection, events)
    poll.register(stop, select.POLLIN)
    ready = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
    if stop in ready:
        raise _StoppedError
    if connection.fileno() not in ready:
        message = "no answer in time"
        raise TimeoutError(message)
    return ready[connection.fileno()]


class _Dialogue:
    """One session, with one message."""

    def __init__(
        self, work: LmtpWork, connection: socket.socket, time_limit: float, deadline: float, stop: int
    ) -> None:
        self._core = ClientSession(_name(work), work.helo, work.helo, Terms(is_lmtp=True))
        self._connection = connection
        self._time_limit = time_limit
        self._deadline = deadline
        self._stop = stop
        self._unsent = b""

    def run(self, transaction: Transaction, pieces: Iterator[bytes]) -> Sequence[Verdict]:
        """Return what became of each recipient of *transaction*, whose message is *pieces*.

        Raises:
            ContentError: The message cannot be read; the server has not got all of it.
        """
        event = self._next_event()
        if isinstance(event, Failed):
            return [event.verdict] * len(transaction.recipients)
        self._core.begin(transaction)
        event = self._next_event()
        if isinstance(event, ContentWanted):
            for piece in pieces:
                self._core.send_content(piece)
                self._flush()
            self._core.end_content()
            event = self._next_event()
        assert isinstance(event, Finished), "a transaction has one end"
        self._leave()
        return event.verdicts

    def _next_event(self) -> Event:
        """Talk until something has happened."""
        while (event := self._core.next_event()) is None:
            self._step(select.POLLIN)
        return event

    def _flush(self) -> None:
        """Send everything, and listen meanwhile."""
        self._unsent += self._core.data_to_send()
        while self._unsent and not self._core.is_closed:
            self._step(select.POLLIN)

    def _step(self, events: int) -> None:
        """Send and receive what is possible now; what is not is told to the core."""
        self._unsent += self._core.data_to_send()
        try:
            ready = _wait(
                self._connection, events | (select.POLLOUT if self._unsent else 0), self._deadline, self._stop
            )
            # Who refuses a message before it is complete may close the connection, and should be heard.
            if ready & ~select.POLLOUT:
                self._receive()
            if ready & select.POLLOUT and not self._core.is_closed:
                self._send()
        except TimeoutError:
            self._core.timed_out(self._time_limit)
        except _StoppedError:
            self._core.abandon(temporary_verdict("the server stops", "4.3.2"))
        except OSError as error:
            self._core.connection_lost(error.strerror or str(error))

    def _send(self) -> None:
        with suppress(BlockingIOError):
            count = self._connection.send(self._unsent, socket.MSG_NOSIGNAL)
            self._unsent = self._unsent[count:]

    def _receive(self) -> None:
        octets = self._connection.recv(_READ_OCTETS)
        if octets:
            self._core.receive_data(octets)
        else:
            self._core.connection_lost("closed by the other side")

    def _leave(self) -> None:
        """Say good-bye; the answer changes nothing."""
        self._core.quit()
        with suppress(OSError):
            self._connection.send(self._core.data_to_send(), socket.MSG_NOSIGNAL)
