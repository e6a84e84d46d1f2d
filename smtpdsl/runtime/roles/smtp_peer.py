"""One SMTP process, as the queue process sees it: what it brings, and what it is told.

    SUBMIT, WRITE … ──▶ `peer_messages`
    ADMIT, LEFT ──▶ the gate            ASK ──▶ root            TRIED ──▶ the other processes

It talks to strangers, so nothing that it says is believed: it can bring mail, end its own connections,
and ask what the charter allows.  Whoever says anything else is cut off.  Only the number of its process counts, which
it says before there are any strangers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from smtpdsl.runtime.net.gate import Gate
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.roles.backlog import Backlog, PeerLink
from smtpdsl.runtime.roles.frames import FrameError
from smtpdsl.runtime.roles.messages import (
    ToQueue,
    ToSmtp,
    Tried,
    decode_counts,
    decode_tried,
    encode_admission,
    number,
    numbered,
    text_of,
)
from smtpdsl.runtime.roles.peer_messages import NumberedIntake, PeerMessages
from smtpdsl.runtime.supervisor.asking import Root
from smtpdsl.runtime.supervisor.batches import decode_questions, encode_answers
from smtpdsl.runtime.supervisor.questions import AnswerError, Question, ReadForward, refused
from smtpdsl.runtime.supervisor.wire import WireError

# Whoever wants the numbers of all processes waits for none of them any longer.
_COUNTING_SECONDS = 2.0
# Of an address, with a zone.
_MAX_SOURCE_OCTETS = 256
# The number of a process, as Linux has them; 1 is none of ours, and 0 would be a group.
_PROCESSES = range(2, 2**22 + 1)


class House(NamedTuple):
    """What the processes need of the queue process; *root* is None where there is no process of root."""

    intake: NumberedIntake
    gate: Gate
    root: Root | None
    policy: Policy


class SmtpPeer:
    """One process."""

    def __init__(
        self,
        house: House,
        tell_others: Callable[[SmtpPeer, Tried], None],
        on_end: Callable[[SmtpPeer, int, str], None],
    ) -> None:
        """Serve it with what *house* has.

        Args:
            house: What it may use.
            tell_others: Told of logins that were tried there.
            on_end: Told when it has ended, how many connections it had, and why, as a clause.
        """
        self._house = house
        self._tell_others = tell_others
        self._on_end = on_end
        self.link = PeerLink(self._hear, self._on_lost)
        self._backlog = Backlog(self.link)
        loop = asyncio.get_running_loop()
        # Its process number, or why there is none: it has failed, as a sentence.
        self.ready: asyncio.Future[int | str] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        # Its connections, as the gate counts them.
        self.connections = 0
        self._counted: Counter[str | None] = Counter()
        self._messages = PeerMessages(house.intake, house.policy, self.link, self._backlog)
        self.last_counts: dict[str, int] = {}
        self._counts: asyncio.Future[dict[str, int]] | None = None
        # How often it was looked for since it has said anything.
        self._silence = 0
        # Proxies that have said for whom they come, and whose clients were not asked for yet.
        self._unnamed = 0
        # What nobody holds may be gone before it has ended.
        self._asking: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ for the pool

    @property
    def is_able(self) -> bool:
        """Whether it can be given clients: it is ready, and has been told what numbers their messages have."""
        return self.ready.done() and isinstance(self.ready.result(), int) and self._messages.numbered.done()

    @property
    def becoming_able(self) -> asyncio.Future[Any]:
        """What is done before it can be, if it can be."""
        return self._messages.numbered if self.ready.done() else self.ready

    def look_for(self) -> int:
        """Return how often it was looked for, in vain, since it has said anything."""
        # What it says while there is too much of that, nobody hears.
        if not self._backlog.is_too_much:
            self._silence += 1
        return self._silence - 1

    def arrive(self, counted: str | None) -> None:
        """Take notice that it gets a connection."""
        self.connections += 1
        self._counted[counted] += 1

    async def counts(self) -> Mapping[str, int]:
        """Return what it has counted; what it said last if it ends instead of answering, or takes long."""
        if self.ended.done():
            return self.last_counts
        if self._counts is None or self._counts.done():
            self._counts = asyncio.get_running_loop().create_future()
            self.link.send(ToSmtp.COUNT)
        done, _ = await asyncio.wait({self._counts}, timeout=_COUNTING_SECONDS)
        return self._counts.result() if done else self.last_counts

    def give_numbers(self) -> None:
        """Let it have numbers for its first messages."""
        self._messages.give_numbers()

    # ------------------------------------------------------------ what it says

    def _hear(self, kind: int, payload: bytes) -> None:
        self._silence = 0
        if kind not in self._HEARD:
            message = f"a frame of the kind {kind}"
            raise FrameError(message)
        self._HEARD[kind](self, payload)

    def _on_ready(self, payload: bytes) -> None:
        process = numbered(payload)[0]
        if process not in _PROCESSES:
            message = f"the number {process} of a process"
            raise FrameError(message)
        if not self.ready.done():
            self.ready.set_result(process)

    def _on_failed(self, payload: bytes) -> None:
        if not self.ready.done():
            self.ready.set_result(text_of(payload))

    def _on_write(self, payload: bytes) -> None:
        self._messages.write(payload)
        # Each of them is an open file, and a client sends one message at a time.
        if self._messages.arriving > self.connections:
            message = "more large messages at a time than it has clients"
            raise FrameError(message)

    # ------------------------------------------------------------ connections

    def _on_admit(self, payload: bytes) -> None:
        ask, source = numbered(payload)
        counted = text_of(source) or None
        if len(source) > _MAX_SOURCE_OCTETS:
            message = "an address that is none"
            raise FrameError(message)
        if not self._unnamed:
            message = "a client whom no proxy has brought"
            raise FrameError(message)
        self._unnamed -= 1
        reply = self._house.gate.admit(counted, asyncio.get_running_loop().time())
        if reply is None:
            self.arrive(counted)
        self.link.send(ToSmtp.ADMITTED, number(ask), encode_admission(reply))

    def _on_left(self, payload: bytes) -> None:
        counted = text_of(payload) or None
        if not self._counted[counted]:
            message = "the end of a connection that it does not have"
            raise FrameError(message)
        # A proxy leaves before its client is asked for, as does everybody who is not counted by an address.
        self._unnamed += counted is None
        self.connections -= 1
        self._counted[counted] -= 1
        if not self._counted[counted]:
            del self._counted[counted]
        self._house.gate.leave(counted)

    # ------------------------------------------------------------ the rest

    def _on_ask(self, payload: bytes) -> None:
        ask, octets = numbered(payload)
        try:
            questions = decode_questions(octets)
        except WireError as error:
            message = f"a question that is none: {error}"
            raise FrameError(message) from None
        if len(set(map(_subject, questions))) != 1:
            # One process of root answers all of them, in the name of one user.
            message = "questions that do not go together"
            raise FrameError(message)
        self._backlog.begin(len(payload))
        task = asyncio.ensure_future(self._ask(ask, questions))
        task.add_done_callback(lambda _: self._backlog.end(len(payload)))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, ask: int, questions: list[Question]) -> None:
        if self._house.root is None:
            answers = [refused("there is nobody to ask")] * len(questions)
        else:
            try:
                answers = await self._house.root.ask_all(questions)
            except AnswerError as error:
                answers = [refused(str(error))] * len(questions)
        self.link.send(ToSmtp.ANSWERS, number(ask), encode_answers(answers))

    def _on_tried(self, payload: bytes) -> None:
        self._tell_others(self, decode_tried(payload))

    def _on_counts(self, payload: bytes) -> None:
        self.last_counts = decode_counts(payload)
        if self._counts is not None and not self._counts.done():
            self._counts.set_result(self.last_counts)

    _HEARD: Mapping[int, Callable[[SmtpPeer, bytes], None]] = {
        ToQueue.READY: _on_ready,
        ToQueue.FAILED: _on_failed,
        ToQueue.WANTS: lambda self, _: self._messages.give_numbers(),
        ToQueue.SUBMIT: lambda self, payload: self._messages.submit(payload),
        ToQueue.SUBMIT_WRITTEN: lambda self, payload: self._messages.submit_written(payload),
        ToQueue.WRITE: _on_write,
        ToQueue.DISCARD: lambda self, payload: self._messages.discard(payload),
        ToQueue.ADMIT: _on_admit,
        ToQueue.LEFT: _on_left,
        ToQueue.ASK: _on_ask,
        ToQueue.TRIED: _on_tried,
        ToQueue.COUNTS: _on_counts,
    }

    # ------------------------------------------------------------ the end

    def _on_lost(self, why: str) -> None:
        """Clear up after it: its connections are gone, and so are messages that were not whole."""
        self._messages.lose()
        if not self._messages.numbered.done():
            self._messages.numbered.set_result(None)
        connections = self.connections
        for counted in self._counted.elements():
            self._house.gate.leave(counted)
        self._counted.clear()
        self.connections = 0
        if not self.ready.done():
            self.ready.set_result("an SMTP process ended before it was ready")
        if self._counts is not None and not self._counts.done():
            self._counts.set_result(self.last_counts)
        self.ended.set_result(None)
        self._on_end(self, connections, why)


def _subject(question: Question) -> object:
    """Return what questions have in common that are asked together."""
    return question.identity if isinstance(question, ReadForward) else type(question)
