"""Signatures of messages, judged by another implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.dkim import MAX_SIGNED_FIELDS
from tests.conftest import RequirePeer
from tests.runtime.dkim.judge import ED25519, LISTS, RSA, Verdict, as_sent, judge, judge_with_perl, signed

FROM = b"From: Ann <ann@example.org>\n"
BOTH = [Verdict("rsa", "example.org", is_good=True), Verdict("ed", "example.org", is_good=True)]


BODIES = [
    b"",
    b"\nhello\n",
    b"\nno line end",
    b"\n",
    b"\n\n\n \t\n",
    b"\n\n\n \t\nhello \t world\t\n \n\n\n",
    b"\n.\n..\n.dot\n",
    b"\nFrom the start\n",
    "\nGrüße, 日本\n".encode(),
    b"\n\xff\xfe\x80 no text at all \x01\n",
    b"\n" + b"x" * 100_000 + b"\n",
    b"\n" + b"\n" * 100_000 + b"x\n",
    b"\n" + b" \t" * 50_000 + b"\n",
    b"\nx" + b" " * 100_000,
    b"\na\r\nb\rc\r\r\n\rd\r",
]


@pytest.mark.parametrize("body", BODIES)
def test_a_message_is_signed_with_every_key_of_its_domain(body: bytes) -> None:
    """However odd its body is, and however it is cut into pieces."""
    content = FROM + b"Subject: hello\n" + body

    received = signed(content)

    assert judge(received) == BOTH
    for cut in (1, 3, 1000) if len(content) < 1000 else (1000, 4096):
        assert signed(content, cut=cut) == received


def test_another_implementation_takes_them_too(require_peer: RequirePeer) -> None:
    """One of other people, in another language."""
    peer = require_peer("mail-dkim")
    header = b"Subject: \n folded  twice\n\t \xc3\xbc\n"
    for body in (b"", b"\nhello \t world\t\n \n\n", b"\n" + b"\n" * 100_000 + b"x" * 100_000 + b"\n\xff\n"):
        for received in (signed(FROM + header + body), signed(FROM + header + b"Subject : old\nX: y\n" + body)):
            assert judge_with_perl(peer, received)[0] == "rsa example.org pass"
            assert judge_with_perl(peer, received.replace(b"Subject", b"Object"))[0].startswith("rsa example.org fail")


# What a field may hold; other implementations do not agree about controls at its ends, nor about lines of blanks.
LETTERS = st.sampled_from([*map(chr, range(33, 127)), " ", "  ", "\t", "\n x", "\n\t y", "ü", "日"])
VALUES = st.lists(LETTERS, max_size=40).map("".join)
NAMES = st.sampled_from(["To", "CC", "subject", "X-Y", "List-Id", "Received", "Content-Type", "Reply-to", "DATE"])
HEADERS = st.lists(st.tuples(NAMES, VALUES).map(lambda field: f"{field[0]}:{field[1]}\n"), max_size=12).map("".join)
OCTETS = st.lists(st.sampled_from([b"a", b" ", b"\t", b"\n", b"\xff", b".", b"word"]), max_size=60).map(b"".join)


@given(before=HEADERS, after=HEADERS, body=OCTETS, cut=st.integers(1, 40))
def test_a_signature_is_good_whatever_is_signed(before: str, after: str, body: bytes, cut: int) -> None:
    """Fields in any order, folded or not, several of a name; and pieces of any length."""
    content = before.encode() + FROM + after.encode() + b"\n" + body

    received = signed(content, cut=cut)

    assert judge(received) == BOTH
    assert received.endswith(as_sent(content))


@pytest.mark.parametrize(
    "added",
    [
        b"From: eve@evil.example\n",
        b"Subject: another\n",
        b"To: eve@evil.example\n",
        b"Cc: eve@evil.example\n",
        b"Reply-To: eve@evil.example\n",
        b"Date: Sun, 22 Nov 2026 12:00:00 +0000\n",
        b"Content-Type: text/html\n",
    ],
)
def test_nobody_can_add_what_readers_are_shown(added: bytes) -> None:
    """A second field of that name breaks every signature, above or below the first one."""
    content = FROM + b"Subject: x\nDate: Sun, 22 Nov 2026 11:00:00 +0000\nContent-Type: text/plain\n"
    prefix = signed(content + b"\nhello\n").removesuffix(as_sent(content + b"\nhello\n"))

    above = prefix + as_sent(added + content + b"\nhello\n")
    below = prefix + as_sent(content + added + b"\nhello\n")

    assert [each.is_good for each in judge(above) + judge(below)] == [False] * 4


@pytest.mark.parametrize(
    "change",
    [
        (b"hello", b"Hello"),
        (b"Subject: one", b"Subject: two"),
        (b"\r\n\r\n", b"\r\n\r\nmore\r\n"),
        (b"ann@", b"eve@"),
        (b"d=example.org", b"d=lists.example.org"),
    ],
)
def test_a_change_is_noticed(change: tuple[bytes, bytes]) -> None:
    """Of body, fields and the signature itself."""
    received = signed(FROM + b"Subject: one\n\nhello\n")

    assert change[0] in received
    assert not any(each.is_good for each in judge(received.replace(*change)))


@pytest.mark.parametrize(
    "change",
    [
        (b"Subject: one", b"SUBJECT:   one"),
        (b"hello world", b"hello \t world  "),
        (b"hello world\r\n", b"hello world\r\n\r\n\r\n"),
        (b"From: Ann ", b"From:\r\n\tAnn\r\n "),
        (b"Subject: one", b"X-Spam: no\r\nReceived: from here\r\nSubject: one"),
        (b"Subject: one", b"Message-ID: <1@away.example>\r\nSubject: one"),
    ],
)
def test_what_servers_do_on_the_way_does_no_harm(change: tuple[bytes, bytes]) -> None:
    """Blanks, line ends, fields of their own, and those that they add where they are missing."""
    received = signed(FROM + b"Subject: one\n\nhello world\n")

    assert change[0] in received
    assert judge(received.replace(*change)) == BOTH


@pytest.mark.parametrize(
    ("author", "sender", "keys"),
    [
        ("ann@example.org", "", [RSA, ED25519]),
        ("Ann <ann@EXAMPLE.org> (at home)", "", [RSA, ED25519]),
        ("ann@(the old one)example.org", "", [RSA, ED25519]),
        ('"ann@evil.example"@example.org', "", [RSA, ED25519]),
        ("ann@here.example.org", "", [RSA, ED25519]),
        ("ann@lists.example.org", "", [LISTS]),
        ("ann@deep.lists.example.org", "", [LISTS]),
        ("ann@notexample.org", "", []),
        ("ann@org", "", []),
        ("ann@[192.0.2.1]", "", []),
        ("ann", "", []),
        # Of whose domain nobody here has a key: this host still says that it has sent it.
        ("joe@away.example", "list@lists.example.org", [LISTS]),
        ("ann@example.org", "list@lists.example.org", [RSA, ED25519]),
        ("ann@example.org, joe@away.example", "ann@lists.example.org", [LISTS]),
        ("a b c @ ;", "ann@lists.example.org", [LISTS]),
        ("joe@away.example", "joe@away.example", []),
    ],
)
def test_the_domain_of_the_author_chooses_the_keys(author: str, sender: str, keys: list[object]) -> None:
    """Or that of the sender; a domain without keys has those of the nearest one above it."""
    received = signed(f"From: {author}\nSubject: x\n\nhello\n".encode(), sender=sender)

    assert [(each.selector, each.is_good) for each in judge(received)] == [
        (each.selector, True) for each in (RSA, ED25519, LISTS) if each in keys
    ]


def test_two_authors_are_none() -> None:
    """Readers would be shown one of them and receivers would compare the other."""
    assert signed(b"From: eve@evil.example\n" + FROM + b"\nhello\n").startswith(b"From: eve")
    assert judge(signed(FROM + FROM + b"\n", sender="ann@lists.example.org")) == [
        Verdict("lists", "lists.example.org", is_good=True)
    ]


def test_domains_beyond_ascii_are_compared_as_a_labels() -> None:
    """That is what a key has; one that cannot be written so has none."""
    assert judge(signed("From: jö@dept.例え.example.org\n\n".encode())) == BOTH
    assert signed("From: jö@-ü-.example.org\n\nx\n".encode()) == as_sent("From: jö@-ü-.example.org\n\nx\n".encode())


def test_the_field_is_a_field() -> None:
    """Short lines, each of which but the first is a continuation; every name that is signed is in it."""
    many = b"".join(b"To: x%d@away.example\n" % number for number in range(150))
    prefix, _, _ = signed(FROM + many + b"\nhello\n").partition(b"From:")
    lines = prefix.decode("ascii").split("\r\n")

    assert lines.pop() == ""
    assert [line[:1] for line in lines].count("D") == 2
    assert all(line.startswith(("DKIM-Signature: v=1; a=", "\t")) and len(line) <= 78 for line in lines)
    assert prefix.count(b"to:") + prefix.count(b"to;") == 2 * 152  # one more of it, and that of Reply-To
    assert judge(signed(FROM + many + b"\nhello\n")) == BOTH


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\nFrom: ann@example.org\n",
        b"no header",
        b"From ann@example.org\n\n",
        b"To: x\n" * (MAX_SIGNED_FIELDS + 1) + FROM,
        FROM + b"X: y\n" * 500_000,
    ],
)
def test_what_nobody_would_understand_is_not_signed(content: bytes) -> None:
    """It is sent as it is."""
    assert signed(content, cut=65536) == as_sent(content)
