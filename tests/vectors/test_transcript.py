"""What was accepted of what a client has said."""

from __future__ import annotations

from tests.vectors.replies import Reply
from tests.vectors.transcript import Transaction, transactions

ACCEPTED = Reply("250", ("2.0.0 5f1e02aa Message accepted for delivery",))


def replies(*codes: str | Reply) -> list[Reply]:
    """Return replies; after the greeting, which everybody gets."""
    return [Reply("220", ("mx",)), *(code if isinstance(code, Reply) else Reply(code, ("x",)) for code in codes)]


def test_a_transaction() -> None:
    """Its envelope is what was accepted of it; dots are unstuffed, and lines end in LF."""
    said = (
        b"EHLO c\r\nMAIL FROM:<a@b> SIZE=10\r\nRCPT TO:<joe@c>\r\nRCPT TO:<ann@c>\r\nDATA\r\n"
        b"Subject: x\r\n\r\n..\r\n.x\r\n.\r\nQUIT\r\n"
    )

    found = transactions([said], replies("250", "250", "250", "550", "354", ACCEPTED, "221"))

    assert found == [Transaction("a@b", ("joe@c",), b"Subject: x\n\n.\nx\n", "5f1e02aa")]


def test_an_empty_message() -> None:
    """Its dot is the first line."""
    said = b"MAIL FROM:<>\r\nRCPT TO:<joe@c>\r\nDATA\r\n.\r\nNOOP\r\n"

    assert transactions([said], replies("250", "250", "354", ACCEPTED, "250")) == [
        Transaction("", ("joe@c",), b"", "5f1e02aa")
    ]


def test_a_message_that_was_refused() -> None:
    """It is none, and what follows it is read as commands again."""
    data = b"MAIL FROM:<a@b>\r\nRCPT TO:<joe@c>\r\nDATA\r\nx\r\n.\r\n"

    found = transactions([data + data], replies("250", "250", "354", "550", "250", "250", "354", ACCEPTED))

    assert [each.content for each in found] == [b"x\n"]


def test_chunks() -> None:
    """Each but the last has a reply of its own; dots mean nothing."""
    said = b"MAIL FROM:<a@b>\r\nRCPT TO:<joe@c>\r\nBDAT 7\r\nSubjectBDAT 9 LAST\r\n: x\r\n\r\n.\nQUIT\r\n"

    (found,) = transactions([said], replies("250", "250", "250", ACCEPTED, "221"))

    assert found.content == b"Subject: x\n\n.\n"


def test_what_was_said_before_tls_in_vain() -> None:
    """Behind STARTTLS nobody hears it."""
    layers = [b"STARTTLS\r\nMAIL FROM:<evil@b>\r\n", b"MAIL FROM:<a@b>\r\nRCPT TO:<joe@c>\r\nDATA\r\nx\r\n.\r\n"]

    (found,) = transactions(layers, replies("220", "250", "250", "354", ACCEPTED))

    assert found.reverse_path == "a@b"


def test_a_login_and_a_new_beginning() -> None:
    """Responses are no commands; RSET forgets recipients."""
    said = (
        b"AUTH PLAIN\r\nAGFsaWNl\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe@c>\r\nRSET\r\n"
        b"MAIL FROM:<b@b>\r\nRCPT TO:<ann@c>\r\nDATA\r\nx\r\n.\r\n"
    )

    (found,) = transactions([said], replies("334", "235", "250", "250", "250", "250", "250", "354", ACCEPTED))

    assert (found.reverse_path, found.recipients) == ("b@b", ("ann@c",))


def test_what_a_proxy_says_first() -> None:
    """Nobody replies to that; the greeting comes after it."""
    header = b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xc0\0\2\1\x7f\0\0\1\x13\x88\0\x19"
    said = header + b"MAIL FROM:<a@b>\r\nRCPT TO:<joe@c>\r\nDATA\r\nx\r\n.\r\n"

    (found,) = transactions([said], replies("250", "250", "354", ACCEPTED))

    assert found.content == b"x\n"
