"""A session that takes messages, and those that wait for another one.

    ready ──▶ message ──▶ outcomes ──▶ waits ──▶ message ──▶ ... ──▶ QUIT
                                         └─ nobody has more for it ──▶ QUIT

A session is used again for the same way to the same host.  A server may end one that waits,
so what it has not begun to take of a message is sent in another session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import NamedTuple

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.options import RcptOptions
from smtpdsl.runtime.delivery.relay_limits import Politeness
from smtpdsl.runtime.delivery.relay_log import RelaySessionLog
from smtpdsl.runtime.interfaces import Attempt, Outcome, Result
from smtpdsl.runtime.net.client import Connection
from smtpdsl.runtime.net.outgoing import Measure
from smtpdsl.runtime.protocol.client import ClientSession, Transaction, Verdict
from smtpdsl.runtime.protocol.client_verdicts import Judgement

# RFC 5321 §4.5.3.1.8: the recipients that every server has to take; more go in another transaction.
MAX_RECIPIENTS = 100
# Sessions that wait, in all: each has a connection.
MAX_WAITING = 50

_RESULTS = {
    Judgement.ACCEPTED: Result.OK,
    Judgement.TEMPORARY: Result.TEMPORARY,
    Judgement.PERMANENT: Result.PERMANENT,
}


class Parcel(NamedTuple):
    """A message with its recipients, and what a server is told of it."""

    attempt: Attempt
    size: Measure
    reverse_path: ReversePath
    politeness: Politeness = Politeness()


class Talk:
    """A session that is ready, and between which addresses it is held."""

    def __init__(
        self, connection: Connection, core: ClientSession, source: str, relay: str, log: RelaySessionLog
    ) -> None:
        """Take messages; *source* and *relay* are told of each."""
        self._connection = connection
        self._core = core
        self._source = source
        self._relay = relay
        self._log = log
        self._messages = 0

    @property
    def is_over(self) -> bool:
        """Whether the server has ended it."""
        return self._core.is_closed

    @property
    def is_untouched(self) -> bool:
        """Whether it has ended, and the server had begun to take nothing of the last message."""
        return self._core.is_closed and not self._core.has_sent_content

    def takes_more(self, most: int) -> bool:
        """Whether another message may be sent, if there are to be *most* of them."""
        return not self._core.is_closed and 0 < self._messages < most

    async def send(self, parcel: Parcel) -> list[Outcome]:
        """Send a message, once for all recipients if a server has to take that many."""
        envelopes = parcel.attempt.envelopes
        verdicts: list[Verdict] = []
        for start in range(0, len(envelopes), MAX_RECIPIENTS):
            transaction = _transaction(parcel, start)
            verdicts += await self._connection.send(transaction, parcel.attempt.message.content)
        self._messages += any(verdict.judgement is Judgement.ACCEPTED for verdict in verdicts)
        has_dsn = self._core.extensions.offers("DSN")
        return [outcome_of(each, self._source, self._relay)._replace(has_dsn=has_dsn) for each in verdicts]

    def leave(self) -> None:
        """Say good-bye, wherever it is: a server must not take half a message for a whole one."""
        self._connection.leave()
        self._log.left(self._messages)


def _transaction(parcel: Parcel, start: int) -> Transaction:
    """Return what is said for the recipients from number *start* on."""
    message, size = parcel.attempt.message, parcel.size
    envelopes = parcel.attempt.envelopes[start : start + MAX_RECIPIENTS]
    return Transaction(
        reverse_path=parcel.reverse_path,
        recipients=tuple(envelope.dest for envelope in envelopes),
        size=size.octets,
        is_8bit=size.is_8bit,
        has_8bit_header=size.has_8bit_header,
        options=message.options,
        wishes=tuple(RcptOptions(envelope.notify, envelope.orcpt) for envelope in envelopes),
    )


def outcome_of(verdict: Verdict, source: str = "", relay: str = "") -> Outcome:
    """Say *verdict* to the queue."""
    return Outcome(_RESULTS[verdict.judgement], verdict.text, verdict.status, source, relay)


class _Waiting(NamedTuple):
    talk: Talk
    timer: asyncio.TimerHandle


class WaitingTalks:
    """The sessions that wait for another message, by what they are good for."""

    def __init__(self) -> None:
        """Have none."""
        self._waiting: dict[Hashable, list[_Waiting]] = {}
        self._count = 0

    def take(self, key: Hashable) -> Talk | None:
        """Return a session that is good for *key*; the last one that was used is the freshest."""
        while waiting := self._waiting.get(key):
            talk = self._drop(key, waiting[-1])
            if not talk.is_over:
                return talk
            talk.leave()
        return None

    def give(self, key: Hashable, talk: Talk, politeness: Politeness) -> None:
        """Let *talk* wait for another message with the same *key*, or end it."""
        if not talk.takes_more(politeness.messages) or politeness.waiting <= 0 or self._count >= MAX_WAITING:
            talk.leave()
            return
        timer = asyncio.get_running_loop().call_later(politeness.waiting, self._give_up, key, talk)
        self._waiting.setdefault(key, []).append(_Waiting(talk, timer))
        self._count += 1

    def close(self) -> None:
        """End them all."""
        for key in list(self._waiting):
            while waiting := self._waiting.get(key):
                self._drop(key, waiting[-1]).leave()

    def _give_up(self, key: Hashable, talk: Talk) -> None:
        waiting = next(each for each in self._waiting[key] if each.talk is talk)
        self._drop(key, waiting).leave()

    def _drop(self, key: Hashable, waiting: _Waiting) -> Talk:
        waiting.timer.cancel()
        self._waiting[key].remove(waiting)
        if not self._waiting[key]:
            del self._waiting[key]
        self._count -= 1
        return waiting.talk
