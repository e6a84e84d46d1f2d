"""What the parts of the server ask of each other.

    smtp ──Intake──▶ queue ──DeliveryAgent──▶ local delivery ──Supervisor──▶ work in a user's name
                           └─DeliveryAgent──▶ relay

Each part knows the others by these protocols only.  What passes through them is plain,
immutable data, and octets; whoever asks gets a future and never a lock.  Today all of
them live in one process; a part that moves into another one is reached through an object
with the same face, and its inside stays as it is.

Numbers: sizes are octets, times are seconds, moments are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client

# Up to this many octets the mail data of a message is kept in the database of the queue, beyond it in a file.
MAX_INLINE_OCTETS = 64 * 1024


# ---------------------------------------------------------------- mail data


class InlineContent(NamedTuple):
    """Mail data that is small enough to be held in memory; lines end in LF."""

    octets: bytes

    @property
    def size(self) -> int:
        """The number of octets."""
        return len(self.octets)


class SpooledContent(NamedTuple):
    """Mail data in a file of the spool, which nobody changes and only the queue removes; lines end in LF."""

    path: str
    size: int


Content: TypeAlias = InlineContent | SpooledContent


# ---------------------------------------------------------------- smtp to queue


class Route(Enum):
    """How an envelope leaves the queue; the value is the word of the queue's listings."""

    LOCAL = "mda"
    RELAY = "mta"


class Envelope(NamedTuple):
    """One end of the expansion of one recipient, as the queue keeps it.

    `action` is a name that is looked up at each attempt: whoever mends the configuration
    frees the mail.  `recipient` is what RCPT named, `dest` the address that the action was
    chosen for.  `user` is a key of the action's userbase and `extension` the sub-address
    that was cut off it; both are empty for a relay.  It expires `ttl` seconds after its
    message was accepted.  `target` is a command line that the user's ``.forward`` names,
    and that takes the place of the action's method; it is empty if the method delivers.
    """

    route: Route
    action: str
    recipient: Mailbox
    dest: Mailbox
    user: str = ""
    extension: str = ""
    ttl: int = 0
    target: str = ""


class Submission(NamedTuple):
    """A message that a client has handed over, with every envelope that it became; there is at least one."""

    message_id: int
    reverse_path: ReversePath
    client: Client
    created: float
    content: InlineContent | ContentWriter
    envelopes: tuple[Envelope, ...]


class ContentWriter(Protocol):
    """Mail data on its way into the spool."""

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append *octets*.

        None means that more may be written at once; an awaitable means that the client has
        to wait for it.  What goes wrong is kept, and fails `Intake.enqueue`.
        """

    def discard(self) -> None:
        """Forget everything: the transaction has ended without a message.

        May be called at any time, and twice; after `Intake.enqueue` it does nothing.
        """


class StorageError(Exception):
    """The queue cannot take a message now; nothing of it is kept.  The text is one sentence for the log."""


class StorageFullError(StorageError):
    """There is no room for the message."""


class Intake(Protocol):
    """The queue, as those see it who bring messages."""

    def next_message_id(self) -> int:
        """Return a number that no other message of this spool has; it costs no I/O."""

    def open_content(self, message_id: int) -> ContentWriter:
        """Start to store mail data of more than `MAX_INLINE_OCTETS`."""

    def enqueue(self, submission: Submission) -> Awaitable[None]:
        """Take the responsibility for a message.

        Done when it is on stable storage: only then may the client be told 250.

        Raises:
            StorageError: Nothing was kept.
        """


# ---------------------------------------------------------------- queue to delivery


class QueuedMessage(NamedTuple):
    """A message of the queue.

    `was_tried` says that an earlier attempt may have delivered it without the queue
    knowing: the server was killed, or the attempt failed after it had begun.
    """

    message_id: int
    reverse_path: ReversePath
    client: Client
    created: float
    content: Content
    was_tried: bool = False


class Attempt(NamedTuple):
    """A message and those of its envelopes that go the same way; a local one goes alone.

    `envelope_ids` has the identifier of each envelope, 16 hexadecimal digits, as logs show it.
    """

    message: QueuedMessage
    envelopes: tuple[Envelope, ...]
    envelope_ids: tuple[str, ...]


class Result(Enum):
    """What became of an attempt; the value is the word of the log."""

    OK = "Ok"
    TEMPORARY = "TempFail"
    PERMANENT = "PermFail"


class Outcome(NamedTuple):
    """What became of one envelope.

    `text` is one line of printable characters that an administrator can act on, whatever a
    peer or a program has said.  `status` is an enhanced status (RFC 3463).  `source` and
    `relay` say between which addresses a message went.
    """

    result: Result
    text: str
    status: str = ""
    source: str = ""
    relay: str = ""


class DeliveryAgent(Protocol):
    """Delivers, or says why not."""

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Return one outcome for each envelope of *attempt*, in its order; raises nothing but cancellation."""


# ---------------------------------------------------------------- delivery to supervisor


class Identity(NamedTuple):
    """In whose name work is done: an account, or what a userbase says."""

    name: str
    uid: int
    gid: int
    home: str


class MaildirWork(NamedTuple):
    """Put a message into the maildir at *folder*, a path of the operating system.

    *file_name* is the same at each attempt.  With *may_exist* an earlier attempt may have
    put it there, and whoever reads the mail may have moved it to ``cur``: it is looked for
    first.  The sub-folder ``.NAME`` is used if it exists; with *sorts_junk* what is marked
    as spam goes to ``.Junk``.
    """

    folder: str
    file_name: str
    sub_folder: str = ""
    sorts_junk: bool = False
    may_exist: bool = False


class CommandWork(NamedTuple):
    """Run *command* with /bin/sh and give it the message as standard input; nothing else is in its environment."""

    command: str
    environment: tuple[tuple[str, str], ...]


class LocalWork(NamedTuple):
    """Something that is done in a user's name; *prefix* (complete header lines) goes before the content."""

    identity: Identity
    method: MaildirWork | CommandWork
    prefix: bytes
    content: Content
    time_limit: float


class Supervisor(Protocol):
    """Does what needs other rights than those of whoever asks."""

    async def perform(self, work: LocalWork) -> Outcome:
        """Do *work* with the rights of its identity and no others; raises nothing but cancellation."""

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, and stop the rest."""
