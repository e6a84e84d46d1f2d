r"""The part of a report that programs read (RFC 3464 §2, RFC 6533 §3).

    Reporting-MTA: dns; mx.example
    Original-Envelope-Id: QQ314159
    Arrival-Date: Sun, 22 Nov 2026 12:46:37 +0000 (UTC)

    Original-Recipient: rfc822;joe@b.example
    Final-Recipient: rfc822; joe@c.example
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mx.c.example
    Diagnostic-Code: smtp; 550 5.1.1 no such user

Nothing that a peer has said can begin a field of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.trace import date_time
from smtpdsl.runtime.interfaces import Event, Notice
from smtpdsl.runtime.protocol.client_verdicts import answer_in

# RFC 5322 §2.1.1 allows 998; a text that fills a line has said enough.
_MAX_TEXT_CHARACTERS = 900
# By event, the class of every status of it: a last attempt that failed for now has failed for good in the end.
_CLASSES = {Event.FAILED: "5", Event.DELAYED: "4", Event.DELIVERED: "2", Event.RELAYED: "2"}
_STATUS = re.compile(r"[245](\.[0-9]{1,3}\.[0-9]{1,3})")


class Subject(NamedTuple):
    """What a report is about: a message that arrived at the moment *arrived*, and what a server did with it.

    *retried_until* is when it gives up, of a delay; *moment* is when the report is written.
    """

    server_name: str
    envid: str | None
    arrived: float
    moment: float
    retried_until: float | None = None


def delivery_status(subject: Subject, notices: Iterable[Notice], *, utf8: bool = False) -> str:
    """Return the fields of a report; those of *notices*, of which there is at least one, each as a group.

    With *utf8* addresses are written in UTF-8, and otherwise all is ASCII.
    """
    groups = [_per_message(subject), *(_per_recipient(subject, each, utf8=utf8) for each in notices)]
    return "\n".join("".join(f"{name}: {_line(value, utf8=utf8)}\n" for name, value in group) for group in groups)


def status_of(notice: Notice) -> str:
    """Return the enhanced status of *notice* (RFC 3463); its class is that of the event."""
    found = _STATUS.fullmatch(notice.status)
    return _CLASSES[notice.event] + (found[1] if found else ".0.0")


def _per_message(subject: Subject) -> Iterator[tuple[str, str]]:
    if subject.envid is not None:
        yield "Original-Envelope-Id", subject.envid
    yield "Reporting-MTA", f"dns; {subject.server_name}"
    yield "Arrival-Date", date_time(subject.arrived)


def _per_recipient(subject: Subject, notice: Notice, *, utf8: bool) -> Iterator[tuple[str, str]]:
    if notice.envelope.orcpt is not None:
        yield "Original-Recipient", notice.envelope.orcpt if utf8 else _in_ascii(notice.envelope.orcpt)
    yield "Final-Recipient", _typed(notice.envelope.dest, utf8=utf8)
    yield "Action", notice.event.value
    yield "Status", status_of(notice)
    answer = answer_in(notice.text)
    if answer is not None:
        yield "Remote-MTA", f"dns; {answer.host}"
        yield "Diagnostic-Code", f"smtp; {answer.text}"
    elif notice.event in {Event.FAILED, Event.DELAYED}:
        # RFC 3464 §2.3.6: what no protocol has said has a type of its own.
        yield "Diagnostic-Code", f"X-smtpdsl; {notice.text}"
    yield "Last-Attempt-Date", date_time(subject.moment)
    if subject.retried_until is not None:
        yield "Will-Retry-Until", date_time(subject.retried_until)


def _typed(mailbox: Mailbox, *, utf8: bool) -> str:
    text = str(mailbox)
    if text.isascii():
        return f"rfc822; {text}"
    return f"utf-8; {text if utf8 else _in_ascii(text)}"


def _in_ascii(address: str) -> str:
    """Write the characters beyond ASCII as RFC 6533 §3 has them."""
    return "".join(each if each < "\x80" else rf"\x{{{ord(each):X}}}" for each in address)


def _line(value: str, *, utf8: bool) -> str:
    """Return *value* as one line of printable characters."""
    line = "".join(each if each.isprintable() and (utf8 or each < "\x80") else "?" for each in value)
    return line if len(line) <= _MAX_TEXT_CHARACTERS else line[:_MAX_TEXT_CHARACTERS] + "..."
