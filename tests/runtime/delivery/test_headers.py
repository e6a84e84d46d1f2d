"""Header fields of the final delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.delivery.headers import delivery_fields, is_looping, is_spam, read_head
from smtpdsl.runtime.interfaces import InlineContent, SpooledContent

JOE = Mailbox.parse("joe@example.org")


@pytest.mark.parametrize(
    ("reverse_path", "recipient", "fields"),
    [
        ("<ann@example.net>", "joe@example.org", b"Return-Path: <ann@example.net>\nDelivered-To: joe@example.org\n"),
        ("<>", "joe@example.org", b"Return-Path: <>\nDelivered-To: joe@example.org\n"),
        ("<>", '"joe smith"@example.org', b'Return-Path: <>\nDelivered-To: "joe smith"@example.org\n'),
    ],
)
def test_a_delivery_adds_its_fields(reverse_path: str, recipient: str, fields: bytes) -> None:
    """Whom to tell of trouble, the null path included, and for whom it is; lines end in LF."""
    assert delivery_fields(ReversePath.parse(reverse_path), Mailbox.parse(recipient)) == fields


def test_an_internationalized_address_is_utf8() -> None:
    """RFC 6532 §3.2 has them in the header as they are."""
    mailbox = Mailbox.parse("jörg@bücher.example", utf8=True)

    assert delivery_fields(ReversePath(), mailbox) == "Return-Path: <>\nDelivered-To: jörg@bücher.example\n".encode()


@pytest.mark.parametrize(
    "field",
    [
        b"Delivered-To: joe@example.org\n",
        b"delivered-to:JOE@EXAMPLE.org  \n",
        b"DELIVERED-TO : <joe@example.org>\n",
        b"Delivered-To:\n joe@example.org\n",
        b"Delivered-To: other@example.org\nSubject: x\nDelivered-To: joe@example.org\n",
        b"Delivered-To: joe@example.org",
    ],
)
def test_a_loop_is_seen(field: bytes) -> None:
    """The message was delivered to that very address before, however its field is written."""
    assert is_looping(b"Received: x\n" + field, JOE)
    assert is_looping(field, JOE)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Subject: Delivered-To: joe@example.org\n",
        b"Subject: x\n Delivered-To: joe@example.org\n",
        b"X-Delivered-To: joe@example.org\n",
        b"Delivered-To: joe@example.org.example\n",
        b"Delivered-To: a.joe@example.org\n",
        b"Delivered-To: joe@example.org, ann@example.org\n",
    ],
)
def test_what_is_no_loop(head: bytes) -> None:
    """Other fields and other addresses are none."""
    assert not is_looping(head, JOE)


def test_our_own_field_is_recognised() -> None:
    """What a delivery adds is what the next one looks for, also where the address needs quotes."""
    for text in ("joe@example.org", '"a\\"b <c>"@[192.0.2.1]'):
        mailbox = Mailbox.parse(text)
        assert is_looping(delivery_fields(ReversePath(), mailbox), mailbox)


@pytest.mark.parametrize("head", [b"X-Spam: yes\n", b"Subject: x\nx-sPAM-flag: YES\nTo: y\n"])
def test_spam_is_marked_by_a_field(head: bytes) -> None:
    """Both fields count, in any case."""
    assert is_spam(head)


@pytest.mark.parametrize(
    "head", [b"", b"X-Spam: no\n", b"X-Spam: yes, 12.3\n", b"X-X-Spam: yes\n", b"Subject:\n X-Spam: yes\n"]
)
def test_other_fields_mark_no_spam(head: bytes) -> None:
    """Exactly that text, or nothing."""
    assert not is_spam(head)


def test_the_body_is_no_header(tmp_path: Path) -> None:
    """What stands behind the empty line is not read as a field, wherever the message is kept."""
    octets = b"Subject: x\n\nDelivered-To: joe@example.org\n"
    (tmp_path / "spooled").write_bytes(octets)

    for content in (InlineContent(octets), SpooledContent(str(tmp_path / "spooled"), len(octets))):
        assert read_head(content) == b"Subject: x\n"
        assert not is_looping(read_head(content), JOE)
