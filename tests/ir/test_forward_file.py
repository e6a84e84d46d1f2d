"""What the text of a ``.forward`` says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.alias_value import (
    AddressTarget,
    CommandTarget,
    ErrorTarget,
    FileTarget,
    IncludeTarget,
    Target,
    UserTarget,
)
from smtpdsl.ir.forward_file import FORWARD_OCTETS_LIMIT, ForwardError, parse_forward

POSITION = {"start": 0, "end": 0}


def user(name: str) -> Target:
    """Return a user."""
    return UserTarget(name=name, **POSITION)


def command(text: str) -> Target:
    """Return a command."""
    return CommandTarget(command=text, **POSITION)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n  \n", []),
        ("# nobody\n", []),
        (" , ,\n", []),
        (":include:/etc/mail/list\ninclude:/x\n", []),
        ("ben\n", [user("ben")]),
        ("ben", [user("ben")]),
        ("ben\r\nann\r\n", [user("ben"), user("ann")]),
        ("ann, ben\nvmail\n", [user("ann"), user("ben"), user("vmail")]),
        ("\\ann, ben", [user("ann"), user("ben")]),
        ("ann # and nobody else\nben", [user("ann"), user("ben")]),
        ("ann#, ben", [user("ann")]),
        ("ann, \\\n  ben", [user("ann"), user("ben")]),
        ("an\\\nn", [user("ann")]),
        ("ann, \\\n# a comment ends what goes on\nben", [user("ann"), user("ben")]),
        ("ann \\", [user("ann")]),
        ('"|/bin/in a, b"', [command("/bin/in a, b")]),
        ("|/bin/in \\# 1", [command("/bin/in # 1")]),
        ("|/bin/in \\\\", [command("/bin/in \\")]),
        ("/var/mail/archive", [FileTarget(path="/var/mail/archive", **POSITION)]),
        ("error:550 Gone", [ErrorTarget(code=550, text="Gone", **POSITION)]),
        ("joe@away.example", [AddressTarget(local_part="joe", domain="away.example", **POSITION)]),
    ],
)
def test_targets_of_a_forward_file(text: str, expected: list[Target]) -> None:
    """Lines and commas separate, a backslash joins lines, a # begins a comment anywhere; nothing is included."""
    assert list(parse_forward(text).targets) == expected


def test_it_is_shown_on_one_line() -> None:
    """As it is written, without comments and blank lines."""
    found = parse_forward('# me\nann, # a copy\n\n:include:/x\n"|/bin/in a", \\\n  ben\n')

    assert found.shown == 'ann, :include:/x, "|/bin/in a",   ben'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ann\nno one\n", 'line 2: expected a user name, found "no one" with " " in it'),
        ("ann, \\\n\\\nno one\n", 'line 1: expected a user name, found "no one" with " " in it'),
        ('"|/bin/in # 1"', 'line 1: expected a closing " for the one that opens here'),
        ("|", 'line 1: expected a command after "|"'),
        ("joe@", 'line 1: expected an address, found "joe@"'),
        ("ann\n|/bin/in\0", "line 2: expected text, found a NUL"),
        ("#" * FORWARD_OCTETS_LIMIT, "expected fewer than 4096 octets"),
        ("é" * (FORWARD_OCTETS_LIMIT // 2), "expected fewer than 4096 octets"),
        ("a" * 2048, "line 1: expected at most 2047 octets in a line of targets"),
    ],
)
def test_what_is_no_forward_file(text: str, problem: str) -> None:
    """The message says in which line, and what was expected there."""
    with pytest.raises(ForwardError) as raised:
        parse_forward(text)

    assert str(raised.value).startswith(problem)


def test_a_file_just_below_the_limit_is_read() -> None:
    """One octet less than what is refused."""
    assert parse_forward("ben\n" + "#" * (FORWARD_OCTETS_LIMIT - 5)).targets == (user("ben"),)


PIECES = st.sampled_from(
    ["ann", "ben", ",", " ", "\n", "\\", "#", '"', "'", "|", "/x", "@", ":include:", "é", "\udcff"]
)


@given(text=st.lists(PIECES, max_size=30).map("".join))
def test_whatever_somebody_writes_is_read_or_refused(text: str) -> None:
    """Nothing but a `ForwardError` comes out, nothing is included, and what is shown is one line."""
    try:
        found = parse_forward(text)
    except ForwardError:
        return

    assert "\n" not in found.shown
    assert not any(isinstance(each, IncludeTarget) for each in found.targets)


LINES = st.lists(st.lists(st.sampled_from(["ann", "ben", "joe@away.example", "|/bin/in"]), max_size=3).map(", ".join))


@given(lines=LINES, comment=st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=20))
def test_comments_and_continuations_change_nothing(lines: list[str], comment: str) -> None:
    """One item a line, with comments, or all of them on one line that goes on: it is the same."""
    plain = parse_forward("\n".join(lines))

    assert parse_forward(f"#{comment}\n" + f" #{comment}\n".join(lines)).targets == plain.targets
    assert parse_forward(",\\\n".join(lines)).targets == plain.targets
