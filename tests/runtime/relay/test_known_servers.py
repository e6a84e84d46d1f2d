"""What is kept in mind of servers."""

from __future__ import annotations

from smtpdsl.runtime.relay.known_servers import MAX_SERVERS, KnownServers


def test_some_thousands_are_known() -> None:
    """One more, and all are new again; whoever comes back is none more."""
    known = KnownServers()
    for port in range(MAX_SERVERS):
        known.habits("192.0.2.25", port).breaks_chunks = True
    assert known.habits("192.0.2.25", 25).breaks_chunks
    assert not known.habits("192.0.2.26", 25).breaks_chunks
    assert not known.habits("192.0.2.25", 25).breaks_chunks
