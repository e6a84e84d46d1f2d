"""The limits of the configuration, for those who keep them."""

from __future__ import annotations

import resource

from smtpdsl.runtime.net.deadlines import Timeouts
from smtpdsl.runtime.net.descriptors import raise_limit, room
from smtpdsl.runtime.net.gate import GateLimits
from smtpdsl.runtime.net.limits import gate_limits, memory, session_limits, shortage, timeouts
from smtpdsl.runtime.protocol.limits import Limits
from tests.worlds import ruleset_of

RULE = "match from any for any reject\n"
PLENTY = 1_000_000


def test_what_nobody_writes_is_the_default() -> None:
    """The defaults of the language are those of the parts that keep the limits."""
    settings = ruleset_of(RULE).settings

    assert session_limits(settings) == Limits()
    assert timeouts(settings) == Timeouts()
    assert gate_limits(settings, PLENTY) == GateLimits(10_000, 100, 3000)
    assert memory(settings).most == 256 << 20


def test_what_is_written_holds() -> None:
    """Each where it belongs; a limit for a source that is written holds for loopback, too."""
    written = (
        "max-rcpt 1 max-mails 2 max-errors 3 max-commands 4 idle-timeout 5s command-timeout 6s handshake-timeout 7s "
        "data-timeout 8s data-grace 9s min-data-rate 10 max-connections 11 max-connections-per-source 12 "
        "max-connection-rate-per-source 13 max-memory 14"
    )
    settings = ruleset_of(f"{RULE}smtp max-message-size 15\nsmtp limit {written}\n").settings

    limits = Limits(max_message_octets=15, max_recipients=1, max_mails=2, max_errors=3, max_commands=4)
    assert session_limits(settings) == limits
    assert timeouts(settings) == Timeouts(5, 6, 7, 8, 9, 10)
    assert gate_limits(settings, PLENTY) == GateLimits(
        11, 12, 13, of_source_holds_for_loopback=True, per_minute_holds_for_loopback=True
    )
    assert memory(settings).most == 14


def test_a_limit_for_a_source_is_for_loopback_only_if_it_is_written() -> None:
    """Each of the two for itself."""
    settings = ruleset_of(f"{RULE}smtp limit max-connections-per-source 12\n").settings

    limits = gate_limits(settings, PLENTY)
    assert (limits.of_source_holds_for_loopback, limits.per_minute_holds_for_loopback) == (True, False)


def test_nobody_is_let_in_without_a_descriptor() -> None:
    """Each connection may need two, and the server has some for itself."""
    settings = ruleset_of(f"{RULE}smtp limit max-connections 5000\n").settings

    assert [gate_limits(settings, count).connections for count in (10, 1024, 4096, 20_000)] == [1, 412, 1948, 5000]
    assert all(room(count) >= 1 for count in range(1000))


def test_an_administrator_is_told_of_too_few_descriptors() -> None:
    """Where more connections are written than they are enough for."""
    settings = ruleset_of(f"{RULE}smtp limit max-connections 5000\n").settings

    assert shortage(settings, 1024) == (
        "5000 connections are allowed (smtpd.conf:2), but 1024 descriptors are enough for 412: "
        "raise the limit of open files"
    )
    assert shortage(settings, 20_000) is None
    assert shortage(ruleset_of(RULE).settings, 1024) is None


def test_the_limit_of_descriptors_is_raised() -> None:
    """As far as the system allows, and no further."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] - 1, before[1]))
        found = raise_limit()
        assert found == raise_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
