"""One message on its way: whom the server accepts it for, what became of each, and what of it was sent.

    Message(transaction, ...)  ──▶  accepted: [0, 2]  ──▶  piece, piece, last_piece  ──▶  results

The session says when; here is what is remembered meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.protocol.chunk_writing import ChunkWriter
from smtpdsl.runtime.protocol.client_commands import Transaction, is_early, takes_chunks
from smtpdsl.runtime.protocol.client_extensions import NO_EXTENSIONS, Extensions
from smtpdsl.runtime.protocol.client_verdicts import Verdict
from smtpdsl.runtime.protocol.dot_stuffing import DotStuffer


class Message:
    """What is known of the message of one transaction."""

    def __init__(self, transaction: Transaction, extensions: Extensions, refused: list[Verdict | None]) -> None:
        """Begin *transaction*; *refused* says of each recipient why the server need not be asked, or None."""
        self.is_chunked = takes_chunks(extensions)
        # Whether it is sent before it is known whether anybody is accepted.
        self.is_early = is_early(transaction, extensions)
        self.accepted: list[int] = []
        # Whether more of it is to be sent; not where everybody has been refused it meanwhile.
        self.is_wanted = False
        self.has_begun = False
        self._writer: DotStuffer | ChunkWriter = ChunkWriter() if self.is_chunked else DotStuffer()
        self._verdicts = refused

    @property
    def is_decided(self) -> bool:
        """Whether every recipient has a verdict."""
        return None not in self._verdicts

    def resolve(self, recipients: Iterable[int], verdict: Verdict) -> None:
        """Give *verdict* to those of *recipients* that have none."""
        for index in recipients:
            self._verdicts[index] = self._verdicts[index] or verdict
        if self.is_decided:
            self.is_wanted = False

    def resolve_all(self, verdict: Verdict) -> None:
        """Give *verdict* to everybody who has none."""
        self.resolve(range(len(self._verdicts)), verdict)

    def results(self, verdict: Verdict) -> tuple[Verdict, ...]:
        """Return what became of each recipient; *verdict* is for those of whom nothing else is known."""
        return tuple(each or verdict for each in self._verdicts)

    def piece(self, block: bytes) -> bytes:
        """Return what is sent for *block*: octets of DATA, or a chunk, which gets an answer; maybe nothing yet."""
        self.has_begun = True
        return self._writer.encode(block)

    def last_piece(self) -> bytes:
        """Return what ends the message."""
        self.has_begun = True
        self.is_wanted = False
        return self._writer.end()


def no_message() -> Message:
    """Return what a session has before its first one."""
    return Message(Transaction(ReversePath(), (), 0), NO_EXTENSIONS, [])
