"""What a store of messages and envelopes promises; the embedded one is `sqlite_store`.

    add ──▶ pending ──record──▶ gone                    delivered; the last one takes its message along
               │  ├──record──▶ gone                     failed for good, and a report comes in with it
               │  └──record──▶ pending, due later       failed for now
               ├─────record──▶ held                     failed for good, and nobody can be told: kept
               ├───────load──▶ damaged                  cannot be read: kept, and never loaded again
               └─────change──▶ suspended                an administrator holds it

A request that is done is on stable storage; one that has failed has changed nothing.
Requests take effect in an order in which they could have been made one after the other, and
several that wait may share one transaction.  Nothing here says that the store is a file, or that
nobody else uses it: a shared one gives each server envelopes of its own.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions
from smtpdsl.runtime.interfaces import Envelope, Route, StorageError, Submission
from smtpdsl.runtime.queue.ids import Block
from smtpdsl.runtime.sealing.seal import PLAIN, Seal


class State(Enum):
    """What the queue means to do with an envelope."""

    PENDING = "pending"
    HELD = "held"
    DAMAGED = "damaged"
    SUSPENDED = "suspended"


class StoredEnvelope(NamedTuple):
    """An envelope, and what has become of it so far.

    `due` is when it is attempted next, `tries` how often it was; `last_error` and `last_status`
    (RFC 3463) say why it is still here.  Envelopes of one `lane` wait for each other.  Its time
    to live begins anew when an administrator has `freed` it.  Of those that are due in a lane the one
    with the highest `priority` goes first.
    """

    number: int
    envelope: Envelope
    lane: str
    due: float
    tries: int = 0
    last_try: float = 0.0
    last_error: str = ""
    last_status: str = ""
    freed: float = 0.0
    priority: int = 0


class StoredMessage(NamedTuple):
    """A message; its octets are None if they are in a file of the spool, which has the *seal*.

    `run` is the server's that accepted it.
    """

    message_id: int
    run: int
    created: float
    reverse_path: ReversePath
    client: Client
    size: int
    octets: bytes | None
    options: MailOptions = NO_MAIL_OPTIONS
    seal: Seal = PLAIN


class Update(NamedTuple):
    """What is to be remembered of an envelope that stays in the queue."""

    number: int
    state: State
    due: float
    tries: int
    last_try: float
    last_error: str
    last_status: str


class Changes(NamedTuple):
    """What became of envelopes: those that are *done* leave the queue, and *reports* on them come in.

    The content of a report is in memory.
    """

    done: Sequence[int] = ()
    updates: Sequence[Update] = ()
    reports: Sequence[Submission] = ()


class DueQuery(NamedTuple):
    """Which envelopes are wanted: pending ones of *route*, due from *since* to *until*, the earliest first.

    Half of the room is for those of the highest priority, half of the rest for the next one, and so on.

    Those that the caller *has* and those of the *full* lanes are left out.  At most *limit* come,
    and no more messages once their content has *max_octets*.
    """

    route: Route
    since: float
    until: float
    limit: int
    max_octets: int
    has: Collection[int] = frozenset()
    full: Collection[str] = frozenset()


class Damage(NamedTuple):
    """An envelope that was set aside, and why."""

    number: int
    problem: str


class DueBatch(NamedTuple):
    """The answer: envelopes with their messages.

    Every other envelope that was asked for is due at *next_due* or later, also those due after *until*.
    """

    envelopes: Sequence[StoredEnvelope]
    messages: Mapping[int, StoredMessage]
    next_due: float
    damaged: Sequence[Damage] = ()


class Summary(NamedTuple):
    """How many messages there are, and how many envelopes in each state."""

    messages: int = 0
    pending: int = 0
    held: int = 0
    damaged: int = 0
    suspended: int = 0


# What is called when something is stored, or cannot be.
Then: TypeAlias = Callable[[StorageError | None], None]


def nothing_then(_: StorageError | None) -> None:
    """Do nothing more."""


class Store(Protocol):
    """Keeps messages.  Requests are made on the event loop, and return its futures.

    Every future fails with `StorageError`, or with `StorageFullError`, when the store cannot do it now.
    """

    @property
    def run(self) -> int:
        """The number of this server's life; no earlier one had it."""

    @property
    def first_block(self) -> Block:
        """The first numbers for messages, reserved when the store was opened."""

    def start(self) -> None:
        """Take requests, on the running event loop."""

    def reserve(self, count: int) -> Future[Block]:
        """Reserve *count* numbers for messages."""

    def add(
        self, submission: Submission, octets: bytes | None, size: int, seal: Seal = PLAIN, *, then: Then = nothing_then
    ) -> Future[None]:
        """Keep a message with its envelopes, all due at once.

        *octets* is None if a file of the spool has them, which has the *seal*.  *then* is called even if nobody
        waits for the result any more.
        """

    def record(self, changes: Changes) -> Future[Sequence[int]]:
        """Remember what became of envelopes, and keep the reports on them, or change nothing.

        Returns the messages that are gone now and had their octets in a file.
        """

    def load(self, query: DueQuery) -> Future[DueBatch]:
        """Return what is due."""

    def hurry(self, lane: str, now: float, limit: int) -> Future[int]:
        """Let up to *limit* envelopes of a relayed *lane* be due *now* whose host could not be reached; count them."""

    def summary(self) -> Future[Summary]:
        """Count."""

    async def close(self) -> None:
        """Do what was asked, and end."""


def lane_of(envelope: Envelope) -> str:
    """Name the lane of an envelope: its user, or the domain it goes to.  The text is ASCII, whatever the name."""
    return lane_of_domain(envelope.dest.domain) if envelope.route is Route.RELAY else _ascii(envelope.user)


def lane_of_domain(domain: str) -> str:
    """Name the lane of mail that is relayed to *domain*."""
    return _ascii(domain.lower())


def _ascii(name: str) -> str:
    return name if name.isascii() else name.encode("ascii", "backslashreplace").decode("ascii")
