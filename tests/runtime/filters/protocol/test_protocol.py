"""The protocol of filter programs as lines: what is told and asked, what is answered, and how it begins."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.protocol.answers import DataLine, Result, Told, read_answer
from smtpdsl.runtime.filters.protocol.handshake import EVENTS, ProtocolError, Registration, configuration
from smtpdsl.runtime.filters.protocol.requests import (
    data_line_head,
    data_lines,
    login_fields,
    path_fields,
    question,
    report,
)
from smtpdsl.runtime.filters.protocol.versions import ALL, LATEST, Version, version_for

SESSION, TOKEN = "7641df9771b4ed00", "1ef1c203cc576e5d"
OLD, FIFTH, SIXTH, SEVENTH = ALL
MOMENT = 1576146008.0060991


def registered(*lines: str) -> Registration:
    """Register with *lines*."""
    found = Registration()
    for line in lines:
        found.read(line.encode())
    return found


# ---------------------------------------------------------------- the beginning


def test_the_configuration_comes_in_order() -> None:
    """Which version is really spoken, too."""
    assert configuration(SIXTH, "example.org", 300).decode().splitlines() == [
        "config|smtpd-version|7.8.0-smtpdsl",
        "config|protocol|0.6",
        "config|smtp-session-timeout|300",
        "config|subsystem|smtp-in",
        "config|admd|example.org",
        "config|ready",
    ]


@pytest.mark.parametrize(
    ("command", "version"),
    [
        ("filter-rspamd -url http://localhost", SIXTH),
        ("/usr/libexec/opensmtpd/filter-rspamd", SIXTH),
        ("/usr/bin/python3 filter-rspamd", LATEST),
        ("filter-dkimsign -d example.org", LATEST),
        ("", LATEST),
    ],
)
def test_some_programs_know_an_older_version_only(command: str, version: Version) -> None:
    """They are known by their names."""
    assert version_for(command) == version


def test_a_program_registers_what_it_wants() -> None:
    """All events with a star; what nobody ever is asked, and what is sent from here, is accepted and forgotten."""
    found = registered(
        "register|filter|smtp-in|mail-from",
        "register|filter|smtp-in|help",
        "register|report|smtp-out|link-connect",
        "register|report|smtp-in|tx-begin",
        "register|report|smtp-in|tx-begin",
        "register|ready",
    )
    assert (set(found.hooks), set(found.events), found.is_complete) == ({Hook.MAIL_FROM}, {"tx-begin"}, True)
    assert registered("register|report|smtp-in|*").events == EVENTS
    assert len(EVENTS) == 19


@pytest.mark.parametrize(
    "line",
    [
        "",
        "register",
        "register|filter|smtp-out|connect",
        "register|filter|smtp-in|*",
        "register|filter|smtp-in|vrfy",
        "register|report|smtp-in|tx-nothing",
        f"filter-result|{SESSION}|{TOKEN}|proceed",
    ],
)
def test_nothing_else_can_be_registered(line: str) -> None:
    """The log shows the line."""
    with pytest.raises(ProtocolError, match="cannot register"):
        registered(line)


# ---------------------------------------------------------------- what is told and asked


def test_lines_have_their_fields() -> None:
    """Six digits of a second; a token is followed by a field, if only an empty one."""
    assert report(LATEST, MOMENT, SESSION, "link-disconnect") == (
        b"report|0.7|1576146008.006099|smtp-in|link-disconnect|7641df9771b4ed00\n"
    )
    assert question(LATEST, MOMENT, "commit", SESSION, TOKEN) == (
        b"filter|0.7|1576146008.006099|smtp-in|commit|7641df9771b4ed00|1ef1c203cc576e5d|\n"
    )
    head = data_line_head(LATEST, MOMENT, SESSION, TOKEN)
    assert data_lines(head, [b"a|b", b"."]) == head + b"a|b\n" + head + b".\n"


@given(fields=st.lists(st.text(), min_size=1, max_size=4))
def test_no_field_can_shift_another_one_or_end_the_line(fields: list[str]) -> None:
    """Whatever a client says: only the last field may have a separator."""
    line = report(LATEST, MOMENT, SESSION, "link-connect", *fields)
    assert line.endswith(b"\n")
    assert not {b"\n", b"\r", b"\0"} & {line[at : at + 1] for at in range(len(line) - 1)}
    found = line[:-1].split(b"|", 5 + len(fields))
    assert len(found) == 6 + len(fields)
    assert found[5].decode() == SESSION


@pytest.mark.parametrize(
    ("version", "login", "path"),
    [
        (OLD, ("ann\\174ok", "fail"), ("1", "a|b@c", "ok")),
        (SIXTH, ("ann\\174ok", "fail"), ("1", "ok", "a|b@c")),
        (SEVENTH, ("fail", "ann\\174ok"), ("1", "ok", "a|b@c")),
    ],
)
def test_versions_differ_in_the_order_of_fields(
    version: Version, login: tuple[str, str], path: tuple[str, str, str]
) -> None:
    """A login is written so that it can be no result; blanks and what is not ASCII as octets."""
    assert login_fields(version, "ann|ok", "fail") == login
    assert path_fields(version, "1", "a|b@c", "ok") == path
    assert login_fields(SEVENTH, "a né\\", "pass")[1] == "a\\040n\\303\\251\\134"


# ---------------------------------------------------------------- what is answered


@pytest.mark.parametrize("version", ALL)
def test_answers_are_read(version: Version) -> None:
    """The session was second once."""
    ids = f"{TOKEN}|{SESSION}" if version == OLD else f"{SESSION}|{TOKEN}"
    assert read_answer(f"filter-result|{ids}|proceed".encode(), version) == Result(SESSION, TOKEN, "proceed")
    refusal = read_answer(f"filter-result|{ids}|reject|550 a|b".encode(), version)
    assert refusal == Result(SESSION, TOKEN, "reject", "550 a|b")
    line = read_answer(f"filter-dataline|{ids}|".encode() + b"\xff|x", version)
    assert line == DataLine(SESSION, TOKEN, b"\xff|x")
    told = read_answer(f"report|1576146008.006099|smtp-in|{SESSION}|a|b".encode(), version)
    assert told == Told(SESSION, "a|b")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "filter-result|zz|",
        f"filter-result|{SESSION}|{TOKEN}",
        f"filter-result|{SESSION}|{TOKEN}|proceed|x",
        f"filter-result|{SESSION}|{TOKEN}|reject",
        f"filter-result|{SESSION}|{TOKEN}|reject|",
        f"filter-result|{SESSION}|{TOKEN}|perhaps",
        f"filter-result|{SESSION.upper()}|{TOKEN}|proceed",
        f"filter-dataline|{SESSION}|{TOKEN}",
        f"report|1|smtp-out|{SESSION}|x",
        "report|1|smtp-in|x",
        "register|ready",
    ],
)
def test_anything_else_is_nonsense(line: str) -> None:
    """And the log has it."""
    with pytest.raises(ProtocolError, match="no answer"):
        read_answer(line.encode(), LATEST)


@given(line=st.binary(max_size=80))
def test_no_octets_raise_anything_else(line: bytes) -> None:
    """Whatever a program writes."""
    for read in (lambda octets: read_answer(octets, LATEST), Registration().read):
        with suppress(ProtocolError):
            read(line)
