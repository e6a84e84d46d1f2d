"""What is done to the header of mail that begins its way here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.header import is_well_formed
from smtpdsl.mail.header_addresses import MAX_ELEMENTS, MAX_OCTETS
from smtpdsl.mail.header_editing import HeaderEdits, edit_header

EDITS = HeaderEdits("mx.example", 1_795_351_597.5)
ANN = Mailbox(local_part="ann", domain="a.example")
WHOLE = b"Date: today\nMessage-ID: <1@b.example>\n"


@pytest.fixture(autouse=True)
def _in_greenwich() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC0")
        time.tzset()
        yield
    time.tzset()


def edited(header: bytes, edits: HeaderEdits = EDITS) -> bytes:
    """Edit a header that has a date and a name already, and return what stands before them."""
    result = edit_header(header + WHOLE, edits)
    assert result.endswith(WHOLE)
    return result.removesuffix(WHOLE)


def test_what_is_missing_is_added_at_the_end() -> None:
    """RFC 6409 §8.2 and §8.3."""
    result = edit_header(b"Subject: x\n", EDITS)

    assert re.fullmatch(
        rb"Subject: x\nDate: Sun, 22 Nov 2026 12:46:37 \+0000 \(UTC\)\nMessage-ID: <[0-9a-f]{16}@mx\.example>\n", result
    )
    assert edit_header(b"Subject: x\n", EDITS) != result


def test_a_message_without_a_header_gets_one() -> None:
    """Two fields, and nothing else."""
    assert re.fullmatch(rb"Date: .*\nMessage-ID: .*\n", edit_header(b"", EDITS))


@pytest.mark.parametrize(
    "header", [b"date: x\nMESSAGE-ID: y\n", b"Date : x\nMessage-Id\t: y\n", b"Date:\nMessage-ID:\n"]
)
def test_what_is_there_is_not_added(header: bytes) -> None:
    """However it is written."""
    assert edit_header(header, EDITS) == header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Bcc: ann\nSubject: x\n", b"Subject: x\n"),
        (b"Subject: x\nbcc : ann,\n\tkim,\n lee\nX-Bcc: y\n", b"Subject: x\nX-Bcc: y\n"),
        (b"To: joe\n", b"To: joe@mx.example\n"),
        (b"to:joe,\n Ann <ann>\n", b"to:joe@mx.example,\n Ann <ann@mx.example>\n"),
        (b"To: joe@b.example, ann\n", b"To: joe@b.example, ann@mx.example\n"),
        (b"To: <joe@b.example>\n , ann\n", b"To: <joe@b.example>\n , ann@mx.example\n"),
        (b"Cc: joe\nSender: ann\n", b"Cc: joe@mx.example\nSender: ann@mx.example\n"),
        (b"Reply-To: kim\n", b"Reply-To: kim@mx.example\n"),
        (b"Subject: to joe\nX-To: joe\nTo\xc3\xa4: joe\n", b"Subject: to joe\nX-To: joe\nTo\xc3\xa4: joe\n"),
        (b"To: Team: kim, lee;\n", b"To: Team: kim, lee;\n"),
    ],
)
def test_fields_of_addresses(header: bytes, expected: bytes) -> None:
    """Bcc goes with its continuations; in the others domains are completed."""
    assert edited(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"From: Joe <joe@b.example>\n", b"From: Joe <ann@a.example>\n"),
        (b"From: joe@b.example (Joe)\n", b"From: ann@a.example (Joe)\n"),
        (b"From: =?utf-8?q?J?=\n <joe>\n", b"From: =?utf-8?q?J?=\n <ann@a.example>\n"),
        (b"From: joe@b.example, kim@b.example\n", b"From: ann@a.example\n"),
        (b"From: Team: joe@b.example;\n", b"From: ann@a.example\n"),
        (b"From: who knows\n", b"From: ann@a.example\n"),
        (b"From: x\nfrom: y\n", b"From: ann@a.example\nfrom: ann@a.example\n"),
        (b"Sender: joe@b.example\n", b"Sender: joe@b.example\n"),
    ],
)
def test_the_author_is_who_sends(header: bytes, expected: bytes) -> None:
    """With `masquerade` no address but the sender's is left in From, and the name beside it stays."""
    assert edited(header, EDITS._replace(author=ANN)) == expected


def test_of_all_lists_no_more_is_read_than_of_one() -> None:
    """Others wait meanwhile; no honest client leaves domains out of thousands of addresses."""
    many = b"To: " + b",".join([b"joe"] * (MAX_ELEMENTS - 1)) + b"\n"
    result = edited(many + b"Cc: ann\nReply-To: kim\n")

    assert result.count(b"@mx.example") == MAX_ELEMENTS
    assert result.endswith(b"\nCc: ann@mx.example\nReply-To: kim\n")
    # A list that is too long by itself is no reason to leave the others alone.
    assert edited(b"To:" + b" " * MAX_OCTETS + b"joe\nCc: ann\n").endswith(b" joe\nCc: ann@mx.example\n")
    assert edited(b"To: joe\n" * 10_000).count(b"@mx.example") <= 100


def test_no_other_author_is_left_however_many_there_are() -> None:
    """Beyond what is read, not even the name beside the address stays."""
    fields = b"From: Joe <joe@b.example>\n" * 2000 + b"From : kim,\n\tlee\n"
    result = edited(fields, EDITS._replace(author=Mailbox(local_part="a\\1", domain="a.example")))

    assert not re.search(rb"joe|kim|lee", result)
    assert result.count(b'"a\\\\1"@a.example') == 2001
    assert edited(b"From: " + b"x," * MAX_ELEMENTS + b"\n", EDITS._replace(author=ANN)) == b"From: ann@a.example\n"


LINES = st.binary(max_size=30).map(lambda octets: octets.replace(b"\n", b"?"))
NAMES = st.sampled_from(
    [b"From", b"to", b"Cc", b"Bcc", b"Date", b"Message-ID", b"Subject", b"X-\xff", b"Received"]
) | st.from_regex(rb"[!-9;-~]{1,8}", fullmatch=True)
FOLDED = st.lists(LINES.map(lambda line: b"\n\t" + line), max_size=2).map(b"".join)
FIELDS = st.builds(lambda name, body, rest: name + b":" + body + rest + b"\n", NAMES, LINES, FOLDED)
HEADERS = st.lists(FIELDS, max_size=8).map(b"".join)


@given(header=HEADERS, author=st.sampled_from([None, ANN]))
def test_doing_it_again_changes_nothing(header: bytes, author: Mailbox | None) -> None:
    """And a header that was well-formed is."""
    edits = EDITS._replace(author=author)
    once = edit_header(header, edits)

    assert is_well_formed(header)
    assert is_well_formed(once)
    assert edit_header(once, edits) == once


@given(header=HEADERS)
def test_nothing_else_is_touched(header: bytes) -> None:
    """Octets are added to four fields and at the end, Bcc goes; everything else is as it was, octet for octet."""
    kept = re.sub(rb"(?im)^bcc[ \t]*:.*\n(?:[ \t].*\n)*", b"", header)
    result = edit_header(header, EDITS)

    assert _without(result, b"@mx.example").startswith(_without(kept, b"@mx.example"))


def _without(octets: bytes, domain: bytes) -> bytes:
    return octets.replace(domain, b"")


@pytest.mark.parametrize("size", [998, 50_000])
def test_long_lines_and_octets_of_all_kinds_survive(size: int) -> None:
    """Also those that no mail should have."""
    header = b"Subject: " + b"\xff\x00\r" * size + b"\nTo: " + b"x" * size + b"@b.example\n"

    assert edited(header) == header
