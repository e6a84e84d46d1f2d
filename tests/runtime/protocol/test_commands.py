"""Command lines, read."""

from __future__ import annotations

import pytest

from smtpdsl.mail.address import Mailbox
from smtpdsl.runtime.protocol.commands import COMMANDS, HTTP_METHODS, NOT_OFFERED, Dialect, split_line
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Command, Data, Ehlo, Help, Mail, Noop, Rcpt, Vrfy
from smtpdsl.runtime.protocol.states import TRANSITIONS

DIALECT = Dialect("mx.test", frozenset({"SIZE", "8BITMIME"}), 1000, ("PLAIN",))


def read(line: bytes) -> Command:
    """Read a line whose verb is known."""
    word, argument = split_line(line)
    return COMMANDS[word].read(argument, DIALECT)


def refusal_of(line: bytes) -> tuple[int, str | None]:
    """Return code and status of the reply that refuses *line*."""
    with pytest.raises(RemoteProtocolError) as caught:
        read(line)
    return caught.value.reply.code, caught.value.reply.enhanced_status


def test_every_verb_makes_the_command_it_promises() -> None:
    """The transition table is asked for that command before its argument is read."""
    arguments = {
        b"AUTH": b" PLAIN",
        b"MAIL": b" FROM:<>",
        b"RCPT": b" TO:<joe>",
        b"HELO": b" x",
        b"EHLO": b" x",
        b"VRFY": b" x",
    }
    for word, verb in COMMANDS.items():
        assert type(read(word + arguments.get(word, b""))) is verb.command
        assert verb.command in {question for _, question in TRANSITIONS}


def test_a_word_has_one_meaning() -> None:
    """What is obeyed, what is not offered and what a browser says are different words."""
    assert not NOT_OFFERED & COMMANDS.keys()
    assert not HTTP_METHODS & (NOT_OFFERED | COMMANDS.keys())


@pytest.mark.parametrize("line", [b"NOOP", b"noop", b"nOOp ", b"NOOP whatever \xff"])
def test_verbs_are_read_in_any_case(line: bytes) -> None:
    """Octets beyond ASCII, and the argument of NOOP, mean nothing."""
    assert type(read(line)) is Noop


@pytest.mark.parametrize("line", ["\u017fTARTTLS", "MA\u0131L", "\ufb02", "NOOP\u00a0x"])
def test_no_other_letter_is_one_of_a_verb(line: str) -> None:
    """Case is that of ASCII."""
    word, _ = split_line(line.encode())

    assert not word.isascii()


@pytest.mark.parametrize(
    ("line", "mailbox"),
    [
        (b"MAIL FROM:<joe@example.org>", Mailbox(local_part="joe", domain="example.org")),
        (b"mail from:   <joe@example.org>  ", Mailbox(local_part="joe", domain="example.org")),
        (b"MAIL  FROM:<@hop.test:joe@example.org>", Mailbox(local_part="joe", domain="example.org")),
        (b'MAIL FROM:<"a > b"@example.org>', Mailbox(local_part="a > b", domain="example.org")),
        (b'MAIL FROM:<"a\\" >"@example.org> SIZE=1', Mailbox(local_part='a" >', domain="example.org")),
        (b"MAIL FROM:<joe>", Mailbox(local_part="joe", domain="mx.test")),
        (b"MAIL FROM:<>", None),
    ],
)
def test_a_reverse_path_ends_where_its_bracket_does(line: bytes, mailbox: Mailbox | None) -> None:
    """Quotes hide brackets and blanks, and a missing domain is the server's."""
    command = read(line)

    assert isinstance(command, Mail)
    assert command.reverse_path.mailbox == mailbox


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        (b"RCPT TO:<joe@example.org>", "joe@example.org"),
        (b"rcpt to: <Postmaster>", "Postmaster@mx.test"),
        (b"RCPT TO:<joe>", "joe@mx.test"),
        (b'RCPT TO:<"joe"@[192.0.2.1]>', "joe@[192.0.2.1]"),
    ],
)
def test_a_recipient_always_has_a_domain(line: bytes, printed: str) -> None:
    """RFC 5321 §4.5.1: the postmaster too, in the end."""
    command = read(line)

    assert isinstance(command, Rcpt)
    assert str(command.mailbox) == printed


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (b"MAIL", (501, "5.5.4")),
        (b"MAIL FROM:", (501, "5.5.4")),
        (b"MAIL FROM :<a@b>", (501, "5.5.4")),
        (b"MAIL FROM", (501, "5.5.4")),
        (b"MAIL <a@b>", (501, "5.5.4")),
        (b"MAIL FROM:a@b", (553, "5.1.7")),
        (b"MAIL FROM:<a@b", (553, "5.1.7")),
        (b"MAIL FROM:<<a@b>>", (553, "5.1.7")),
        (b"MAIL FROM:<a@b>SIZE=1", (553, "5.1.7")),
        (b"MAIL FROM:<a@b>\tSIZE=1", (553, "5.1.7")),
        (b'MAIL FROM:<"a@b>', (553, "5.1.7")),
        (b"MAIL FROM:<a b@c>", (553, "5.1.7")),
        (b"MAIL FROM:<\xc3\xa4@b>", (553, "5.6.7")),
        (b"MAIL FROM:<a@b> SIZE=1001", (552, "5.3.4")),
        (b"MAIL FROM:<a@b> SIZE=x", (501, "5.5.4")),
        (b"RCPT TO:", (501, "5.5.4")),
        (b"RCPT TO:<>", (501, "5.1.3")),
        (b"RCPT TO:<a@b", (501, "5.1.3")),
        (b"RCPT TO:<a@[127.1]>", (501, "5.1.3")),
        (b"RCPT TO:<\xff@b>", (553, "5.6.7")),
        (b"RCPT TO:<a@b> X=1", (555, "5.5.4")),
        (b"EHLO", (501, "5.5.4")),
        (b"EHLO a b", (501, "5.5.4")),
        (b"EHLO " + b"a" * 300, (501, "5.5.4")),
        (b"EHLO m\xc3\xbcller", (501, "5.5.4")),
        (b"HELO [1.2.3]", (501, "5.5.4")),
        (b"VRFY", (501, "5.5.4")),
        (b"VRFY j\xc3\xb6rg", (501, "5.5.4")),
        (b"HELP \x1b", (501, "5.5.4")),
        (b"DATA x", (501, "5.5.4")),
        (b"RSET x", (501, "5.5.4")),
        (b"QUIT x", (501, "5.5.4")),
    ],
)
def test_what_cannot_be_read_is_refused(line: bytes, refusal: tuple[int, str]) -> None:
    """With the code that says what is wrong."""
    assert refusal_of(line) == refusal


# ---------------------------------------------------------------- SMTPUTF8

WITH_UTF8 = DIALECT._replace(extensions=DIALECT.extensions | {"SMTPUTF8", "DSN"})


def read_utf8(text: str, *, utf8: bool = False) -> Command:
    """Read a line where SMTPUTF8 is offered, in a transaction of it or not."""
    word, argument = split_line(text.encode("utf-8", "surrogateescape"))
    return COMMANDS[word].read(argument, WITH_UTF8._replace(utf8=utf8))


def utf8_refusal_of(text: str, *, utf8: bool = False) -> tuple[int, str | None]:
    """Return code and status of the reply that refuses *text*."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_utf8(text, utf8=utf8)
    return caught.value.reply.code, caught.value.reply.enhanced_status


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("<jörg@müller.test>", "jörg@müller.test"),
        ("<jo\u0308rg@example.org>", "jo\u0308rg@example.org"),
        ('<"jörg müller"@日本.example>', '"jörg müller"@日本.example'),
        ("<@hop.test:θ@example.org>", "θ@example.org"),
        ("<jörg>", "jörg@mx.test"),
        ("<😀@example.org>", "😀@example.org"),
    ],
)
def test_paths_are_kept_as_given(path: str, printed: str) -> None:
    """Nothing is composed, folded or mapped."""
    mail = read_utf8(f"MAIL FROM:{path} SMTPUTF8")
    rcpt = read_utf8(f"RCPT TO:{path}", utf8=True)

    assert isinstance(mail, Mail)
    assert isinstance(rcpt, Rcpt)
    assert str(mail.reverse_path.mailbox) == str(rcpt.mailbox) == printed


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("<jörg@MÜLLER.test>", "5.1.7"),
        ("<joe@mu\u0308ller.test>", "5.1.7"),
        ("<joe@a\u3002b>", "5.1.7"),
        ("<joe@☃.test>", "5.1.7"),
        ("<a\u200bb@example.org>", "5.1.7"),
        ("<a\u2028b@example.org>", "5.1.7"),
        ("<a\x85b@example.org>", "5.1.7"),
        ("<a\udcc0\udcaf@example.org>", "5.1.7"),
        ("<a\udced\udca0\udc80@example.org>", "5.1.7"),
        ("<a\udcff@example.org>", "5.1.7"),
        ("<a\udcf4\udc90\udc80\udc80@example.org>", "5.1.7"),
        ("<joe@" + "ü" * 60 + ".test>", "5.1.7"),
        ("<" + "ö" * 128 + "@example.org>", "5.1.7"),
    ],
)
def test_what_is_no_address_in_utf8_is_refused(path: str, status: str) -> None:
    """Octets that are no UTF-8, characters that nobody sees, and domains that the DNS cannot have."""
    assert utf8_refusal_of(f"MAIL FROM:{path} SMTPUTF8") == (553, status)
    assert utf8_refusal_of(f"RCPT TO:{path}", utf8=True) == (501, "5.1.3")
    # Elsewhere it is not even looked at.
    assert utf8_refusal_of(f"MAIL FROM:{path}") == (553, "5.6.7")
    assert utf8_refusal_of(f"RCPT TO:{path}") == (553, "5.6.7")


def test_smtputf8_is_said_of_ascii_too() -> None:
    """The message itself may need it."""
    mail = read_utf8("MAIL FROM:<> SIZE=10 smtputf8")

    assert isinstance(mail, Mail)
    assert mail.parameters.smtputf8


def test_names_beyond_ascii_are_verified_with_a_parameter() -> None:
    """RFC 6531 §3.7.4.2."""
    assert read_utf8("VRFY jörg SMTPUTF8") == Vrfy("jörg")
    assert read_utf8("VRFY joe smtputf8") == Vrfy("joe")
    assert read(b"VRFY joe SMTPUTF8") == Vrfy("joe SMTPUTF8")
    assert utf8_refusal_of("VRFY jörg") == (501, "5.5.4")
    assert utf8_refusal_of("VRFY \udcff SMTPUTF8") == (501, "5.5.4")
    assert utf8_refusal_of("VRFY \u200b SMTPUTF8") == (501, "5.5.4")
    assert utf8_refusal_of("VRFY jörg SMTPUTF8 SMTPUTF8\u2028") == (501, "5.5.4")


def test_a_host_is_named_in_ascii() -> None:
    """RFC 6531 §3.7.1: a client writes A-labels in EHLO, as nobody knows yet what is offered."""
    assert utf8_refusal_of("EHLO müller.test", utf8=True) == (501, "5.5.4")


def test_arguments_are_kept_as_written() -> None:
    """Blanks around them are none of theirs."""
    assert read(b"EHLO  Client.Test ") == Ehlo("Client.Test")
    assert read(b"VRFY joe smith") == Vrfy("joe smith")
    assert read(b"HELP") == Help("")
    assert type(read(b"DATA  ")) is Data
