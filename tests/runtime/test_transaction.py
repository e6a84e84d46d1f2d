"""A transaction: its recipients, and its mail data on the way into the queue."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS, Envelope, InlineContent, Route, Submission
from smtpdsl.runtime.transaction import MAX_HEADER_OCTETS, Transaction

TRACE = b"Received: by mx.example;\n\tsome day\n"


class Writer:
    """A file of the spool, in memory."""

    def __init__(self) -> None:
        """Be empty."""
        self.octets = b""
        self.is_discarded = False

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append."""
        self.octets += octets
        return None

    def discard(self) -> None:
        """Remember it."""
        self.is_discarded = True


class Queue:
    """An intake that hands out one number and keeps its writers."""

    def __init__(self) -> None:
        """Have no writer yet."""
        self.writers: list[Writer] = []

    def next_message_id(self) -> int:
        """Return a number."""
        return 7

    def open_content(self, message_id: int) -> Writer:
        """Make a writer."""
        assert message_id == 7
        self.writers.append(Writer())
        return self.writers[-1]

    async def enqueue(self, submission: Submission) -> None:
        """Take nothing."""
        raise NotImplementedError


def transaction_of(*pieces: bytes, queue: Queue | None = None) -> Transaction:
    """Receive *pieces* of mail data."""
    transaction = Transaction(ReversePath(), queue or Queue())
    transaction.begin_content(TRACE)
    for piece in pieces:
        assert transaction.write(piece) is None
    return transaction


def refusal(*pieces: bytes) -> str:
    """Return what a message of *pieces* is refused with; empty if it is taken."""
    transaction = transaction_of(*pieces)
    content = transaction.end(is_whole=True)
    assert (content is None) is (transaction.problem is not None)
    return str(transaction.problem or "")


def test_a_small_message_stays_in_memory() -> None:
    """Behind our own trace field, to the octet."""
    transaction = transaction_of(b"Subject: x\n\nbo", b"dy\n")

    assert transaction.end(is_whole=True) == InlineContent(TRACE + b"Subject: x\n\nbody\n")


@given(sizes=st.lists(st.integers(1, 50_000), min_size=3, max_size=12))
def test_a_large_message_goes_to_the_spool_as_it_comes(sizes: list[int]) -> None:
    """Every octet once, in order, and nothing of it before it is large."""
    queue = Queue()
    pieces = [b"Subject: x\n\n", *(bytes([65 + number]) * size for number, size in enumerate(sizes)), b"\n"]
    transaction = transaction_of(*pieces, queue=queue)
    content = transaction.end(is_whole=True)

    whole = TRACE + b"".join(pieces)
    assert transaction.size == len(whole)
    if len(whole) <= MAX_INLINE_OCTETS:
        assert content == InlineContent(whole)
        assert queue.writers == []
    else:
        assert content is queue.writers[0]
        assert queue.writers[0].octets == whole


def test_a_message_that_ends_badly_leaves_nothing() -> None:
    """Neither in memory nor in the spool."""
    queue = Queue()
    transaction = transaction_of(b"Subject: x\n\n" + b"a" * MAX_INLINE_OCTETS, queue=queue)

    assert transaction.end(is_whole=False) is None
    assert queue.writers[0].is_discarded


@pytest.mark.parametrize(
    ("pieces", "reply"),
    [
        ([b""], ""),
        ([b"\n"], ""),
        ([b"\nbody\n"], ""),
        ([b"Subject: x\n"], ""),
        ([b" Subject: x\n\nbody\n"], "550 5.7.1"),
        ([b"just a text\n"], "550 5.7.1"),
        ([b"Received: x\n" * 99 + b"\n"], ""),
        ([b"Received: x\n" * 100 + b"\n"], "554 5.4.6"),
        ([b"Subject: x\n\n" + b"Received: x\n" * 100], ""),
        ([b"X: y\n" * 15_000, b"Received: x\n" * 100 + b"\nbody\n"], "554 5.4.6"),
        ([b"X: y\n"] * (MAX_HEADER_OCTETS // 4), "552 5.3.4"),
        ([b"no colon " * 10_000, b"\n\nbody\n"], "550 5.7.1"),
    ],
)
def test_the_header_is_looked_at(pieces: list[bytes], reply: str) -> None:
    """However long it is and in whatever pieces it comes."""
    assert refusal(*pieces)[:9] == reply


def test_a_recipient_who_is_named_twice_gets_one_copy() -> None:
    """The same end of the same expansion is one envelope."""
    transaction = Transaction(ReversePath(), Queue())
    ann = Mailbox(local_part="ann", domain="here.example")
    for _ in range(2):
        transaction.add(ann, (Envelope(Route.LOCAL, "in", ann, ann, user="ann"),))

    assert len(transaction.recipients) == 2
    assert len(transaction.envelopes) == 1
