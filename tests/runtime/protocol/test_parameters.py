"""The parameters of MAIL and RCPT."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import MailParameters, RcptParameters
from smtpdsl.runtime.protocol.parameters import read_mail_parameters, read_rcpt_parameters

PLAIN = frozenset({"SIZE", "8BITMIME"})
WITH_DSN = PLAIN | {"DSN"}
ALL = WITH_DSN | {"SMTPUTF8", "REQUIRETLS", "MT-PRIORITY"}


def code_of(text: str, extensions: frozenset[str] = WITH_DSN, *, of_rcpt: bool = False) -> int:
    """Return the code that refuses *text*."""
    with pytest.raises(RemoteProtocolError) as caught:
        (read_rcpt_parameters if of_rcpt else read_mail_parameters)(text, extensions)
    assert caught.value.reply.enhanced_status == "5.5.4"
    assert not caught.value.closes
    return caught.value.reply.code


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", MailParameters()),
        (" SIZE=0", MailParameters(size=0)),
        (" size=00012   body=8bitmime ", MailParameters(size=12, body="8BITMIME")),
        (" SIZE=99999999999999999999", MailParameters(size=99999999999999999999)),
        (" BODY=7BIT AUTH=<>", MailParameters(body="7BIT")),
        (" AUTH=joe+40example.org", MailParameters()),
        (" RET=hdrs ENVID=a+2Bb+3d+20c", MailParameters(ret="HDRS", envid="a+b= c")),
        (" ENVID=" + "x" * 100, MailParameters(envid="x" * 100)),
    ],
)
def test_parameters_of_mail(text: str, parameters: MailParameters) -> None:
    """Keywords in any case, values as their RFCs say."""
    assert read_mail_parameters(text, WITH_DSN) == parameters


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (" smtputf8", MailParameters(smtputf8=True)),
        (" SMTPUTF8 BODY=8BITMIME SIZE=10", MailParameters(size=10, body="8BITMIME", smtputf8=True)),
        (" SIZE=10 BODY=8BITMIME", MailParameters(size=10, body="8BITMIME")),
        (" SIZE=10 BODY=8bitmime", MailParameters(size=10, body="8BITMIME")),
        (" REQUIRETLS", MailParameters(requiretls=True)),
        (" MT-PRIORITY=0", MailParameters(mt_priority=0)),
        (" mt-priority=-9", MailParameters(mt_priority=-9)),
        (" MT-PRIORITY=6", MailParameters(mt_priority=6)),
    ],
)
def test_parameters_of_other_extensions(text: str, parameters: MailParameters) -> None:
    """RFC 6531 §3.4, RFC 8689 §2 and RFC 6710 §5."""
    assert read_mail_parameters(text, ALL) == parameters


@pytest.mark.parametrize(
    "text",
    [
        "SMTPUTF8=",
        "SMTPUTF8=x",
        "SMTPUTF8 SMTPUTF8",
        "REQUIRETLS=x",
        "MT-PRIORITY",
        "MT-PRIORITY=10",
        "MT-PRIORITY=-0",
        "MT-PRIORITY=+1",
        "MT-PRIORITY=\xb2",
        "ENVID=\xc3\xb6",
        "SIZE=10 \xc3\xb6",
    ],
)
def test_what_breaks_the_syntax_of_others_is_501(text: str) -> None:
    """A word that is a claim has no value, and a number has few digits."""
    assert code_of(f" {text}", ALL) == 501


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (" NOTIFY=never", RcptParameters(notify=frozenset({"NEVER"}))),
        (" NOTIFY=SUCCESS,DELAY,FAILURE", RcptParameters(notify=frozenset({"SUCCESS", "DELAY", "FAILURE"}))),
        (" ORCPT=rfc822;joe+2Btag@example.org", RcptParameters(orcpt="rfc822;joe+tag@example.org")),
        (" ORCPT=x-a;" + "y" * 496, RcptParameters(orcpt="x-a;" + "y" * 496)),
    ],
)
def test_parameters_of_rcpt(text: str, parameters: RcptParameters) -> None:
    """What DSN has for each recipient."""
    assert read_rcpt_parameters(text, WITH_DSN) == parameters


@pytest.mark.parametrize(
    "text",
    [
        "SIZE",
        "SIZE=",
        "SIZE=-1",
        "SIZE=1_000",
        "SIZE=\xb2",
        "SIZE=\xd9\xa3",
        "SIZE=" + "9" * 21,
        "SIZE=1 size=1",
        "=x",
        "-A=x",
        "SIZE=1=2",
        "SI\xdfE=1",
        "SIZE=1\tBODY=7BIT",
        "BODY=FOO",
        "BODY",
        "AUTH=a+ZZ",
        "AUTH=a+4",
        "AUTH=a+00",
        "RET=BOTH",
        "AUTH=<> AUTH=<>",
        "ENVID=",
        "ENVID=a=b",
        "ENVID=a+0Ab",
        "ENVID=a+00b",
        "ENVID=a+7F",
        "ENVID=a+E9",
        "ENVID=" + "x" * 101,
    ],
)
def test_what_breaks_the_syntax_of_mail_is_501(text: str) -> None:
    """Also where DSN is not offered: how it is written is seen first."""
    assert code_of(f" {text}") == 501
    assert code_of(f" {text}", PLAIN) == 501


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY",
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=SUCCESS,,DELAY",
        "NOTIFY=ALWAYS",
        "NOTIFY=NEVER NOTIFY=NEVER",
        "ORCPT=joe@example.org",
        "ORCPT=;joe",
        "ORCPT=rfc 822;joe",
        "ORCPT=rfc822;a+00b",
        "ORCPT=rfc822;a+0d+0ab",
        "ORCPT=rfc822;" + "x" * 500,
    ],
)
def test_what_breaks_the_syntax_of_rcpt_is_501(text: str) -> None:
    """A value never carries anything that ends a line somewhere later."""
    assert code_of(f" {text}", of_rcpt=True) == 501


def test_what_is_not_offered_is_555() -> None:
    """Unknown parameters, and those of extensions that EHLO does not name."""
    assert code_of(" FOO=BAR") == 555
    for text in (" SMTPUTF8", " REQUIRETLS", " MT-PRIORITY=3"):
        assert code_of(text) == 555
    assert code_of(" NOTIFY=NEVER") == 555
    assert code_of(" SIZE=1", of_rcpt=True) == 555
    assert code_of(" RET=FULL", PLAIN) == 555
    assert code_of(" ENVID=x", PLAIN) == 555
    assert code_of(" NOTIFY=NEVER", PLAIN, of_rcpt=True) == 555
    assert code_of(" ORCPT=rfc822;joe", PLAIN, of_rcpt=True) == 555
    assert code_of(" SIZE=1", frozenset()) == 555
    assert code_of(" BODY=7BIT", frozenset()) == 555


def test_original_recipients_may_be_in_utf8() -> None:
    """RFC 6533 §3: in a transaction of SMTPUTF8; each octet is a character of the text."""
    text = " ORCPT=utf-8;jörg@example.org".encode().decode("latin-1")

    assert read_rcpt_parameters(text, ALL, utf8=True).orcpt == "utf-8;jörg@example.org"
    assert code_of(text, ALL, of_rcpt=True) == 501


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but `RemoteProtocolError` is raised."""
    for read in (read_mail_parameters, read_rcpt_parameters):
        try:
            read(f" {text}", ALL)
        except RemoteProtocolError as error:
            assert error.reply.is_permanent  # noqa: PT017 - some texts raise, some do not
