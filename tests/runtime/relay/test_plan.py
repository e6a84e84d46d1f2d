"""How an action, in either generation of the language, secures its sessions; and that `explain` says the same."""

from __future__ import annotations

import pytest

from smtpdsl.ir.answers import Site
from smtpdsl.ir.next_hop import next_hop
from smtpdsl.ir.resolved import RelayAction
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.runtime.interfaces import Envelope, InlineContent, QueuedMessage, Route
from smtpdsl.runtime.protocol.client import Security
from smtpdsl.runtime.relay.plan import NoPlan, Plan, Way, plan_relay
from tests.worlds import compile_text

NEVER, OFFERED, REQUIRED, IMMEDIATE = Security.NEVER, Security.OFFERED, Security.REQUIRED, Security.IMMEDIATE
DEST = Mailbox.parse("x@remote.test")
SENDER = ReversePath.parse("<joe@example.net>")
LOCAL = Client(source="local")
# What `explain` says, by security and whether the certificate is verified.
SAID = {
    (NEVER, False): "never",
    (OFFERED, False): "if the other side offers it, certificate not verified",
    (REQUIRED, False): "required, certificate not verified",
    (REQUIRED, True): "required, certificate verified",
    (IMMEDIATE, False): "from the start, certificate not verified",
    (IMMEDIATE, True): "from the start, certificate verified",
}
# What comes before it where the domain of the recipient has a say.
POLICIES = "by DANE or MTA-STS if the domain has it, else "
AUTH = '{ who = "ann:secret" }'


def plan_of(action: RelayAction) -> Plan | NoPlan:
    """Plan how a message leaves by *action*."""
    message = QueuedMessage(1, SENDER, LOCAL, 0.0, InlineContent(b""))
    return plan_relay(action, message, Envelope(Route.RELAY, action.name, DEST, DEST), "mx.test")


def way_of(text: str) -> Way:
    """Return the one way of the action in *text*, and see to it that `explain` says the same."""
    (action,) = compile_text(text).ruleset.actions.values()
    assert isinstance(action, RelayAction)
    plan = plan_of(action)
    assert isinstance(plan, Plan), plan
    (way,) = plan.ways
    asked = AskedEnvelope(client=LOCAL, reverse_path=SENDER, recipient=DEST)
    said = dict(next_hop(action, DEST, asked, Site(server_name="mx.test", addresses=())).details)
    assert said["TLS"].removeprefix(POLICIES) == SAID[way.security, way.verifies]
    assert said["TLS"].startswith(POLICIES) is (way.url is None)
    assert ("login" in said) is (way.login is not None)
    assert said["HELO"] == plan.helo
    return way


@pytest.mark.parametrize(
    ("method", "security", "verifies", "port"),
    [
        ("relay", OFFERED, False, 25),
        ("relay tls", REQUIRED, True, 25),
        ("relay tls no-verify", REQUIRED, False, 25),
        ("relay host mx.test", OFFERED, False, 25),
        ("relay host smtp://mx.test:2525", OFFERED, False, 2525),
        ("relay host smtp://mx.test tls", REQUIRED, True, 25),
        ("relay host smtp://mx.test tls no-verify", REQUIRED, False, 25),
        ("relay host smtp+tls://mx.test", REQUIRED, True, 25),
        ("relay host smtp+tls://mx.test tls no-verify", REQUIRED, False, 25),
        ("relay host smtps://mx.test", IMMEDIATE, True, 465),
        ("relay host smtps://mx.test tls", IMMEDIATE, True, 465),
        ("relay host smtps://mx.test tls no-verify", IMMEDIATE, False, 465),
        ("relay host smtp+notls://mx.test", NEVER, False, 25),
        ("relay host lmtp://mx.test:24", NEVER, False, 24),
        (f"relay host smtps://who@mx.test auth {AUTH}", IMMEDIATE, True, 465),
        ("relay domain { remote.test = smtps://mx.test }", IMMEDIATE, True, 465),
    ],
)
def test_a_url_and_the_option_beside_it_say_how(method: str, security: Security, port: int, *, verifies: bool) -> None:
    """The table of the manual."""
    way = way_of(f"action out {method}\n")

    assert (way.security, way.verifies, way.port) == (security, verifies, port)
    assert (way.login is not None) is ("auth" in method)


@pytest.mark.parametrize(
    ("relay", "security", "verifies", "port"),
    [
        ("relay", OFFERED, False, 25),
        ("relay tls", REQUIRED, False, 25),
        ("relay tls verify", REQUIRED, True, 25),
        ('relay via "mx.test"', OFFERED, False, 25),
        ('relay via "smtp://mx.test"', NEVER, False, 25),
        ('relay via "smtp+tls://mx.test"', OFFERED, False, 25),
        ('relay via "tls://mx.test"', REQUIRED, False, 25),
        ('relay via "tls://mx.test" verify', REQUIRED, True, 25),
        ('relay via "smtps://mx.test"', IMMEDIATE, False, 465),
        ('relay via "smtps://mx.test" verify', IMMEDIATE, True, 465),
        ('relay via "secure://mx.test"', REQUIRED, False, 25),
        ('relay via "secure://mx.test:465"', IMMEDIATE, False, 465),
        ('relay via "lmtp://mx.test:24"', NEVER, False, 24),
        (f'relay via "tls+auth://who@mx.test:587" auth {AUTH} verify', REQUIRED, True, 587),
        (f'relay via "smtps+auth://who@mx.test" auth {AUTH}', IMMEDIATE, False, 465),
    ],
)
def test_before_6_4_the_same_words_meant_something_else(
    relay: str, security: Security, port: int, *, verifies: bool
) -> None:
    """And still mean it."""
    way = way_of(f"listen on lo\naccept for any {relay}\n")

    assert (way.security, way.verifies, way.port) == (security, verifies, port)
    assert (way.login is not None) is ("auth" in relay)


def test_a_way_does_not_tell_its_password() -> None:
    """Whoever prints a plan sees the login."""
    way = way_of(f"action out relay host smtps://who@mx.test auth {AUTH}\n")

    assert "ann" in repr(way)
    assert "secret" not in repr(way)
