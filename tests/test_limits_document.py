"""docs/limits.md is so: the numbers and the replies of its tables are those of the code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.ir.quantity import format_size, format_time
from smtpdsl.mail.binary_mime import MAX_PARTS
from smtpdsl.mail.header_addresses import MAX_ELEMENTS
from smtpdsl.mail.mime_boundaries import MAX_DEPTH
from smtpdsl.mail.mime_part import MAX_FIELD_OCTETS
from smtpdsl.mail.reply import Reply
from smtpdsl.mail.trace import MAX_RECEIVED_FIELDS
from smtpdsl.runtime import transaction
from smtpdsl.runtime.interfaces import MAX_INLINE_OCTETS
from smtpdsl.runtime.net import budget, deadlines, gate, listener, proxy_header
from smtpdsl.runtime.net.reverse_names import ReverseNames
from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.queue.jobs import MAX_TOGETHER
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.relay.limits import COUNTED, RelayLimits
from smtpdsl.runtime.sasl import replies as sasl
from smtpdsl.runtime.sasl.throttle import DEFAULTS as THROTTLE
from tests.checking import check_text
from tests.test_language_facts import MINIMAL, resolved

PAGE = (Path(__file__).parent.parent / "docs" / "limits.md").read_text(encoding="utf-8")
NONE = "\N{EN DASH}"


class Row(NamedTuple):
    """A limit as a table of the page has it."""

    what: str
    limit: str
    setting: str
    beyond: str


def rows() -> list[Row]:
    """Return every row of the page."""
    found = re.findall(r"^\| (.+) \| (.+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    return [Row(*cells) for cells in found if cells[0] != "What"]


def number(value: int) -> str:
    """Spell a number."""
    return str(value)


REST = 'action "rest" relay\nmatch from local for any action "rest"\nlisten on 127.0.0.1\n'
# By the word in the language: how its value is spelled, and what a client gets that goes too far.
SPELLED: dict[str, Callable[[int], str]] = {
    **dict.fromkeys(
        ("idle-timeout", "command-timeout", "handshake-timeout", "data-timeout", "data-grace"), format_time
    ),
    "max-memory": format_size,
}
REPLIES: dict[str, list[Reply | None]] = {
    "max-connections": [gate.FULL],
    "max-connections-per-source": [gate.TOO_MANY],
    "max-connection-rate-per-source": [gate.TOO_OFTEN],
    "handshake-timeout": [deadlines.NO_HANDSHAKE.reply],
    "idle-timeout": [deadlines.IDLE.reply],
    "command-timeout": [deadlines.SLOW_COMMAND.reply, deadlines.UNREAD_REPLIES.reply],
    "data-timeout": [deadlines.LONG_CONTENT.reply],
    "data-grace": [deadlines.SLOW_CONTENT.reply],
    "min-data-rate": [deadlines.SLOW_CONTENT.reply],
    "max-commands": [own_replies.TOO_MANY_COMMANDS],
    "max-errors": [own_replies.TOO_MANY_ERRORS],
    "max-mails": [own_replies.TOO_MANY_MAILS],
    "max-rcpt": [own_replies.TOO_MANY_RECIPIENTS],
    "max-memory": [budget.OUT_OF_MEMORY],
}
# What has no setting, or one of another statement.
OTHERS = [
    Row("connections that wait to be accepted", number(listener.BACKLOG), NONE, "the client tries again"),
    Row("a command line", number(Limits().max_command_octets), NONE, "500 5.5.2"),
    Row("octets", format_size(Limits().max_message_octets), "`smtp max-message-size`", "552 5.3.4"),
    Row("the header section", format_size(transaction.MAX_HEADER_OCTETS), NONE, "552 5.3.4"),
    Row("parts of a binary message", number(MAX_PARTS), NONE, "552 5.3.4"),
    Row("multiparts in each other, in a binary message", number(MAX_DEPTH), NONE, "lines, whatever they hold"),
    Row(
        "Content-Type, of a part of a binary message", format_size(MAX_FIELD_OCTETS), NONE, "lines, whatever they hold"
    ),
    Row(
        "addresses of a submission that get missing domains", number(MAX_ELEMENTS), NONE, "the others stay as they are"
    ),
    Row("Received fields, fewer than", number(MAX_RECEIVED_FIELDS), NONE, "554 5.4.6"),
    Row("failures of a source", number(THROTTLE.source_failures), NONE, "421 4.7.0"),
    Row("failures with one name", number(THROTTLE.login_failures), NONE, "454 4.7.0"),
    Row(
        "time for the reverse DNS name and its way back",
        format_time(int(ReverseNames.SECONDS)),
        NONE,
        "nobody can tell the name",
    ),
    Row("names of one address that are followed", number(ReverseNames.MAX_CONFIRMED), NONE, "not looked at"),
    Row(
        "questions to the name servers at a time",
        number(ReverseNames.MAX_QUESTIONS),
        NONE,
        "wait, and that counts",
    ),
    Row("answers that are kept", number(ReverseNames.MAX_KNOWN), NONE, "the oldest is forgotten"),
    Row("envelopes in memory", number(Settings().max_inflight), "`scheduler limit max-inflight`", "stay on the disk"),
    Row("deliveries to users at a time", number(Settings().local.at_once), "`mda limit max-session`", "wait"),
    Row("of these, to one user", number(Settings().local.per_lane), "`mda limit max-session-per-user`", "wait"),
    Row("recipients of a message that go together", number(MAX_TOGETHER), NONE, "another session"),
    Row(
        "envelopes for a domain that are tried when its host is back",
        number(Settings().max_hurried),
        "`mta max-deferred`",
        "tried at their time",
    ),
    Row("the header of a proxy, version 1", number(proxy_header.V1_MOST_OCTETS), NONE, "closed"),
    Row("the header of a proxy, version 2", number(proxy_header.V2_MOST_OCTETS), NONE, "closed"),
]


def shown(reply: Reply | None) -> str:
    """Spell a reply as the page does."""
    return f"{reply.code} {reply.enhanced_status}" if reply is not None else "closed"


def test_every_limit_of_a_session_has_its_rows() -> None:
    """With the default of the language and with the replies of those who keep it."""
    limits = resolved(MINIMAL).settings.smtp_limits
    expected = [
        (SPELLED.get(word, number)(setting.value), f"`smtp limit {word}`", shown(reply))
        for word, setting in limits.items()
        for reply in REPLIES[word]
    ]

    assert sorted(row[1:] for row in rows() if row.setting.startswith("`smtp limit ")) == sorted(expected)


def test_every_limit_of_relaying_has_its_row() -> None:
    """With the default of the language; a delay that is not kept unless somebody writes it, says so."""
    limits = resolved(MINIMAL).settings.mta_limits
    relaying = {row.setting: row.limit for row in rows() if row.setting.startswith("`mta limit ")}
    unlisted = {"task-lowat", "task-release"}
    assert relaying.keys() == {f"`mta limit {word}`" for word in limits.keys() - unlisted}
    politeness = RelayLimits(resolved(MINIMAL).settings).of("example.org")
    kept = {f"conn-delay-{name}": getattr(politeness, name).delay for name in COUNTED}
    kept["reconn-delay-route"] = politeness.reconnect
    for word in limits.keys() - unlisted:
        value = limits[word].value
        is_kept = kept.get(word, value) == value
        assert relaying[f"`mta limit {word}`"] == (str(value) if is_kept else f"{value}, if it is written")


def test_the_limits_that_stand_are_those_of_the_code() -> None:
    """Nothing else is on the page."""
    words = "`smtp limit ", "`mta limit "
    assert sorted(row for row in rows() if not row.setting.startswith(words)) == sorted(OTHERS)


@pytest.mark.parametrize(
    ("reply", "row"),
    [
        (own_replies.LINE_TOO_LONG, "a command line"),
        (own_replies.CONTENT_TOO_BIG, "octets"),
        (sasl.TOO_MANY_FAILURES, "failures of a source"),
        (sasl.LOGIN_UNDER_ATTACK, "failures with one name"),
    ],
)
def test_replies_are_those_of_the_code(reply: Reply, row: str) -> None:
    """Those of the limits that stand, where there is one reply for it."""
    assert [each.beyond for each in OTHERS if each.what == row] == [shown(reply)]


def test_its_configurations_are_right(tmp_path: Path) -> None:
    """Nothing is wrong with them, nor suspect."""
    blocks = re.findall(r"^```smtpd\.conf\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert blocks
    for block in blocks:
        assert check_text(block + REST, tmp_path) == []


def test_the_text_has_the_numbers_of_the_code() -> None:
    """Those that stand in no table."""
    delays = f"after {THROTTLE.first_delay} seconds at first and {THROTTLE.longest_delay:.0f} at last"
    said = " ".join(PAGE.split())

    assert delays in said
    assert THROTTLE.seconds_to_forget == 60
    kept = (ReverseNames.MIN_SECONDS_KEPT, ReverseNames.MAX_SECONDS_KEPT, ReverseNames.SECONDS_OF_TROUBLE)
    assert kept == (5, 3600, 15)
    assert "for 5 seconds at least and an hour at most" in said
    assert "that nobody could tell, for 15 seconds" in said
    assert f"A message of more than {format_size(MAX_INLINE_OCTETS)} is not held in memory" in said


def test_the_limits_of_the_queue_are_those_of_the_language() -> None:
    """What the server uses where nothing is written is what a configuration says that is silent."""
    settings, queue = resolved(MINIMAL).settings, Settings()

    assert settings.scheduler_limits["max-inflight"].value == queue.max_inflight
    assert settings.mda_limits["max-session"].value == queue.local.at_once
    assert settings.mda_limits["max-session-per-user"].value == queue.local.per_lane
    assert settings.mta_max_deferred.value == queue.max_hurried
