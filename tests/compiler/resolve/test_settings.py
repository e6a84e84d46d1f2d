"""Settings: every default with its reason, every value with its place."""

from __future__ import annotations

import pytest

from tests.worlds import SERVER, compile_text, pointed_at, ruleset_of

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("name", "default", "statement", "value"),
    [
        ("admd", SERVER, 'admd "id.example.org"', "id.example.org"),
        ("warn_intervals", (4 * 3600,), "bounce warn-interval 1h, 2h", (3600, 7200)),
        ("mta_max_deferred", 100, "mta max-deferred 7", 7),
        ("max_message_octets", 35 * 1024 * 1024, "smtp max-message-size 1.5K", 1536),
        ("max_message_octets", 35 * 1024 * 1024, "smtp max-message-size 1000", 1000),
        ("sub_addr_delim", "+", 'smtp sub-addr-delim "-"', "-"),
        ("queue_compression", False, "queue compression", True),
        ("queue_encryption", None, f'queue encryption "{"k" * 32}"', "k" * 32),
        ("queue_encryption", None, "queue encryption", ""),
        ("queue_encryption", None, "queue encryption stdin", "stdin"),
        ("queue_ttl", 4 * DAY, "queue ttl 5d", 5 * DAY),
        ("srs_key", None, "srs key one", "one"),
        ("srs_key_backup", None, "srs key backup two", "two"),
        ("srs_ttl", 4 * DAY, "srs ttl 25h", DAY),
        ("smtp_ciphers", "default", 'smtp ciphers "HIGH"', "HIGH"),
    ],
)
def test_settings_and_their_defaults(name: str, default: object, statement: str, value: object) -> None:
    """A default says why it is so, a value where it is written."""
    plain = getattr(ruleset_of(RULE).settings, name)
    given = getattr(ruleset_of(f"{RULE}{statement}\n").settings, name)

    assert (plain.value, plain.is_default, plain.reason != "") == (default, True, True)
    assert (given.value, given.is_default) == (value, False)
    assert given.span.source.position(given.span.start).line == 3


@pytest.mark.parametrize(
    ("statement", "message", "pointed"),
    [
        ('smtp sub-addr-delim "@"', "a sub-address delimiter is one printable character", '"@"'),
        ('smtp sub-addr-delim "ab"', "a sub-address delimiter is one printable character", '"ab"'),
        ('smtp sub-addr-delim " "', "a sub-address delimiter is one printable character", '" "'),
        ('smtp sub-addr-delim "é"', "a sub-address delimiter is one printable character", '"é"'),
        ('queue encryption "short"', "a queue key of 5 octets; it must have 32", '"short"'),
        ("srs ttl 1h", "the life of an SRS address is counted in days", "1h"),
        ('admd "a\tb"', "`admd` takes printable ASCII characters only", "\t"),
    ],
)
def test_what_a_setting_cannot_take(statement: str, message: str, pointed: str) -> None:
    """One error, and the setting keeps its default."""
    (found,) = compile_text(f"{RULE}{statement}\n").findings

    assert found.code.name == "unusable-value"
    assert found.message.startswith(message)
    assert pointed_at(found) == pointed
    assert found.help


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("queue ttl 1d\nqueue ttl 2d", "`queue ttl` is given again; this one holds"),
        ("queue compression\nqueue compression", "`queue compression` is given again, and changes nothing"),
        ("smtp ciphers HIGH\nsmtp ciphers HIGH:MD5", "`smtp ciphers` is given again; this one holds"),
    ],
)
def test_the_last_statement_holds(text: str, message: str) -> None:
    """A setting given twice is a warning, with the first place beside it."""
    (found,) = [each for each in compile_text(f"{RULE}{text}\n").findings if each.code.name == "overwritten-option"]

    assert found.message == message
    assert found.related[0].span.source.position(found.related[0].span.start).line == 3


def test_a_fifth_delay_is_never_used() -> None:
    """OpenSMTPD keeps four."""
    compiled = compile_text(f"{RULE}bounce warn-interval 1h, 2h, 3h, 4h, 5h\n")

    (found,) = compiled.findings
    assert (found.code.name, pointed_at(found)) == ("overwritten-option", "5h")
    assert compiled.ruleset.settings.warn_intervals.value == (3600, 7200, 10800, 14400)


def test_no_message_is_small_enough_for_a_limit_of_zero() -> None:
    """Accepted by every release, and certainly not meant."""
    (found,) = compile_text(f"{RULE}smtp max-message-size 0\n").findings

    assert found.code.name == "unusable-limit"


def test_earlier_configurations_may_change_their_mind_about_expire() -> None:
    """Up to 6.3 `expire` holds from its line on."""
    text = "expire 1d\naccept for local deliver to mbox\nexpire 2d\naccept for any relay\n"

    compiled = compile_text(text)

    assert compiled.messages == []
    assert [action.ttl.value for action in compiled.ruleset.actions.values()] == [DAY, 2 * DAY]
