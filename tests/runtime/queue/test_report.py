"""What the log says of envelopes."""

from __future__ import annotations

import pytest

from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.interfaces import Envelope, InlineContent, Outcome, QueuedMessage, Result
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.report import duration, report_attempt, report_expired, report_held
from smtpdsl.runtime.queue.store import StoredEnvelope
from tests.runtime.queue.sample import BODY, CLIENT, CREATED, SENDER, Journal, local, mailbox, relayed

NUMBER = envelope_number(4711, 1)
SHOWN = envelope_hex(NUMBER)
MESSAGE = QueuedMessage(4711, SENDER, CLIENT, CREATED, InlineContent(BODY))


def stored(envelope: Envelope) -> StoredEnvelope:
    """Return *envelope* as the store has it."""
    return StoredEnvelope(NUMBER, envelope, "lane", CREATED)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.9, "0s"), (-5, "0s"), (59, "59s"), (60, "1m"), (93784, "1d2h3m4s"), (86400, "1d"), (3601, "1h1s")],
)
def test_duration(seconds: float, text: str) -> None:
    """Units that are zero are left out."""
    assert duration(seconds) == text


def test_a_local_delivery() -> None:
    """The line of a local delivery has the user, and always the recipient."""
    log = Journal()
    report_attempt(log, MESSAGE, stored(local()), Outcome(Result.OK, "Delivered"), CREATED + 61)

    assert log.events == [
        (
            SHOWN,
            "mda delivery",
            {
                "evpid": SHOWN,
                "from": "<ann@example.net>",
                "to": "<joe@example.org>",
                "rcpt": "<joe@example.org>",
                "user": "joe",
                "delay": "1m1s",
                "result": "Ok",
                "stat": "Delivered",
            },
        )
    ]
    assert list(log.events[0][2]) == ["evpid", "from", "to", "rcpt", "user", "delay", "result", "stat"]


def test_a_relayed_delivery() -> None:
    """The line of a relay has the hosts; a recipient that is no other one is left out."""
    log = Journal()
    message = MESSAGE._replace(reverse_path=ReversePath())
    outcome = Outcome(Result.TEMPORARY, "451 try later", "4.0.0", "127.0.0.1", "127.0.0.2 (mx.example.com)")
    report_attempt(log, message, stored(relayed("sue@example.com")), outcome, CREATED)

    subject, name, values = log.events[0]
    assert (subject, name) == (SHOWN, "mta delivery")
    assert values == {
        "evpid": SHOWN,
        "from": "<>",
        "to": "<sue@example.com>",
        "rcpt": "<->",
        "source": "127.0.0.1",
        "relay": "127.0.0.2 (mx.example.com)",
        "delay": "0s",
        "result": "TempFail",
        "stat": "451 try later",
    }


def test_a_forwarded_delivery_names_the_recipient() -> None:
    """An address that came out of an alias is beside the one that was asked for."""
    log = Journal()
    envelope = relayed("sue@example.com")._replace(recipient=mailbox("all@example.org"))
    report_attempt(log, MESSAGE, stored(envelope), Outcome(Result.OK, "250 ok"), CREATED)

    assert log.events[0][2]["rcpt"] == "<all@example.org>"


def test_the_last_lines() -> None:
    """An envelope that is not tried again has a line that says so."""
    log = Journal()
    report_expired(log, MESSAGE, stored(relayed("sue@example.com")), "too old", CREATED + 4 * 86400)
    report_held(log, MESSAGE, stored(local()), "unknown", CREATED)

    assert log.infos == [
        f"relay: Expire for {SHOWN}: from=<ann@example.net>, to=<sue@example.com>, rcpt=<->, delay=4d, stat=too old",
        f"delivery: Hold for {SHOWN}: from=<ann@example.net>, to=<joe@example.org>, rcpt=<->, delay=0s, stat=unknown",
    ]
