"""A transaction: its recipients, and its mail data on the way into the queue."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.header_editing import HeaderEdits, edit_header
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS, Envelope, InlineContent, Route, Submission
from smtpdsl.runtime.protocol.events import MailParameters, RcptParameters
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


def transaction_of(*pieces: bytes, queue: Queue | None = None, edits: HeaderEdits | None = None) -> Transaction:
    """Receive *pieces* of mail data."""
    transaction = Transaction(ReversePath(), MailParameters(), queue or Queue())
    transaction.begin_content(TRACE, edits)
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
        ([b" Subject: x\n\nbody\n"], "550 5.6.0"),
        ([b"just a text\n"], "550 5.6.0"),
        ([b"Received: x\n" * 99 + b"\n"], ""),
        ([b"Received: x\n" * 100 + b"\n"], "554 5.4.6"),
        ([b"Subject: x\n\n" + b"Received: x\n" * 100], ""),
        ([b"X: y\n" * 15_000, b"Received: x\n" * 100 + b"\nbody\n"], "554 5.4.6"),
        ([b"X: y\n"] * (MAX_HEADER_OCTETS // 4), "552 5.3.4"),
        ([b"no colon " * 10_000, b"\n\nbody\n"], "550 5.6.0"),
    ],
)
def test_the_header_is_looked_at(pieces: list[bytes], reply: str) -> None:
    """However long it is and in whatever pieces it comes."""
    assert refusal(*pieces)[:9] == reply


EDITS = HeaderEdits("mx.example", 0.0)
WHOLE = b"Date: x\nMessage-ID: y\n"


@pytest.mark.parametrize("size", [10, MAX_INLINE_OCTETS + 10])
def test_the_header_is_completed_as_soon_as_it_is_there(size: int) -> None:
    """Of a message that begins its way here, in memory or in the spool; our own field and the body stay as they are."""
    queue = Queue()
    body = b"\nTo: joe\nBcc: kim\n" + b"x" * size
    transaction = transaction_of(b"To: j", b"oe\nBcc: kim\n" + WHOLE + body[:5], body[5:], queue=queue, edits=EDITS)
    content = transaction.end(is_whole=True)

    found = content.octets if isinstance(content, InlineContent) else queue.writers[0].octets
    assert found == TRACE + b"To: joe@mx.example\n" + WHOLE + body
    assert transaction.size == len(found)


def test_a_header_without_an_end_is_completed_when_the_message_ends() -> None:
    """It is all that there is; in chunks not even its last line needs an end."""
    transaction = transaction_of(WHOLE + b"To: joe", edits=EDITS)

    assert transaction.end(is_whole=True) == InlineContent(TRACE + WHOLE + b"To: joe@mx.example\n")


def test_mail_that_is_under_way_is_left_alone() -> None:
    """Whatever its header lacks, or says too much."""
    octets = b"From: joe\nTo: ann\nBcc: kim\n\nhello\n"

    assert transaction_of(octets).end(is_whole=True) == InlineContent(TRACE + octets)


@given(
    cuts=st.lists(st.integers(0, 70_000), max_size=8),
    body=st.sampled_from([b"", b"\n", b"\nbody\n", b"\n" + b"line\n" * 13_500]),
    header=st.sampled_from([b"", b"To: joe\n", b"Bcc: a\n b\nFrom: ann\nSubject: x\n", b"X: y\n" * 13_500]),
)
def test_it_does_not_matter_how_a_message_is_cut(cuts: list[int], body: bytes, header: bytes) -> None:
    """Whatever its size, its header gets the same edits."""
    octets = header + WHOLE + body
    places = sorted({min(cut, len(octets)) for cut in cuts} | {0, len(octets)})
    pieces = [octets[start:end] for start, end in pairwise(places)]
    queue = Queue()
    transaction = transaction_of(*pieces, queue=queue, edits=EDITS)
    content = transaction.end(is_whole=True)

    found = content.octets if isinstance(content, InlineContent) else queue.writers[0].octets
    assert found == TRACE + edit_header(header + WHOLE, EDITS) + body
    assert transaction.size == len(found)


def test_what_is_added_does_not_make_a_header_too_long() -> None:
    """The limit is for what the client has sent."""
    transaction = transaction_of(b"To: a\n" * 40_000, b"\n", edits=EDITS)
    transaction.end(is_whole=True)

    assert transaction.problem is None


ANN = Mailbox(local_part="ann", domain="here.example")
TO_ANN = Envelope(Route.LOCAL, "in", ANN, ANN, user="ann")


def envelopes_of(*parameters: RcptParameters) -> tuple[Envelope, ...]:
    """Name ann once for each of *parameters*."""
    transaction = Transaction(ReversePath(), MailParameters(), Queue())
    for each in parameters:
        transaction.add(ANN, each, (TO_ANN, TO_ANN._replace(user="kim")))
    assert len(transaction.recipients) == len(parameters)
    return transaction.envelopes


def test_a_recipient_who_is_named_twice_gets_one_copy() -> None:
    """The same end of the same expansion is one envelope."""
    assert envelopes_of(RcptParameters(), RcptParameters()) == (TO_ANN, TO_ANN._replace(user="kim"))


def test_the_wishes_of_a_recipient_go_with_each_envelope() -> None:
    """And with those of no other recipient (RFC 3461 §5.2.7)."""
    joe = Mailbox(local_part="joe", domain="here.example")
    transaction = Transaction(ReversePath(), MailParameters(), Queue())
    transaction.add(ANN, RcptParameters(frozenset({"NEVER"}), "rfc822;a@b"), (TO_ANN,))
    transaction.add(joe, RcptParameters(), (TO_ANN._replace(recipient=joe),))

    assert transaction.envelopes == (
        TO_ANN._replace(notify=frozenset({"NEVER"}), orcpt="rfc822;a@b"),
        TO_ANN._replace(recipient=joe),
    )


@pytest.mark.parametrize(
    ("first", "second", "notify", "orcpt"),
    [
        (("NEVER", None), ("NEVER", None), "NEVER", None),
        (("NEVER", None), ("SUCCESS", "rfc822;a@b"), "SUCCESS", "rfc822;a@b"),
        (("SUCCESS", "rfc822;a@b"), ("FAILURE", "rfc822;c@d"), "SUCCESS FAILURE", "rfc822;a@b"),
        ((None, None), ("SUCCESS", None), "SUCCESS FAILURE DELAY", None),
    ],
)
def test_wishes_for_a_recipient_who_is_named_twice_are_united(
    first: tuple[str | None, str | None], second: tuple[str | None, str | None], notify: str, orcpt: str | None
) -> None:
    """One copy, and every report that either of them asks for."""
    asked = [RcptParameters(frozenset({wish}) if wish else None, original) for wish, original in (first, second)]

    for envelope in envelopes_of(*asked):
        assert envelope.notify == frozenset(notify.split())
        assert envelope.orcpt == orcpt


def test_what_mail_said_goes_with_the_message() -> None:
    """All but the size, which has served its purpose."""
    parameters = MailParameters(9, "8BITMIME", "HDRS", "QQ3", smtputf8=True, requiretls=True, mt_priority=-3)
    transaction = Transaction(ReversePath(), parameters, Queue())
    transaction.add(ANN, RcptParameters(), (TO_ANN,))
    submission = transaction.submission(Client(source="local"), 0.0, InlineContent(b""))

    assert submission.options == MailOptions("8BITMIME", "HDRS", "QQ3", smtputf8=True, requiretls=True, mt_priority=-3)
