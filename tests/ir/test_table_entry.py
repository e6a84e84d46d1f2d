"""What an entry of a table must look like to serve what it is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.table_entry import entry_problem, listener_credentials_problem, relay_credentials_problem
from smtpdsl.ir.table_file import Service

BCRYPT = "$2b$10$hIJ4QfMcp.90nJwKqGbKM.MybArjHOTpEtoTV.DgLYAiThuoYmTSe"
SHA512 = "$6$saltsalt$" + "x" * 86


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        (Service.ALIAS, "joe", "jim, root@example.org"),
        (Service.ALIAS, "@example.org", "joe"),
        (Service.ALIAS, "@", "joe"),
        (Service.DOMAIN, "*.example.org", None),
        (Service.DOMAIN, "example.org", "a value nobody asks for"),
        (Service.CREDENTIALS, "joe", None),
        (Service.AUTH, "joe:secret", None),
        (Service.NETADDR, "10/8", None),
        (Service.USERINFO, "joe", "1000:100:/home/joe"),
        (Service.USERINFO, "joe", "1000:100:"),
        (Service.USERINFO, "joe", "1000:100:/home/a:b"),
        (Service.SOURCE, "192.0.2.1", None),
        (Service.SOURCE, "[2001:db8::1]", None),
        (Service.SOURCE, "2001:db8::1", None),
        (Service.SOURCE, "[fe80::1%eth0]", None),
        (Service.MAILADDR, "@example.org", None),
        (Service.ADDRNAME, "192.0.2.1", "mx.example.org"),
        (Service.ADDRNAME, "[2001:DB8::1]", "mx.example.org"),
        (Service.ADDRNAME, "[fe80::1%eth0]", "[192.0.2.1]"),
        (Service.MAILADDRMAP, "joe", "joe@example.org, @example.com"),
        (Service.MAILADDRMAP, "joe", "@"),
        (Service.RELAYHOST, "not read here", None),
        (Service.STRING, "any text", None),
        (Service.REGEX, r"^mx\d", None),
    ],
)
def test_good_entries_have_no_problem(service: Service, key: str, value: str | None) -> None:
    """One or two of each service."""
    assert entry_problem(service, key, value) is None


@pytest.mark.parametrize(
    ("service", "key", "value", "message"),
    [
        (Service.ALIAS, "joe", None, 'expected a value for "joe"'),
        (Service.ALIAS, "joe", "jim@", "expected a domain"),
        (Service.ALIAS, "joe", ",", "found only commas"),
        (Service.ALIAS, "@*.example.org", "joe", "without wildcards"),
        (Service.DOMAIN, ".example.org", None, "both sides of each dot"),
        (Service.NETADDR, "10/33", None, "at most 32 bits"),
        (Service.USERINFO, "joe", None, "expected a value"),
        (Service.USERINFO, "joe", "1000:/home/joe", 'expected "uid:gid:home"'),
        (Service.USERINFO, "joe", "joe:100:/home/joe", 'number of a user, found "joe"'),
        (Service.USERINFO, "joe", "1000:-1:/home/joe", 'number of a group, found "-1"'),
        (Service.USERINFO, "joe", "4294967296:0:/", "number of a user"),
        (Service.SOURCE, "192.0.2.0/24", None, "found a network"),
        (Service.SOURCE, "mx.example.org", None, "expected an IP address"),
        (Service.SOURCE, "[192.0.2.1]", None, "expected an IP address"),
        (Service.MAILADDR, "a b@x", None, "no blank"),
        (Service.ADDRNAME, "eth0", "mx", "expected an IP address"),
        (Service.ADDRNAME, "192.0.2.1", "mx example", "host name"),
        (Service.MAILADDRMAP, "joe", None, "expected a value"),
        (Service.MAILADDRMAP, "joe", "joe@.x", "both sides of each dot"),
        (Service.MAILADDRMAP, "joe", "'joe", "expected a closing '"),
        (Service.MAILADDRMAP, "joe", ",", "found only commas"),
        (Service.REGEX, "(", None, 'expected ")"'),
    ],
)
def test_entries_that_cannot_serve(service: Service, key: str, value: str | None, message: str) -> None:
    """The problem says what was expected."""
    problem = entry_problem(service, key, value)

    assert problem is not None
    assert problem.never_works
    assert message in problem.message


@pytest.mark.parametrize(
    ("service", "key", "value", "message", "advice"),
    [
        (Service.ALIAS, "*", "joe", "without wildcards", 'write "@" for everybody'),
        (Service.ALIAS, "*@example.org", "joe", "without wildcards", 'write "@example.org" for everybody there'),
        (Service.MAILADDR, "*@example.org", None, "matches only a user", 'write "@example.org"'),
        (Service.MAILADDRMAP, "joe", "*@example.org", "matches only a user", 'write "@example.org"'),
        (Service.NETADDR, "192.168", None, "means 192.168.0.0/24", 'for all that start so write "192.168.0.0/16"'),
        (Service.USERINFO, "joe", "1:1:home", "an absolute path", ""),
    ],
)
def test_entries_that_do_something_else(
    service: Service, key: str, value: str | None, message: str, advice: str
) -> None:
    """They work, but hardly as meant."""
    problem = entry_problem(service, key, value)

    assert problem is not None
    assert not problem.never_works
    assert message in problem.message
    assert problem.help == advice


@pytest.mark.parametrize(
    ("key", "spelling"),
    [
        ("::1", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[2001:db8:0::1]", "[2001:db8::1]"),
        ("[IPv6:::1]", "[::1]"),
        ("fe80::1%eth0", "[fe80::1%eth0]"),
    ],
)
def test_ipv6_keys_have_one_spelling(key: str, spelling: str) -> None:
    """A look-up asks for the text of a local address, which other spellings are not."""
    problem = entry_problem(Service.ADDRNAME, key, "mx.example.org")

    assert problem is not None
    assert problem.help == f'write "{spelling}"'
    assert entry_problem(Service.ADDRNAME, spelling, "mx.example.org") is None


@pytest.mark.parametrize(
    ("service", "key", "value", "blamed"),
    [
        (Service.ALIAS, "joe", "jim, joe@", "joe@"),
        (Service.MAILADDRMAP, "joe", "@x.org, *@y.org", "*@y.org"),
        (Service.REGEX, "a[b", None, "["),
    ],
)
def test_the_characters_to_blame_are_known(service: Service, key: str, value: str | None, blamed: str) -> None:
    """In a long value the problem points at the item."""
    problem = entry_problem(service, key, value)

    assert problem is not None
    assert problem.in_value == (value is not None)
    assert (value or key)[problem.start : problem.end] == blamed


@pytest.mark.parametrize(
    "value",
    [
        BCRYPT,
        BCRYPT.replace("2b", "2y"),
        f"joe:{BCRYPT}",
        SHA512,
        "$6$rounds=5000$salt$" + "x" * 86,
        "$5$salt$" + "x" * 43,
        "$1$salt$" + "x" * 22,
        "$y$j9T$salt$" + "x" * 43,
        "$gy$j9T$salt$" + "x" * 43,
        "$7$C6..../....salt$" + "x" * 43,
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA+/",
        "ab0123456789.",
        "_J9..rasmBYk8r9AiWNc",
        "!" + SHA512,
        "*LOCKED*",
    ],
)
def test_hashes_of_crypt_are_known(value: str) -> None:
    """All that Debian's and OpenBSD's crypt(3) write, and accounts that are locked on purpose."""
    assert listener_credentials_problem(value) is None


@pytest.mark.parametrize(
    ("value", "message", "advice"),
    [
        ("x", "expected a password hash", ""),
        ("", "expected a password hash", ""),
        ("joe:", "expected a password hash", ""),
        (f":{BCRYPT}", "expected a password hash", ""),
        ("secret word", "perhaps the password itself", "make one with `smtpdsl encrypt`"),
        ("joe:secret word", "perhaps the password itself", "make one with `smtpdsl encrypt`"),
        (BCRYPT[:-1], "unknown kind or length", "make one with `smtpdsl encrypt`"),
        (SHA512 + " ", "unknown kind or length", "make one with `smtpdsl encrypt`"),
        ("$9$x$y", "unknown kind or length", "make one with `smtpdsl encrypt`"),
        ("{SHA512-CRYPT}" + SHA512, "a scheme in braces", 'remove "{SHA512-CRYPT}"'),
        ("{SSHA}x", "a scheme in braces", "make one with `smtpdsl encrypt`"),
    ],
)
def test_what_is_no_hash_is_told(value: str, message: str, advice: str) -> None:
    """A password in the clear, a hash cut short, and one with another program's mark."""
    problem = listener_credentials_problem(value)

    assert problem is not None
    assert problem.in_value
    assert message in problem.message
    assert problem.help == advice


@given(password=st.text("abcdefgh$:!*{}", min_size=8, max_size=30))
def test_no_password_is_repeated(password: str) -> None:
    """What `check` says can be shown to others."""
    for problem in (listener_credentials_problem(password), relay_credentials_problem(password)):
        assert problem is None or (password not in problem.message and password not in problem.help)


@pytest.mark.parametrize("value", ["joe:secret", "joe:a:b", "joe@example.org:secret", "the label is the user"])
def test_relays_take_a_user_and_a_password(value: str) -> None:
    """The first colon separates; without one the label is the user."""
    assert relay_credentials_problem(value) is None


@pytest.mark.parametrize("value", ["", "jo", "joe:", ":secret"])
def test_relays_need_both(value: str) -> None:
    """Neither part may be empty."""
    problem = relay_credentials_problem(value)

    assert problem is not None
    assert problem.in_value


@given(service=st.sampled_from(Service), key=st.text(max_size=12), value=st.none() | st.text(max_size=20))
def test_every_entry_has_a_problem_or_not(service: Service, key: str, value: str | None) -> None:
    """No entry makes the check fail, and what is blamed lies inside of it."""
    problem = entry_problem(service, key, value)

    if problem is not None and problem.end is not None:
        blamed = value if problem.in_value else key
        assert blamed is not None
        assert 0 <= problem.start <= problem.end <= len(blamed)
