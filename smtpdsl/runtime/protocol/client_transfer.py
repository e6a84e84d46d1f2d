"""One message on its way: what is said for it, whom the server accepts it for, and what became of each.

    Transfer(transaction, ...)  ──▶  planned: MAIL, RCPT, RCPT, DATA
        250, 250, 550           ──▶  accepted: [0]
        354                     ──▶  Moment.CONTENT  ──▶  piece, piece, last_piece
        250                     ──▶  results: accepted, refused

The session says when something is sent; here is what, and what an answer to it means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.protocol import client_verdicts as verdicts
from smtpdsl.runtime.protocol.chunk_writing import ChunkWriter
from smtpdsl.runtime.protocol.client_commands import (
    EVERYBODY,
    RSET,
    Command,
    Transaction,
    commands,
    is_early,
    paths_of,
    refusals,
    takes_chunks,
)
from smtpdsl.runtime.protocol.client_opening import Opening
from smtpdsl.runtime.protocol.client_states import Phase, is_unknown_command
from smtpdsl.runtime.protocol.client_steps import Moment, Step
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.dot_stuffing import DotStuffer
from smtpdsl.runtime.protocol.replies import ReceivedReply


class Transfer:
    """What is known of the message of one transaction."""

    def __init__(self, transaction: Transaction, opening: Opening, *, is_fresh: bool = True) -> None:
        """Plan *transaction* with the server of *opening*; one that is not *fresh* has to forget another one first."""
        extensions = opening.extensions
        paths = paths_of(transaction)
        self._server = opening
        # Says of each recipient what became of it; of some it is known before the server is asked.
        self._verdicts = refusals(transaction, paths, extensions, opening.peer, is_verified=opening.is_verified)
        self.planned: deque[Command] = deque()
        if not self.is_decided:
            self.planned.extend([] if is_fresh else [RSET])
            self.planned.extend(commands(transaction, paths, extensions, self._verdicts))
        self.is_chunked = takes_chunks(extensions)
        # Whether it is sent before it is known whether anybody is accepted.
        self.is_early = is_early(transaction, extensions)
        self.accepted: list[int] = []
        # Whether more of it is to be sent; not where everybody has been refused it meanwhile.
        self.is_wanted = False
        self.has_begun = False
        self._writer: DotStuffer | ChunkWriter = ChunkWriter() if self.is_chunked else DotStuffer()

    # ------------------------------------------------------------ what becomes of it

    @property
    def is_decided(self) -> bool:
        """Whether every recipient has a verdict."""
        return None not in self._verdicts

    def results(self, verdict: Verdict) -> tuple[Verdict, ...]:
        """Return what became of each recipient; *verdict* is for those of whom nothing else is known."""
        return tuple(each or verdict for each in self._verdicts)

    def break_off(self) -> None:
        """Say and send nothing more."""
        self.planned.clear()
        self.is_wanted = False

    def _resolve(self, recipients: Iterable[int], verdict: Verdict) -> None:
        """Give *verdict* to those of *recipients* that have none."""
        for index in recipients:
            self._verdicts[index] = self._verdicts[index] or verdict
        if self.is_decided:
            self.is_wanted = False

    # ------------------------------------------------------------ the content

    def piece(self, block: bytes) -> bytes:
        """Return what is sent for *block*: octets of DATA, or a chunk, which gets an answer; maybe nothing yet."""
        self.has_begun = True
        return self._writer.encode(block)

    def last_piece(self) -> bytes:
        """Return what ends the message."""
        self.has_begun = True
        self.is_wanted = False
        return self._writer.end()

    # ------------------------------------------------------------ answers

    def answer(self, command: Command, reply: ReceivedReply) -> Step | None:
        """Take the answer to *command*, and return what follows, if that is not simply what is planned."""
        return self._HANDLERS[command.phase](self, command, reply)

    def _verdict(self, command: Command, reply: ReceivedReply) -> Verdict:
        return verdicts.of_answer(reply, self._server.peer, command.phase)

    def _on_rset(self, command: Command, reply: ReceivedReply) -> Step | None:
        return None if reply.is_positive else verdicts.for_now(self._verdict(command, reply))

    def _on_mail(self, command: Command, reply: ReceivedReply) -> Step | None:
        if not reply.is_positive:
            self.planned.clear()
            self._resolve(range(len(self._verdicts)), self._verdict(command, reply))
        return None

    def _on_rcpt(self, command: Command, reply: ReceivedReply) -> Step | None:
        if reply.is_positive:
            self.accepted.append(command.recipient)
        else:
            self._resolve([command.recipient], self._verdict(command, reply))
        if not self.accepted and len(self.planned) == 1:
            # All that is left is DATA, and there is nobody to send the message to.
            self.planned.clear()
        return None

    def _on_data(self, command: Command, reply: ReceivedReply) -> Step | None:
        if not reply.is_positive:
            self._resolve(self.accepted, self._verdict(command, reply))
            return None
        if self.accepted:
            return Moment.CONTENT
        if self._server.is_lmtp:
            # RFC 2033 §4.2 has 503 for that, and no answer for a message to nobody.
            return verdicts.unexpected(reply, self._server.peer, Phase.DATA)
        # RFC 2920 §3.1: the server has to be told that the message it waits for is over.
        return Command(Phase.END, b".\r\n")

    def _on_chunk(self, command: Command, reply: ReceivedReply) -> Step | None:
        """Take the answer to a part of the message; a refusal is one of the whole."""
        if self.accepted and is_unknown_command(reply):
            # It offers CHUNKING and does not know BDAT, so what it says now is about lines of the message.
            self._server.habits.breaks_chunks = True
            return verdicts.for_now(self._verdict(command, reply))
        if not reply.is_positive or command.phase is Phase.LAST:
            self._resolve(self.accepted, self._verdict(command, reply))
        return None

    def _on_end(self, command: Command, reply: ReceivedReply) -> Step | None:
        whose = self.accepted if command.recipient == EVERYBODY else [command.recipient]
        self._resolve(whose, self._verdict(command, reply))
        return None

    _HANDLERS: ClassVar[Mapping[Phase, Callable[[Transfer, Command, ReceivedReply], Step | None]]] = {
        Phase.RSET: _on_rset,
        Phase.MAIL: _on_mail,
        Phase.RCPT: _on_rcpt,
        Phase.DATA: _on_data,
        Phase.END: _on_end,
        Phase.CHUNK: _on_chunk,
        Phase.LAST: _on_chunk,
    }


def no_transfer(opening: Opening) -> Transfer:
    """Return what a session has before its first one."""
    return Transfer(Transaction(ReversePath(), (), 0), opening)
