"""What a verdict tells of what a server said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.client_states import Phase
from smtpdsl.runtime.protocol.client_verdicts import Answer, answer_in, of_answer, silent
from smtpdsl.runtime.protocol.replies import ReceivedReply


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("mx.example[192.0.2.1]:25", "mx.example"),
        ("mx.example[2001:db8::1]:25", "mx.example"),
        ("192.0.2.1:2525", "[192.0.2.1]"),
        ("[2001:db8::1]:25", "[2001:db8::1]"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.END])
def test_an_answer_is_found_again(peer: str, host: str, phase: Phase) -> None:
    """With the name of the server, or its address as a report has it; also at the end of what the queue keeps."""
    text = of_answer(ReceivedReply(550, ("5.1.1 no (such) user (said: to me)",)), peer, phase).text
    expected = Answer("550 5.1.1 no (such) user (said: to me)", host)

    assert answer_in(text) == expected
    assert answer_in(f"Envelope expired, the last error was: {text}") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Delivered",
        "550 no such user",
        "no connection to mx.example[192.0.2.1]:25: connection refused",
        "the message has 550 octets, and peer:25 takes at most 3",
        'Error (permanent failure: "550 no (said peer:25 to RCPT)")',
        silent("192.0.2.1:25", Phase.RCPT, 300).text,
    ],
)
def test_what_no_server_has_said_is_no_answer(text: str) -> None:
    """Although it may quote one."""
    assert answer_in(text) is None


@given(text=st.text())
def test_no_text_does_harm(text: str) -> None:
    """Whatever a program has said."""
    assert answer_in(text) is None or "(said " in text
