"""Limits: their defaults, and statements that add up."""

from __future__ import annotations

import pytest

from tests.worlds import compile_text, pointed_at, ruleset_of

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'

# The table of smtpd.conf(5).
DEFAULTS = {
    "mda": {"max-session": 50, "max-session-per-user": 7, "task-hiwat": 50, "task-lowat": 30, "task-release": 10},
    "mta": {
        "max-conn-per-host": 10,
        "max-conn-per-route": 5,
        "max-conn-per-source": 100,
        "max-conn-per-connector": 20,
        "max-conn-per-relay": 100,
        "max-conn-per-domain": 100,
        "conn-delay-host": 0,
        "conn-delay-route": 5,
        "conn-delay-source": 0,
        "conn-delay-connector": 0,
        "conn-delay-relay": 2,
        "conn-delay-domain": 0,
        "reconn-delay-route": 3,
        "session-mail-max": 100,
        "session-transaction-delay": 0,
        "session-keepalive": 10,
        "max-failures-per-session": 25,
        "task-hiwat": 50,
        "task-lowat": 30,
        "task-release": 10,
        "max-mails-per-minute": 0,
    },
    "scheduler": {"max-inflight": 5000, "max-evp-batch-size": 256, "max-msg-batch-size": 1024, "max-schedule": 10},
    "smtp": {
        "max-rcpt": 1000,
        "max-mails": 100,
        # Of the manual of smtpdsl: counts, seconds and octets.
        "max-connections": 10_000,
        "max-connections-per-source": 100,
        "max-connection-rate-per-source": 3000,
        "max-commands": 1000,
        "max-errors": 20,
        "idle-timeout": 300,
        "command-timeout": 60,
        "handshake-timeout": 30,
        "data-timeout": 7200,
        "data-grace": 60,
        "min-data-rate": 500,
        "max-memory": 268_435_456,
    },
}


@pytest.mark.parametrize("subsystem", sorted(DEFAULTS))
def test_defaults(subsystem: str) -> None:
    """What nobody writes is as in the manual, and says so."""
    limits = getattr(ruleset_of(RULE).settings, f"{subsystem}_limits")

    assert {key: setting.value for key, setting in limits.items()} == DEFAULTS[subsystem]
    assert all(setting.is_default and setting.reason for setting in limits.values())


def test_statements_add_up() -> None:
    """Each statement changes the limits it names."""
    limits = ruleset_of(f"{RULE}mda limit max-session 1\nmda limit task-hiwat 2\n").settings.mda_limits

    assert {key: each.value for key, each in limits.items() if not each.is_default} == {
        "max-session": 1,
        "task-hiwat": 2,
    }


def test_a_domain_starts_from_the_limits_of_its_line() -> None:
    """`mta limit for domain` copies what stands above it, and a second one adds to the first."""
    text = (
        "mta limit max-conn-per-host 1\n"
        "mta limit for domain a.example inet4 conn-delay-host 9\n"
        "mta limit max-conn-per-host 2\n"
        "mta limit for domain a.example conn-delay-route 8\n"
        "mta limit for domain A.example inet6\n"
    )
    settings = ruleset_of(RULE + text).settings

    lower, upper = settings.mta_domain_limits
    changed = {key: each.value for key, each in lower.limits.items() if not each.is_default}
    assert (lower.domain, [word.text for word in lower.families]) == ("a.example", ["inet4"])
    assert changed == {"max-conn-per-host": 1, "conn-delay-host": 9, "conn-delay-route": 8}
    assert (upper.domain, upper.limits["max-conn-per-host"].value) == ("A.example", 2)
    assert settings.mta_limits["conn-delay-host"].value == 0


def test_the_domain_default_is_every_domain() -> None:
    """OpenSMTPD keeps the general limits under that name."""
    settings = ruleset_of(f"{RULE}mta limit for domain default max-conn-per-host 3\n").settings

    assert settings.mta_limits["max-conn-per-host"].value == 3
    assert settings.mta_domain_limits == ()


@pytest.mark.parametrize(
    ("statement", "finding", "pointed", "help_text"),
    [
        ("mda limit max-sesion 1", 'unknown-limit: `mda limit` has no "max-sesion"', "max-sesion", "did you mean"),
        (
            "mda limit max-rcpt 1",
            'unknown-limit: `mda limit` has no "max-rcpt"',
            "max-rcpt",
            "that is a limit of `smtp`: write `smtp limit max-rcpt …`",
        ),
        ("smtp limit foo 1", 'unknown-limit: `smtp limit` has no "foo"', "foo", "the limits are: command-timeout, "),
        ("mda limit max-session -1", "unusable-limit: `max-session` is below zero", "-1", "write how many"),
        ("mda limit max-session 0", "unusable-limit: `max-session 0` lets nothing through", "0", "write 1 or more"),
        (
            "mda limit max-session 1 max-session 2",
            "overwritten-option: `max-session` is given again; this one holds",
            "max-session",
            "remove one of them",
        ),
        (
            "mta limit inet4 inet6",
            "overwritten-option: `inet6` replaces `inet4`: they mean this family alone",
            "inet6",
            "leave both out for both families",
        ),
    ],
)
def test_what_is_wrong_with_a_limit(statement: str, finding: str, pointed: str, help_text: str) -> None:
    """One finding at the word or the number."""
    (found,) = compile_text(f"{RULE}{statement}\n").findings

    assert f"{found.code.name}: {found.message}" == finding
    assert pointed_at(found) == pointed
    assert found.help.startswith(help_text)


def test_limits_of_a_session_are_numbers_times_and_sizes() -> None:
    """As the language writes them elsewhere; a size may do without a unit."""
    written = "max-connections 20 idle-timeout 10m command-timeout '90s' max-memory 1.5M min-data-rate 0"
    limits = ruleset_of(f"{RULE}smtp limit {written}\nsmtp limit data-timeout 1d\n").settings.smtp_limits

    assert {key: each.value for key, each in limits.items() if not each.is_default} == {
        "max-connections": 20,
        "idle-timeout": 600,
        "command-timeout": 90,
        "max-memory": 1_572_864,
        "min-data-rate": 0,
        "data-timeout": 86_400,
    }
    assert ruleset_of(f"{RULE}smtp limit max-memory 4096\n").settings.smtp_limits["max-memory"].value == 4096


@pytest.mark.parametrize(
    ("limit", "finding", "pointed", "help_text"),
    [
        (
            "idle-timeout 300",
            'unusable-value: expected a unit after "300"',
            "300",
            "the units are s (seconds), m (minutes), h (hours) and d (days)",
        ),
        (
            "idle-timeout 0s",
            'unusable-value: expected a time longer than zero, found "0s"',
            "0s",
            "",
        ),
        (
            "max-memory 64MB",
            'unusable-value: expected nothing after "64M", found "B"',
            "B",
            "write `64M`",
        ),
        ("max-memory -1", "unusable-value: a size below zero", "-1", "write the number of octets, or `35M`"),
        ("max-memory 0", "unusable-limit: `max-memory 0` lets nothing through", "0", "write 1 or more"),
        (
            "max-errors 5m",
            'unusable-value: expected a number after `max-errors`, found "5m"',
            "5m",
            "write `max-errors 20`",
        ),
        ('max-rcpt "10"', "syntax-error: a number stands without quotes", '"10"', "write `10`"),
    ],
)
def test_a_limit_of_a_session_has_its_own_kind_of_value(limit: str, finding: str, pointed: str, help_text: str) -> None:
    """What is written in its place is shown, and the limit stays as it was."""
    (found,) = compile_text(f"{RULE}smtp limit {limit}\n").findings

    assert f"{found.code.name}: {found.message}" == finding
    assert pointed_at(found) == pointed
    assert found.help.startswith(help_text)


def test_zero_seconds_are_no_mistake() -> None:
    """A delay of 0 is the default of most delays."""
    assert compile_text(f"{RULE}mta limit conn-delay-route 0\n").messages == []
