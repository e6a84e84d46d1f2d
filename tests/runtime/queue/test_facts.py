"""Messages and envelopes as text of the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import FactsError, decode_envelope, decode_message, encode_envelope, encode_message

# Lone surrogates stand for octets that were no UTF-8.
TEXTS = st.text(st.characters(), max_size=20)
MAILBOXES = st.builds(Mailbox, local_part=TEXTS, domain=TEXTS)
OPTIONAL = st.none() | TEXTS
CLIENTS = st.builds(
    Client, source=TEXTS, rdns=OPTIONAL, helo=TEXTS, login=OPTIONAL, tls=st.booleans(), tag=TEXTS
)  # fmt: skip


OPTIONS = st.builds(
    MailOptions,
    body=OPTIONAL,
    ret=OPTIONAL,
    envid=OPTIONAL,
    smtputf8=st.booleans(),
    requiretls=st.booleans(),
    mt_priority=st.none() | st.integers(-9, 9),
)
ENVELOPES = st.builds(
    Envelope,
    route=st.sampled_from(Route),
    action=TEXTS,
    recipient=MAILBOXES,
    dest=MAILBOXES,
    user=TEXTS,
    extension=TEXTS,
    ttl=st.integers(0, 2**31),
    target=TEXTS,
    file=TEXTS,
    notify=st.none() | st.frozensets(st.sampled_from(["NEVER", "SUCCESS", "FAILURE", "DELAY"])),
    orcpt=OPTIONAL,
)


@given(mailbox=st.none() | MAILBOXES, client=CLIENTS, options=OPTIONS)
def test_a_message_comes_back_as_it_was(mailbox: Mailbox | None, client: Client, options: MailOptions) -> None:
    """Whatever its client has said, and the text of it is ASCII."""
    text = encode_message(ReversePath(mailbox=mailbox), client, options)

    assert text.isascii()
    assert decode_message(text) == (ReversePath(mailbox=mailbox), client, options)


def test_what_a_client_did_not_say_costs_nothing() -> None:
    """Most messages have no options, and most recipients no wishes."""
    text = encode_message(ReversePath(), Client(source="local"), MailOptions())

    assert text == '{"v":2,"from":null,"client":{"source":"local"}}'


def test_a_text_of_the_first_version_has_no_options() -> None:
    """An older server has written it."""
    old = '{"v":1,"from":null,"client":{"source":"local"}}'

    assert decode_message(old) == (ReversePath(), Client(source="local"), MailOptions())
    assert decode_envelope(Route.LOCAL, GOOD)[-3:] == (None, None, "")


@given(envelope=ENVELOPES)
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    """Whatever its names are."""
    text = encode_envelope(envelope)

    assert text.isascii()
    assert decode_envelope(envelope.route, text) == envelope


def test_an_envelope_with_a_file_is_of_a_later_version() -> None:
    """A server that knows nothing of files would deliver it to the user's mailbox."""
    envelope = decode_envelope(Route.LOCAL, GOOD)

    assert '"v":2' in encode_envelope(envelope._replace(target="cat"))
    assert '"v":3' in encode_envelope(envelope._replace(file="/var/mail/all"))


GOOD = '{"v":1,"action":"a","rcpt":["joe","example.org"],"dest":["joe","example.org"],"ttl":9}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no JSON object"),
        (b"{}", "no JSON object"),
        ("", "no JSON text"),
        ("[1]", "no JSON object"),
        ("[" * 100_000, "no JSON text"),
        (GOOD[:-1], "no JSON text"),
        (GOOD.replace('"v":1', '"v":4'), "version 4"),
        (GOOD.replace('"v":1', '"v":[1]'), r"version \[1\]"),
        (GOOD.replace('"v":1,', ""), "version None"),
        (GOOD.replace('"action":"a"', '"action":7'), '"action" is no str'),
        (GOOD.replace('"action":"a",', ""), '"action" is no str'),
        (GOOD.replace('"ttl":9', '"ttl":true'), '"ttl" is no int'),
        (GOOD.replace('"ttl":9', '"ttl":9,"target":[]'), '"target" is no str'),
        (GOOD.replace('"ttl":9', '"ttl":9,"file":7'), '"file" is no str'),
        (GOOD.replace('"ttl":9', '"ttl":9,"notify":"NEVER"'), '"notify" is no list'),
        (GOOD.replace('"ttl":9', '"ttl":9,"notify":[7]'), '"notify" is no list of words'),
        (GOOD.replace('"ttl":9', '"ttl":9,"orcpt":null'), '"orcpt" is no str'),
        (GOOD.replace('["joe","example.org"],"ttl"', '["joe"],"ttl"'), '"dest" is no pair'),
        (GOOD.replace('"rcpt":["joe"', '"rcpt":[null'), '"rcpt" is no pair'),
    ],
)
def test_what_is_no_envelope(text: object, problem: str) -> None:
    """A text that this version did not write is refused, with what is wrong."""
    assert decode_envelope(Route.LOCAL, GOOD).ttl == 9
    with pytest.raises(FactsError, match=problem):
        decode_envelope(Route.LOCAL, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"v":2}',
        '{"v":2,"client":{}}',
        '{"v":2,"from":"joe","client":{"source":"x"}}',
        '{"v":2,"client":[]}',
        '{"v":2,"client":{"source":"x"},"options":[]}',
        '{"v":2,"client":{"source":"x"},"options":{"smtputf8":1}}',
        '{"v":2,"client":{"source":"x"},"options":{"envid":null}}',
        '{"v":true,"client":{"source":"x"}}',
    ],
)
def test_what_is_no_message(text: str) -> None:
    """A text that lacks something is refused."""
    with pytest.raises(FactsError):
        decode_message(text)
