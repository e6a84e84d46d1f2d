"""Checks 4 and 5: what was accepted, and nothing else, is in mailboxes and at the sink.

    250 after the end of data ──identifier──▶ transaction ──▶ a copy for each recipient, as it was sent

A message that a user's program took, or that was held because the user's delivery fails, is in no
mailbox; the log says which these are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.vectors.evidence import Evidence, accepted
from tests.vectors.fixture import DOOMED
from tests.vectors.format import Vector
from tests.vectors.log_lines import Attempt
from tests.vectors.played import Played
from tests.vectors.remote import Conversation
from tests.vectors.replies import shown
from tests.vectors.stored import Stored
from tests.vectors.transcript import Transaction, transactions

SINK_DOMAIN = "remote.test"
_SUBMISSION = frozenset({"sub", "sub-tls", "sub-auth"})
_ADDED = (b"Date: ", b"Message-ID: ")
_BCC = re.compile(rb"^bcc[ \t]*:.*\n(?:[ \t].*\n)*", re.IGNORECASE | re.MULTILINE)


def messages(vector: Vector, played: Played, evidence: Evidence) -> Iterator[str]:
    """Yield what is wrong with the messages of a run."""
    sent = transactions(played.sent, [*played.early, *played.replies])
    identifiers = accepted(played)
    for identifier, count in Counter(identifiers).items():
        if count > 1:
            yield f"{count} messages have the identifier {identifier}"
    known = {each.identifier: each for each in sent}
    for found in [*evidence.stored, *evidence.sunk]:
        if found.identifier not in identifiers:
            yield f"{found.where} has a message that was not accepted: {shown(found.content)}"
        elif found.identifier not in known:
            yield f"the message {found.identifier} is none of the client's transactions"
    for transaction in sent:
        copies = [each for each in evidence.stored if each.identifier == transaction.identifier]
        yield from _local(vector, transaction, copies, evidence.attempts)
        sunk = [each for each in evidence.sunk if each.identifier == transaction.identifier]
        yield from _remote(vector, transaction, sunk, evidence.attempts)
    yield from _sink(sent, evidence.sink)


def _local(
    vector: Vector, transaction: Transaction, copies: Sequence[Stored], attempts: Sequence[Attempt]
) -> Iterator[str]:
    tried = [each for each in attempts if each.message == transaction.identifier and each.route == "mda"]
    delivered = sum(each.result == "Ok" for each in tried)
    wanted = {canonical(each) for each in transaction.recipients if not _is_remote(each)}
    doomed = f"{DOOMED}@local.test"
    if not vector.setup and doomed not in wanted and len(tried) != delivered:
        yield f"the message {transaction.identifier} was accepted and not delivered: {[each.result for each in tried]}"
    if wanted and not tried:
        yield f"the message {transaction.identifier} was accepted, and no delivery was tried"
    if len(copies) != delivered and not _delivers_elsewhere(vector):
        yield f"{delivered} deliveries of {transaction.identifier}, and {len(copies)} messages in mailboxes"
    for copy in copies:
        yield from _same(vector, transaction, copy)
        if not {canonical(each) for each in copy.recipients} <= wanted:
            yield f"a message for {', '.join(copy.recipients)}, who is no recipient of the transaction"


def _remote(
    vector: Vector, transaction: Transaction, sunk: Sequence[Stored], attempts: Sequence[Attempt]
) -> Iterator[str]:
    wanted = sorted(each for each in transaction.recipients if _is_remote(each))
    tried = [each for each in attempts if each.message == transaction.identifier and each.route == "mta"]
    if wanted and not tried:
        yield f"the message {transaction.identifier} was accepted, and no relaying was tried"
    found = sorted(recipient for each in sunk for recipient in each.recipients)
    if tried and found != wanted:
        yield f"the sink has a message for {found}, and the transaction was for {wanted}"
    for copy in sunk:
        yield from _same(vector, transaction, copy)


def _same(vector: Vector, transaction: Transaction, copy: Stored) -> Iterator[str]:
    """The sender and the content of *copy* are those of *transaction*."""
    if canonical(copy.reverse_path) != canonical(transaction.reverse_path):
        yield f"a message from <{copy.reverse_path}> in a transaction of <{transaction.reverse_path}>"
    wanted, found = transaction.content, _without_completion(copy.content, transaction.content)
    if vector.listener in _SUBMISSION:
        # Its header may be mended; what it says may not.
        head, _, found = found.partition(b"\n\n")
        wanted = wanted.partition(b"\n\n")[2]
        if re.search(rb"^bcc:", head, re.IGNORECASE | re.MULTILINE):
            yield "a submitted message with a Bcc field"
    # Where there is no header section, an empty line ends ours.
    if found not in (wanted, b"\n" + wanted) and _undone(found) != _undone(wanted):
        yield f"a stored message differs from what was sent: {_difference(found, wanted)}"


def _without_completion(found: bytes, sent: bytes) -> bytes:
    """Leave out the fields at the end of the header that were added because the message that was *sent* had none.

    A listener on loopback is for programs of this machine, whose messages are completed so.
    """
    head, end, body = found.partition(b"\n\n")
    lines = (head if end else found.removesuffix(b"\n")).split(b"\n")
    given = sent.partition(b"\n\n")[0].lower()
    added = 0
    while added < len(lines) and lines[-1 - added].startswith(_ADDED) and lines[-1 - added].lower() not in given:
        added += 1
    if not added:
        return found
    kept = b"".join(line + b"\n" for line in lines[:-added])
    return kept + (b"\n" + body if end else b"")


def _undone(content: bytes) -> bytes:
    """Return *content* without what is done to the header of messages that begin their way on this machine."""
    head, end, body = content.partition(b"\n\n")
    return _BCC.sub(b"", head + b"\n").replace(b"@mx.test", b"") + end + body


def _difference(found: bytes, wanted: bytes) -> str:
    """Show where two contents begin to differ."""
    at = next((at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other), 0)
    at = at or min(len(found), len(wanted))
    return f"from octet {at} on {shown(found[at:], 60)}, not {shown(wanted[at:], 60)}"


def canonical(path: str) -> str:
    """Write the address of *path* in one of the ways that mean the same: no route, no quotes, a domain."""
    if not path:
        return ""
    address = path.rpartition(":")[2] if path.startswith("@") else path
    address = re.sub(r'["\\\\]', "", address).removesuffix(".").casefold()
    return address if "@" in address else f"{address}@mx.test"


def _sink(sent: Sequence[Transaction], conversations: Sequence[Conversation]) -> Iterator[str]:
    allowed = any(_is_remote(recipient) for transaction in sent for recipient in transaction.recipients)
    if conversations and not allowed:
        yield f"(5) a connection to the sink: {conversations[0].commands[:5]}"
    for conversation in conversations:
        for line in conversation.stray:
            yield f"(5) a line on the wire to the sink without CRLF: {shown(line)}"


def _is_remote(recipient: str) -> bool:
    return recipient.rpartition("@")[2].casefold() == SINK_DOMAIN


def _delivers_elsewhere(vector: Vector) -> bool:
    """Whether deliveries are not into the mailboxes that are read here."""
    return bool(vector.setup.keys() & {"action", "mda", "forward"}) or vector.queued_for != ""
