"""The contexts of actions, and what is remembered of servers over them."""

from __future__ import annotations

import pytest

from smtpdsl.ir.resolved import RelayAction
from smtpdsl.runtime.net.client_channel import TlsTerms
from smtpdsl.runtime.protocol.client import Security
from smtpdsl.runtime.relay.dane import Finding, HostTlsa
from smtpdsl.runtime.relay.plan import Way
from smtpdsl.runtime.relay.security import Contexts
from tests.runtime.relay.relaying import actions_of
from tests.tls_peers import Journal

ACTIONS = actions_of('action "out" relay\naction "other" relay\n')
WAY = Way()
RECORDS = HostTlsa(Finding.USABLE, "it has records", "mx.test")


def terms(contexts: Contexts, way: Way = WAY, host: str = "mx.test", name: str = "out") -> TlsTerms:
    """Return the terms of TLS with *host*."""
    action = ACTIONS[name]
    assert isinstance(action, RelayAction)
    found = contexts.terms(action, way, host)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("way", "host", "name"),
    [
        (WAY._replace(verifies=True), "mx.test", "out"),
        (WAY._replace(smtp_port=2525), "mx.test", "out"),
        (WAY, "mx2.test", "out"),
        (WAY, "mx.test", "other"),
    ],
)
def test_a_session_is_taken_up_again_on_the_same_terms_only(way: Way, host: str, name: str) -> None:
    """Whoever demands more, asks somebody else, or has another certificate, begins anew."""
    contexts = Contexts([], str, Journal())
    first = terms(contexts)

    assert first.resumption is not None
    assert terms(contexts).resumption is first.resumption
    another = terms(contexts, way, host, name).resumption
    assert another is not None
    assert another is not first.resumption


def test_who_has_to_fit_records_is_always_looked_at() -> None:
    """The records are those of now, and may be others by the next session."""
    found = terms(Contexts([], str, Journal()), WAY._replace(tlsa=RECORDS))

    assert found.check is not None
    assert found.resumption is None


def test_a_way_without_tls_has_no_terms() -> None:
    """No file is read for it."""
    action = ACTIONS["out"]
    assert isinstance(action, RelayAction)

    assert Contexts([], str, Journal()).terms(action, WAY._replace(security=Security.NEVER), "mx.test") is None
