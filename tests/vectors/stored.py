"""Messages where they have come to: maildirs, mailboxes and the sink; read back by their trace.

Return-Path: <a@elsewhere.test>              Stored(where="alice", reverse_path="a@elsewhere.test",
Delivered-To: alice@local.test                      recipients=("alice@local.test",), source="127.1.0.7",
Received: from client.test (… [127.1.0.7])          identifier="5f1e02aa", content=b"Subject: …")
    by mx.test (smtpdsl) with ESMTP id 5f1e02aa …
Subject: …
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TRACE = re.compile(
    rb"""
    (?: Return-Path: [ ] < (?P<reverse_path>.*) > \n )?
    (?: Delivered-To: [ ] (?P<recipient>.*) \n )?
    (?: X-Spam: .* \n )?
    Received: [ ] (?: from [^\n]* \[ (?P<source>[^\n\]]*) \]\) \n\t )?
    by [ ] \S+ [ ] \(smtpdsl\) [ ] with [ ] \S+ [ ] id [ ] (?P<identifier>[0-9a-f]{8}) [^\n]*
    (?: \n [ \t] [^\n]* )*? ; \n \t [^\n]* \n
    """,
    re.VERBOSE,
)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


class Stored(NamedTuple):
    """A message, as it has come to; without a trace of ours *identifier* is empty."""

    where: str
    reverse_path: str
    recipients: tuple[str, ...]
    source: str
    identifier: str
    content: bytes


def read_message(where: str, octets: bytes) -> Stored:
    """Read the message *octets*, found at *where*; its lines end in LF."""
    trace = _TRACE.match(octets)
    if trace is None:
        return Stored(where, "", (), "", "", octets)
    path, recipient = (trace[name] or b"" for name in ("reverse_path", "recipient"))
    return Stored(
        where,
        path.decode("latin-1"),
        (recipient.decode("latin-1"),) if recipient else (),
        (trace["source"] or b"").decode("latin-1"),
        trace["identifier"].decode("ascii"),
        octets[trace.end() :],
    )


def read_mailboxes(root: Path) -> Iterator[Stored]:
    """Yield what is in the mailboxes below *root*; what is being written just now is not in them yet."""
    for folder in sorted(root.glob("home/*/Maildir")):
        for path in sorted([*folder.glob("new/*"), *folder.glob("cur/*"), *folder.glob(".*/new/*")]):
            # Users may make links to anywhere, and what is there is no mail.
            if path.is_file() and not path.parent.is_symlink():
                yield read_message(folder.parent.name, path.read_bytes())
    for path in sorted(root.glob("var/mail/*")):
        if path.is_file() and not path.is_symlink():
            yield from _read_mbox(path)


def _read_mbox(path: Path) -> Iterator[Stored]:
    """Yield the messages of a mailbox: each begins with a line ``From ``, which is quoted elsewhere."""
    for text in re.split(rb"^From [^\n]*\n", path.read_bytes(), flags=re.MULTILINE)[1:]:
        yield read_message(path.name, _QUOTED_FROM.sub(rb"\1", text.removesuffix(b"\n")))
