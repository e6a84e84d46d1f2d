"""Messages and envelopes as text of the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import FactsError, decode_envelope, decode_message, encode_envelope, encode_message

# Lone surrogates stand for octets that were no UTF-8.
TEXTS = st.text(st.characters(), max_size=20)
MAILBOXES = st.builds(Mailbox, local_part=TEXTS, domain=TEXTS)
OPTIONAL = st.none() | TEXTS
CLIENTS = st.builds(
    Client, source=TEXTS, rdns=OPTIONAL, helo=TEXTS, login=OPTIONAL, tls=st.booleans(), tag=TEXTS
)  # fmt: skip


@given(mailbox=st.none() | MAILBOXES, client=CLIENTS)
def test_a_message_comes_back_as_it_was(mailbox: Mailbox | None, client: Client) -> None:
    """Whatever its client has said, and the text of it is ASCII."""
    text = encode_message(ReversePath(mailbox=mailbox), client)

    assert text.isascii()
    assert decode_message(text) == (ReversePath(mailbox=mailbox), client)


@given(
    route=st.sampled_from(Route),
    texts=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    mailboxes=st.tuples(MAILBOXES, MAILBOXES),
    ttl=st.integers(0, 2**31),
)
def test_an_envelope_comes_back_as_it_was(
    route: Route, texts: tuple[str, str, str, str], mailboxes: tuple[Mailbox, Mailbox], ttl: int
) -> None:
    """Whatever its names are."""
    action, user, extension, target = texts
    envelope = Envelope(route, action, *mailboxes, user, extension, ttl, target)
    text = encode_envelope(envelope)

    assert text.isascii()
    assert decode_envelope(route, text) == envelope


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
        (GOOD.replace('"v":1', '"v":2'), "version 2"),
        (GOOD.replace('"v":1,', ""), "version None"),
        (GOOD.replace('"action":"a"', '"action":7'), '"action" is no str'),
        (GOOD.replace('"action":"a",', ""), '"action" is no str'),
        (GOOD.replace('"ttl":9', '"ttl":true'), '"ttl" is no int'),
        (GOOD.replace('"ttl":9', '"ttl":9,"target":[]'), '"target" is no str'),
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
    "text", ['{"v":1}', '{"v":1,"client":{}}', '{"v":1,"from":"joe","client":{"source":"x"}}', '{"v":1,"client":[]}']
)
def test_what_is_no_message(text: str) -> None:
    """A text that lacks something is refused."""
    with pytest.raises(FactsError):
        decode_message(text)
