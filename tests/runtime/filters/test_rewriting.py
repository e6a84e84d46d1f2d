"""Commands that a filter rewrites."""

from __future__ import annotations

import pytest

from smtpdsl.mail.address import ForwardPath, ReversePath
from smtpdsl.runtime.filters.rewriting import Rewritable, rewritten
from smtpdsl.runtime.filters.rulings import Refuse, Rewrite
from smtpdsl.runtime.protocol.commands import Dialect
from smtpdsl.runtime.protocol.events import Auth, Ehlo, Helo, Mail, MailParameters, Rcpt, RcptParameters

DIALECT = Dialect("mx.test", frozenset({"8BITMIME", "SMTPUTF8", "SIZE", "DSN"}), 1000, ("PLAIN",))
MAIL = Mail(ReversePath.parse("<eve@away.test>"), MailParameters(body="8BITMIME"))
UTF8_MAIL = MAIL._replace(parameters=MailParameters(smtputf8=True, size=9))
RCPT = Rcpt(ForwardPath.parse("<ann@old.test>"), RcptParameters(notify=frozenset({"NEVER"})))


def rewrite(text: str) -> Rewrite:
    """Return the ruling of a filter."""
    return Rewrite(text=text, filter="f", place="smtpd.conf:1")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("<ann@new.test>", "<ann@new.test>"),
        (" <ann@new.test> ", "<ann@new.test>"),
        ('<"a b"@[192.0.2.1]>', '<"a b"@[192.0.2.1]>'),
        ("<ann>", "<ann@mx.test>"),
    ],
)
def test_a_path_takes_the_place_of_a_path(text: str, path: str) -> None:
    """The parameters stay as the client gave them."""
    assert rewritten(MAIL, rewrite(text), DIALECT) == MAIL._replace(reverse_path=ReversePath.parse(path))
    assert rewritten(RCPT, rewrite(text), DIALECT) == RCPT._replace(forward_path=ForwardPath.parse(path))


def test_the_null_sender() -> None:
    """A sender may become nobody, a recipient may not."""
    assert rewritten(MAIL, rewrite("<>"), DIALECT) == MAIL._replace(reverse_path=ReversePath())
    assert isinstance(rewritten(RCPT, rewrite("<>"), DIALECT), Refuse)


def test_parameters_take_the_place_of_parameters() -> None:
    """All of them."""
    found = rewritten(MAIL, rewrite("<a@new.test> SIZE=5"), DIALECT)
    assert found == Mail(ReversePath.parse("<a@new.test>"), MailParameters(size=5))
    assert rewritten(RCPT, rewrite("<a@new.test> NOTIFY=DELAY"), DIALECT) == Rcpt(
        ForwardPath.parse("<a@new.test>"), RcptParameters(notify=frozenset({"DELAY"}))
    )


def test_letters_of_all_scripts() -> None:
    """Where the client has asked for them."""
    expected = ReversePath.parse("<jörg@new.test>", utf8=True)
    assert rewritten(UTF8_MAIL, rewrite("<jörg@new.test>"), DIALECT) == UTF8_MAIL._replace(reverse_path=expected)
    assert isinstance(rewritten(MAIL, rewrite("<jörg@new.test>"), DIALECT), Refuse)
    recipient = rewritten(RCPT, rewrite("<jörg@new.test>"), DIALECT._replace(utf8=True))
    assert recipient == RCPT._replace(forward_path=ForwardPath.parse("<jörg@new.test>", utf8=True))


def test_names_and_passwords() -> None:
    """Of HELO, EHLO and AUTH the whole argument is rewritten."""
    assert rewritten(Helo("a.test"), rewrite("b.test"), DIALECT) == Helo("b.test")
    assert rewritten(Ehlo("a.test"), rewrite("[192.0.2.1]"), DIALECT) == Ehlo("[192.0.2.1]")
    assert rewritten(Auth("PLAIN", None), rewrite("plain AGEAYg=="), DIALECT) == Auth("PLAIN", b"\0a\0b")


@pytest.mark.parametrize(
    ("command", "text", "why"),
    [
        (MAIL, "eve@new.test", 'rewritten to "eve@new.test": '),
        (MAIL, "<eve@>", 'rewritten to "<eve@>": Sender address syntax error: '),
        (MAIL, "<eve@new.test>\r\nRCPT TO:<x@y.test>", "Sender address syntax error"),
        (MAIL, "<eve@new.test> SIZE=1001", "too big"),
        (MAIL, "", 'rewritten to "": '),
        # As a program may have written it: an octet that is no UTF-8.
        (MAIL, "<\udcff@new.test>", "only ASCII characters"),
        (RCPT, "<ann@new.test> MAGIC=1", "MAGIC"),
        (Helo("a.test"), "b test", 'rewritten to "b test": Expected a domain name'),
        (Ehlo("a.test"), "", "Expected a domain name"),
    ],
)
def test_what_is_no_argument_is_refused_for_now(command: Rewritable, text: str, why: str) -> None:
    """The client hears nothing of it, the log hears where it stands and what is wrong."""
    found = rewritten(command, rewrite(text), DIALECT)

    assert isinstance(found, Refuse)
    assert (found.reply.code, found.closes, found.filter, found.place) == (451, False, "f", "smtpd.conf:1")
    assert why in found.why
    assert text.strip() not in str(found.reply) or not text


def test_a_password_is_not_told() -> None:
    """Neither right nor wrong."""
    found = rewritten(Auth("PLAIN", None), rewrite("PLAIN c2VjcmV0*"), DIALECT)

    assert isinstance(found, Refuse)
    assert "c2Vj" not in found.why
