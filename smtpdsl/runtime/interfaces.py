"""What the parts of the server ask of each other.

    smtp ──Intake──▶ queue ──DeliveryAgent──▶ local delivery ──Supervisor──▶ work in a user's name
                       │   └─DeliveryAgent──▶ relay
                       └─────Reporter───────▶ reports to senders ──Router──▶ policy

Each part knows the others by these protocols only.  What passes through them is plain,
immutable data, and octets; whoever asks gets a future and never a lock.  Today all of
them live in one process; a part that moves into another one is reached through an object
with the same face, and its inside stays as it is.

Numbers: sizes are octets, times are seconds, moments are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions
from smtpdsl.runtime.sealing.seal import PLAIN, Seal

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
    """Mail data in a file of the spool, which nobody changes and only the queue removes; lines end in LF.

    There are *size* octets, when the *seal* of the file is opened (`delivery.content`).
    """

    path: str
    size: int
    seal: Seal = PLAIN


Content: TypeAlias = InlineContent | SpooledContent


# ---------------------------------------------------------------- smtp to queue


class Route(Enum):
    """How an envelope leaves the queue; the value is the word of the queue's listings."""

    # There is one of each: looked up by itself, and not by its name.
    __hash__ = object.__hash__

    LOCAL = "mda"
    RELAY = "mta"


class Envelope(NamedTuple):
    """One end of the expansion of one recipient, as the queue keeps it.

    `action` is a name that is looked up at each attempt: whoever mends the configuration
    frees the mail.  `recipient` is what RCPT named, `dest` the address that the action was
    chosen for.  `user` is a key of the action's userbase and `extension` the sub-address
    that was cut off it; both are empty for a relay.  It expires `ttl` seconds after its
    message was accepted.  `target` is a command line, and `file` the path of a file, that
    takes the place of the action's method; both are empty if the method delivers.  The
    ``.forward`` of the user names it, or an alias, and then there is no user.
    `notify` and `orcpt` are what the client asked for this recipient, as `RcptOptions` has it.
    """

    route: Route
    action: str
    recipient: Mailbox
    dest: Mailbox
    user: str = ""
    extension: str = ""
    ttl: int = 0
    target: str = ""
    notify: frozenset[str] | None = None
    orcpt: str | None = None
    file: str = ""


class WrittenFacts(NamedTuple):
    """What is known of a message, and of each of its envelopes, as `queue.facts` writes it."""

    message: str
    envelopes: tuple[str, ...]


class Submission(NamedTuple):
    """A message that a client has handed over, with every envelope that it became; there is at least one.

    `written` is what the queue would write of it, if somebody has done so.
    """

    message_id: int
    reverse_path: ReversePath
    client: Client
    created: float
    content: InlineContent | ContentWriter
    envelopes: tuple[Envelope, ...]
    options: MailOptions = NO_MAIL_OPTIONS
    written: WrittenFacts | None = None


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
        """Return a number that no other message of this spool has; it costs no I/O.

        Raises:
            StorageError: There is none just now.
        """

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
    options: MailOptions = NO_MAIL_OPTIONS


class Attempt(NamedTuple):
    """A message and those of its envelopes that go the same way.

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
    `relay` say between which addresses a message went.  A next hop that `has_dsn` was told
    which reports the sender wants, and sees to them from now on (RFC 3461 §5.2.1).  That of a
    work for several recipients is the outcome of the first, and has those of the *others*.
    """

    result: Result
    text: str
    status: str = ""
    source: str = ""
    relay: str = ""
    has_dsn: bool = False
    others: tuple[Outcome, ...] = ()


class DeliveryAgent(Protocol):
    """Delivers, or says why not."""

    def group(self, envelope: Envelope) -> Hashable | None:
        """Say what envelopes of a message have in common that are attempted together; None if this one goes alone."""

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Return one outcome for each envelope of *attempt*, in its order; raises nothing but cancellation."""


class NotBegunError(Exception):
    """An attempt was called back before anything of it was sent: nothing has become of its envelopes."""


@runtime_checkable
class PatientAgent(DeliveryAgent, Protocol):
    """An agent with attempts that wait for each other before they begin."""

    def call_back(self) -> None:
        """Let those that wait now raise `NotBegunError`."""

    def is_resting(self, envelope_id: str) -> bool:
        """Whether the attempt of that envelope waits until another moment has come."""


# ---------------------------------------------------------------- queue to reports


class Event(Enum):
    """What the sender of a message hears of a recipient; the value is the word of RFC 3464 §2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    # It went to a server that tells nobody what becomes of it.
    RELAYED = "relayed"


class Notice(NamedTuple):
    """What is to be told of one envelope; *text* and *status* are those of its last outcome."""

    number: int
    event: Event
    envelope: Envelope
    text: str
    status: str


class NoReport(NamedTuple):
    """There is no report, and *why*; if that *is_temporary*, there may be one later."""

    why: str
    is_temporary: bool = False


class Reporter(Protocol):
    """Writes to senders."""

    async def report(
        self, message: QueuedMessage, notices: Sequence[Notice], message_id: int, moment: float
    ) -> Submission | NoReport:
        """Return a report for the queue to take: *notices*, of one event, on envelopes of *message*.

        The report gets the number *message_id* and the date *moment*.  The sender of *message*
        is not the null reverse-path; that of the report is (RFC 5321 §4.5.5).
        """


class Router(Protocol):
    """The policy, as those see it who write to somebody from here."""

    def route(self, recipient: Mailbox) -> tuple[Envelope, ...] | NoReport | Awaitable[tuple[Envelope, ...] | NoReport]:
        """Say what mail from this host for *recipient* becomes: envelopes, at least one, or why there are none."""


# ---------------------------------------------------------------- delivery to supervisor


class Identity(NamedTuple):
    """In whose name work is done: an account, or what a userbase says."""

    name: str
    uid: int
    gid: int
    home: str
    mail_folder: str = ""
    """Where the mailboxes of the system are: whoever appends to one of them, and does nothing else, needs its group."""


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


class MailboxWork(NamedTuple):
    """Append a message to the mbox file *path*, a path of the operating system.

    It begins with the line *separator*, which is the same at each attempt.  With *may_exist*
    an earlier attempt may have put it there, or a part of it.  The mailbox of a user
    *is_system*: nobody else may own it, and there has to be a lock file.
    """

    path: str
    separator: str
    is_system: bool = False
    may_exist: bool = False


class CommandWork(NamedTuple):
    """Run *command* with /bin/sh and give it the message as standard input; nothing else is in its environment."""

    command: str
    environment: tuple[tuple[str, str], ...]


class LmtpWork(NamedTuple):
    """Hand a message to the mail store that listens at the socket *path*, or else on *host* at *port*.

    *recipient* is what RCPT says in its brackets, *reverse_path* what MAIL says with them, and
    *helo* how this server calls itself.  *others* are further recipients, in the same session.
    """

    recipient: str
    reverse_path: str
    helo: str
    path: str = ""
    host: str = ""
    port: int | str = 0
    smtputf8: bool = False
    others: tuple[str, ...] = ()


class WrappedWork(NamedTuple):
    """Run *command*, with a NUL where the delivery belongs, and deliver what it passes on there as *inner* says."""

    command: str
    environment: tuple[tuple[str, str], ...]
    inner: MaildirWork | LmtpWork


Method: TypeAlias = MaildirWork | MailboxWork | CommandWork | LmtpWork | WrappedWork


class LocalWork(NamedTuple):
    """Something that is done in a user's name; *prefix* (complete header lines) goes before the content."""

    identity: Identity
    method: Method
    prefix: bytes
    content: Content
    time_limit: float


class Supervisor(Protocol):
    """Does what needs other rights than those of whoever asks."""

    async def perform(self, work: LocalWork) -> Outcome:
        """Do *work* with the rights of its identity and no others; raises nothing but cancellation."""

    async def close(self, grace: float) -> None:
        """Take no more work, wait *grace* seconds for what is being done, and stop the rest."""
