"""A session that takes messages.

    ready ──▶ message ──▶ outcomes ──▶ waits ──▶ message ──▶ ... ──▶ QUIT

A session is used again for the same way to the same host, see `waiting_talks`.  A server may end one that
waits, so what it has not begun to take of a message is sent in another session.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.options import RcptOptions
from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.net.client import Connection
from smtpdsl.runtime.protocol.client import ClientSession, Transaction, Verdict
from smtpdsl.runtime.protocol.client_verdicts import Judgement
from smtpdsl.runtime.relay.limits import Politeness
from smtpdsl.runtime.relay.parcels import Parcel
from smtpdsl.runtime.relay.permits import Admission
from smtpdsl.runtime.relay.session_log import RelaySessionLog

# RFC 5321 §4.5.3.1.8: the recipients that every server has to take; more go in another transaction.
MAX_RECIPIENTS = 100
_RESULTS = {
    Judgement.ACCEPTED: Result.OK,
    Judgement.TEMPORARY: Result.TEMPORARY,
    Judgement.PERMANENT: Result.PERMANENT,
}


class Talk:
    """A session that is ready, and between which addresses it is held."""

    def __init__(
        self,
        connection: Connection,
        core: ClientSession,
        source: str,
        relay: str,
        log: RelaySessionLog,
        admission: Admission,
    ) -> None:
        """Take messages; *source* and *relay* are told of each, and *admission* ends with it."""
        self._connection = connection
        self._admission = admission
        admission.session.attach(connection.closed)
        self._core = core
        self._source = source
        self._relay = relay
        self._log = log
        self._messages = 0
        self._refused = 0
        self._has_sent_content = False

    @property
    def is_over(self) -> bool:
        """Whether the server has ended it."""
        return self._core.is_closed

    @property
    def is_untouched(self) -> bool:
        """Whether it has ended, and the server had begun to take nothing of the last message."""
        return self._core.is_closed and not self._has_sent_content

    def counts_for(self, what: Hashable) -> bool:
        """Whether its end makes room for another one that counts for *what*."""
        return any(permit.counts_for(what) for permit in self._admission)

    def takes_more(self, politeness: Politeness) -> bool:
        """Whether another message may be sent."""
        is_welcome = self._refused < politeness.failures
        return not self._core.is_closed and is_welcome and 0 < self._messages < politeness.messages

    async def send(self, parcel: Parcel) -> list[Outcome]:
        """Send a message, once for all recipients if a server has to take that many from one sender."""
        content = parcel.attempt.message.content
        verdicts: dict[int, Verdict] = {}
        connection, has_dsn = self._connection, self._core.extensions.offers("DSN")
        self._has_sent_content = False
        for numbers in _transactions(parcel):
            found = await connection.send(_transaction(parcel, numbers), content, parcel.prefix)
            self._has_sent_content |= self._core.has_sent_content
            verdicts.update(zip(numbers, found, strict=True))
            self._count(found)
        self._messages += any(verdict.judgement is Judgement.ACCEPTED for verdict in verdicts.values())
        said = (verdicts[number] for number in range(len(verdicts)))
        return [outcome_of(each, self._source, self._relay, has_dsn=has_dsn) for each in said]

    def _count(self, verdicts: Sequence[Verdict]) -> None:
        """Count the recipients that were refused since one was accepted."""
        for verdict in verdicts:
            self._refused = 0 if verdict.judgement is Judgement.ACCEPTED else self._refused + 1

    def leave(self) -> None:
        """Say good-bye, wherever it is: a server must not take half a message for a whole one."""
        self._connection.leave()
        self._admission.session.end()
        self._log.left(self._messages)


def _transactions(parcel: Parcel) -> Iterator[list[int]]:
    """Yield the numbers of the recipients that one transaction is for: those with one sender."""
    if len(parcel.reverse_paths) == 1:
        yield [0]
        return
    by_sender: dict[ReversePath, list[int]] = {}
    for number, reverse_path in enumerate(parcel.reverse_paths):
        by_sender.setdefault(reverse_path, []).append(number)
    for numbers in by_sender.values():
        for start in range(0, len(numbers), MAX_RECIPIENTS):
            yield numbers[start : start + MAX_RECIPIENTS]


def _transaction(parcel: Parcel, numbers: Sequence[int]) -> Transaction:
    """Return what is said for the recipients with *numbers*."""
    message, size = parcel.attempt.message, parcel.size
    envelopes = [parcel.attempt.envelopes[number] for number in numbers]
    return Transaction(
        reverse_path=parcel.reverse_paths[numbers[0]],
        recipients=tuple(envelope.dest for envelope in envelopes),
        size=size.octets,
        is_8bit=size.is_8bit,
        has_8bit_header=size.has_8bit_header,
        options=message.options,
        wishes=tuple(RcptOptions(envelope.notify, envelope.orcpt) for envelope in envelopes),
    )


def outcome_of(verdict: Verdict, source: str = "", relay: str = "", *, has_dsn: bool = False) -> Outcome:
    """Say *verdict* to the queue."""
    return Outcome(_RESULTS[verdict.judgement], verdict.text, verdict.status, source, relay, has_dsn)
