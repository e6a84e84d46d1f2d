"""Plain texts are read as all others are, only faster; what is read would be written as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import decode_envelope, decode_message, encode_envelope, encode_message
from smtpdsl.runtime.queue.plain_facts import plain_envelope, plain_message

PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=9)
ANY = PLAIN | st.text(max_size=9)
OPTIONAL = st.none() | ANY
MAILBOXES = st.builds(Mailbox, local_part=ANY, domain=ANY)
CLIENTS = st.builds(
    Client, source=ANY, rdns=OPTIONAL, helo=ANY, login=OPTIONAL, tls=st.booleans(), tag=st.just("") | ANY
)  # fmt: skip
OPTIONS = st.builds(MailOptions, body=OPTIONAL, smtputf8=st.booleans())
ENVELOPES = st.builds(
    Envelope,
    route=st.sampled_from(Route),
    action=ANY,
    recipient=MAILBOXES,
    dest=MAILBOXES,
    user=ANY,
    extension=ANY,
    ttl=st.integers(-9, 2**70),
    target=st.just("") | ANY,
    file=st.just("") | ANY,
    notify=st.none() | st.just(frozenset({"NEVER"})),
    orcpt=OPTIONAL,
)
JOE = Mailbox(local_part="joe", domain="example.org")
ENVELOPE = Envelope(Route.LOCAL, "local", JOE, JOE, "joe", "x", ttl=345600, orcpt="rfc822;joe@example.org")
CLIENT = Client(source="192.0.2.1", rdns="mx.example.net", helo="mx", login="ann", tls=True, tag="t")


@given(envelope=ENVELOPES)
def test_a_plain_envelope_is_read_as_any_other(envelope: Envelope) -> None:
    """Or not at all."""
    text = encode_envelope(envelope)

    assert plain_envelope(envelope.route, text) in (None, decode_envelope(envelope.route, text))


@given(mailbox=st.none() | MAILBOXES, client=CLIENTS, options=OPTIONS)
def test_a_plain_message_is_read_as_any_other(mailbox: Mailbox | None, client: Client, options: MailOptions) -> None:
    """Or not at all."""
    text = encode_message(ReversePath(mailbox=mailbox), client, options)

    assert plain_message(text) in (None, decode_message(text))


@given(data=st.data())
def test_what_is_read_would_be_written_as_it_is(data: st.DataObject) -> None:
    """With any character in the place of another, or of none."""
    good = encode_envelope(ENVELOPE) if (is_envelope := data.draw(st.booleans())) else encode_message(*MESSAGE)
    cut = data.draw(st.integers(0, len(good)))
    text = (
        good[:cut]
        + data.draw(st.characters() | st.sampled_from('\\"0,{}'))
        + good[data.draw(st.integers(0, 2)) + cut :]
    )
    if is_envelope:
        envelope = plain_envelope(Route.LOCAL, text)
        assert envelope is None or encode_envelope(envelope) == text
    else:
        message = plain_message(text)
        assert message is None or encode_message(*message) == text


MESSAGE = (ReversePath(mailbox=JOE), CLIENT, MailOptions(body="8BITMIME"))


@pytest.mark.parametrize("envelope", [ENVELOPE, ENVELOPE._replace(user="", extension="", orcpt=None, ttl=0)])
def test_most_envelopes_are_plain(envelope: Envelope) -> None:
    """Those of users and of other hosts."""
    assert plain_envelope(Route.LOCAL, encode_envelope(envelope)) == envelope


@pytest.mark.parametrize("message", [MESSAGE, (ReversePath(), Client(source="local"), MailOptions())])
def test_most_messages_are_plain(message: tuple[ReversePath, Client, MailOptions]) -> None:
    """With what clients say, or nothing of it."""
    assert plain_message(encode_message(*message)) == message


@pytest.mark.parametrize(
    "changed",
    [
        ENVELOPE._replace(target="cat"),
        ENVELOPE._replace(file="/var/mail/all"),
        ENVELOPE._replace(notify=frozenset({"NEVER"})),
        ENVELOPE._replace(user="\N{SNOWMAN}"),
        ENVELOPE._replace(action='"'),
        ENVELOPE._replace(ttl=10**10),
        ENVELOPE._replace(ttl=-1),
    ],
)
def test_what_is_not_plain(changed: Envelope) -> None:
    """Nothing is left out of it."""
    assert plain_envelope(Route.LOCAL, encode_envelope(changed)) is None


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ('"user":"joe"', '"user":""'),
        ('"extension":"x"', '"extension":""'),
        ("345600", "0345600"),
        ("345600", "00"),
        ("345600", ""),
        ("345600", "1e3"),
        ('"v":2', '"v":3'),
        ('{"v"', ' {"v"'),
        ("}", "}\n"),
        ('"joe","example.org"', '"joe", "example.org"'),
    ],
)
def test_an_envelope_in_other_words(written: str, other: str) -> None:
    """Though it would say the same, or something else: it is not what is written."""
    text = encode_envelope(ENVELOPE)
    assert written in text

    assert plain_envelope(Route.LOCAL, text.replace(written, other)) is None


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ('"helo":"mx"', '"helo":""'),
        ('"tag":"t"', '"tag":""'),
        ('"tls":true', '"tls":false'),
        ('"body":"8BITMIME"', ""),
        ('"body":"8BITMIME"', '"smtputf8":false'),
        ('"rdns":"mx.example.net"', '"rdns":null'),
    ],
)
def test_a_message_in_other_words(written: str, other: str) -> None:
    """As with envelopes."""
    text = encode_message(*MESSAGE)
    assert written in text

    assert plain_message(text.replace(written, other)) is None
