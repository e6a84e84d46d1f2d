"""Where an alias, a virtual user or a ``.forward`` line sends mail."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.ir.alias_value import (
    AddressTarget,
    CommandTarget,
    ErrorTarget,
    FileTarget,
    IncludeTarget,
    Target,
    TargetError,
    UserTarget,
    parse_targets,
)


def user(name: str) -> UserTarget:
    """A user, wherever it stands."""
    return UserTarget(start=0, end=0, name=name)


def address(local_part: str, domain: str) -> AddressTarget:
    """An address, wherever it stands."""
    return AddressTarget(start=0, end=0, local_part=local_part, domain=domain)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("joe", user("joe")),
        ("joe_b.c-d+e9", user("joe_b.c-d+e9")),
        (r"\joe", user("joe")),
        (r"jo\e", user("joe")),
        ("joe@example.org", address("joe", "example.org")),
        ("JOE+tag@Example.org", address("JOE+tag", "Example.org")),
        ("joe@foo_bar", address("joe", "foo_bar")),
        ("joe@[192.0.2.1]", address("joe", "[192.0.2.1]")),
        ("joe@[IPv6:::1]", address("joe", "[IPv6:::1]")),
        ("a..b.@example.org", address("a..b.", "example.org")),
        ('"joe smith"@example.org', address("joe smith", "example.org")),
        ('"a@b,c"@example.org', address("a@b,c", "example.org")),
        ("o'neil'@example.org", address("o'neil'", "example.org")),
        ("jürgen@bücher.example", address("jürgen", "bücher.example")),
        ("/var/mail/joe", FileTarget(start=0, end=0, path="/var/mail/joe")),
        ("/var/mail/joe@example.org", FileTarget(start=0, end=0, path="/var/mail/joe@example.org")),
        ("|/bin/cat -n", CommandTarget(start=0, end=0, command="/bin/cat -n")),
        ('"|/bin/cat -n, x"', CommandTarget(start=0, end=0, command="/bin/cat -n, x")),
        ('|"/bin/my cat", joe"', None),
        ('|"/bin/my cat, joe"', CommandTarget(start=0, end=0, command='"/bin/my cat, joe"')),
        (r'"|cat \"a\" \\b"', CommandTarget(start=0, end=0, command='cat "a" \\b')),
        (":include:/etc/staff", IncludeTarget(start=0, end=0, path="/etc/staff")),
        ("Include:/etc/staff", IncludeTarget(start=0, end=0, path="/etc/staff")),
        ("error:550 No such user", ErrorTarget(start=0, end=0, code=550, text="No such user")),
        (":ERROR:451 4.2.1 later", ErrorTarget(start=0, end=0, code=451, text="4.2.1 later")),
        (r"error:550 Gone\, sorry", ErrorTarget(start=0, end=0, code=550, text="Gone, sorry")),
    ],
)
def test_what_a_target_looks_like_decides_what_it_is(text: str, target: Target | None) -> None:
    """Errors, includes, commands, files, addresses and users, in this order."""
    if target is None:
        with pytest.raises(TargetError):
            parse_targets(text)
    else:
        assert parse_targets(text) == (target,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joe@foo bar", "no blank in a domain"),
        ("joe@a@b", 'no "@"'),
        ("joe@[1.2.3]", "expected an IPv4 address"),
        ("joe@[1.2.3.4", "expected `]`"),
        ("joe@example.org.", "both sides of each dot"),
        ("joe@foo!bar", 'no "!" in a domain'),
        ("joe@", "expected a domain"),
        ("@example.org", "expected a local part"),
        ("jo(e@example.org", 'no "("'),
    ],
)
def test_no_address_goes_to_the_local_user_of_that_name(text: str, message: str) -> None:
    """An address that cannot be read is an error; OpenSMTPD delivers some of them to the user before the ``@``."""
    with pytest.raises(TargetError) as caught:
        parse_targets(text)

    assert message in caught.value.message


def test_commas_separate_and_empty_items_are_nothing() -> None:
    """Items are trimmed, and quotes and backslashes keep commas."""
    targets = parse_targets(' joe,, jim@example.org ,"|vacation a, b" , error:550 a\\, b,\t')

    assert targets == (
        user("joe"),
        address("jim", "example.org"),
        CommandTarget(start=0, end=0, command="vacation a, b"),
        ErrorTarget(start=0, end=0, code=550, text="a, b"),
    )
    assert parse_targets("") == parse_targets(" , ,") == ()


def test_each_target_knows_its_characters() -> None:
    """The range covers the item as written, with its quotes and backslashes and without blanks around."""
    text = '  joe , "|cat a, b",\\jim@x , /f'

    found = [text[target.start : target.end] for target in parse_targets(text)]

    assert found == ["joe", '"|cat a, b"', "\\jim@x", "/f"]


names = st.text(string.ascii_letters + string.digits + "_.-+", min_size=1, max_size=10)


@given(targets=st.lists(names), blanks=st.text(" \t", max_size=2))
def test_a_list_of_users_is_those_users(targets: list[str], blanks: str) -> None:
    """Names between commas come back in their order."""
    text = ",".join(f"{blanks}{name}{blanks}" for name in targets)

    assert parse_targets(text) == tuple(map(user, targets))


@given(name=names)
def test_backslashes_before_any_character_change_nothing(name: str) -> None:
    """There is no marker that stops aliasing: the backslash disappears."""
    assert parse_targets("".join("\\" + character for character in name)) == (user(name),)


@given(text=st.text(max_size=20) | st.text("ab@.,\\\"'|/: #e", max_size=15))
@example(text="\udc80")
@example(text="error:5\u0665\u0665 x")
def test_every_text_is_targets_or_a_target_error(text: str) -> None:
    """Nothing else is raised, and the range of an error lies in the text."""
    try:
        targets = parse_targets(text)
    except TargetError as error:
        assert 0 <= error.start <= error.end <= len(text)  # noqa: PT017 - some texts raise, some do not
    else:
        assert all(0 <= target.start < target.end <= len(text) for target in targets)


@pytest.mark.parametrize(
    ("text", "blamed", "message", "advice"),
    [
        ('joe, "|cat', '"|cat', 'expected a closing "', ""),
        ("joe, o'neil", "'neil", "expected a closing '", ""),
        ("joe\\", "\\", "expected a character after the backslash", ""),
        ("joe, |", "|", "expected a command", ""),
        ('"|"', '"|"', "expected a command", ""),
        ('"|cat" x', '"|cat" x', "nothing after the closing quote", ""),
        ("error:250 ok", "error:250 ok", "expected a reply code 4yz or 5yz", "write for example"),
        ("error:55 x", "error:55 x", "expected a reply code", "write for example"),
        ("error:550  x", "error:550  x", "one blank", "write for example"),
        ("error:550", "error:550", "and a text", "write for example"),
        ("error:550 -x", "error:550 -x", "starts with a letter", "write for example"),
        (":include:staff", ":include:staff", "expected an absolute path", ""),
        ("joe # the boss", "joe # the boss", 'with " " in it', "a comment needs a line of its own"),
        ("joe jim", "joe jim", 'with " " in it', "separate targets by commas"),
        ("<joe@example.org>", "<joe@example.org>", "expected an address", 'write "joe@example.org"'),
        ("joe, ~/Mail", "~/Mail", 'with "~" in it', ""),
        ("müller", "müller", 'with "ü" in it', ""),
        ("x" * 256, "x" * 256, "at most 255 characters", ""),
        ("joe," * 512, "joe," * 512, "at most 2047 octets", ""),
    ],
)
def test_what_cannot_be_used_is_shown(text: str, blamed: str, message: str, advice: str) -> None:
    """The error shows the item, says what was expected, and what was probably meant."""
    with pytest.raises(TargetError) as caught:
        parse_targets(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert message in caught.value.message
    assert caught.value.help.startswith(advice)
    assert bool(caught.value.help) == bool(advice)
