"""What an entry can never match, or matches against its looks."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from smtpdsl.ir.matching import domain_matches
from smtpdsl.ir.pattern_problem import domain_pattern_problem, mailaddr_pattern_problem, network_problem
from smtpdsl.mail.address import AddressError, Mailbox


def is_domain(text: str) -> bool:
    """Whether a client may name *text* as a domain."""
    try:
        Mailbox.parse(f"joe@{text}", utf8=True)
    except AddressError:
        return False
    return True


def find_domain(pattern: str) -> str | None:
    """Find a domain that *pattern* matches: its stars may stand for nothing, for a letter, or for a dot as well."""
    parts = pattern.split("*")
    for skipped in product(("", "x", ".", "x.", ".x", "x.x"), repeat=len(parts) - 1):
        domain = parts[0] + "".join(map("".join, zip(skipped, parts[1:], strict=True)))
        if is_domain(domain) and domain_matches(pattern, domain):
            return domain
    return None


EVERY_SHORT_DOMAIN = [
    domain for length in range(1, 7) for domain in map("".join, product("ab.-", repeat=length)) if is_domain(domain)
]


@given(pattern=st.text("ab.-*", max_size=7))
@example(pattern="*-a")
@example(pattern="a.*.b")
@example(pattern="*.*-*.*")
@example(pattern="x" * 62 + "*" + "y" * 62 + "*.z")
@example(pattern="x" * 60 + "-*-" + "y" * 60)
def test_a_pattern_without_problem_matches_some_domain(pattern: str) -> None:
    """Where nothing is said, there is a domain for which the pattern is right."""
    assume(domain_pattern_problem(pattern) is None)

    assert find_domain(pattern) is not None


@given(pattern=st.text("ab.-*@! ", max_size=6))
@example(pattern=".*")
@example(pattern="*.")
@example(pattern="a.-*")
@example(pattern="-*")
def test_a_pattern_with_a_problem_matches_no_domain(pattern: str) -> None:
    """Where a problem is told, no domain of up to six characters proves it wrong, nor a cleverly made one."""
    problem = domain_pattern_problem(pattern)
    assume(problem is not None)

    assert problem is not None
    assert problem.never_works
    assert find_domain(pattern) is None
    assert not any(domain_matches(pattern, domain) for domain in EVERY_SHORT_DOMAIN)


@given(text=st.text("ab1.-_[]:é", max_size=10))
@example(text="[::1]")
@example(text="[IPv6:::1]")
def test_without_stars_a_pattern_is_right_if_it_is_a_domain(text: str) -> None:
    """A plain entry has no problem exactly if a client may say it."""
    assert (domain_pattern_problem(text) is None) == is_domain(text)


@pytest.mark.parametrize(
    "pattern", ["[*]", "[::*", "*:*", "[10.*]", "*]", "<unknown>", "<*>", "*", "**", "b\u00fcro.*"]
)
def test_literals_and_unknown_names_can_be_matched(pattern: str) -> None:
    """HELO may be an address literal, and a client without a name is ``<unknown>``."""
    assert domain_pattern_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "message", "advice"),
    [
        ("", "found nothing", ""),
        (".example.org", "both sides of each dot", 'write "*.example.org"'),
        ("example.org.", "both sides of each dot", 'write "example.org"'),
        ("joe@example.org", 'no "@"', 'write "example.org"'),
        ("@example.org", 'no "@"', 'write "example.org"'),
        ("*..org", "both sides of each dot", ""),
        ("example.org # ours", "no blank", "a comment needs a line of its own"),
        (r"^.*\.example\.org$", 'no "^"', "a regular expression needs the word `regex`"),
        ("example.org:25", 'no ":"', ""),
        ("mail[*]", 'no "["', "a regular expression needs the word `regex`"),
        ("[ma*l]", "expected an IPv4 address", ""),
        ("[192.0.2]", "expected an IPv4 address", ""),
        ("x" * 64 + ".*", "at most 63 characters", ""),
        ("*".join(["x" * 60 + "."] * 5) + "y", "at most 255 octets", ""),
    ],
)
def test_why_a_pattern_matches_no_domain(pattern: str, message: str, advice: str) -> None:
    """The message names the rule that is broken, the help what was probably meant."""
    problem = domain_pattern_problem(pattern)

    assert problem is not None
    assert message in problem.message
    assert problem.help.startswith(advice)
    assert bool(problem.help) == bool(advice)


@pytest.mark.parametrize(
    "pattern",
    ["joe", "joe@", "joe@example.org", "@example.org", "@*.example.org", "joe+tag@*", '"joe smith"@x', "j\u00fcrgen@x"],
)
def test_the_forms_of_mail_addresses_have_no_problem(pattern: str) -> None:
    """A user, a domain, or both; the user quoted where it must be."""
    assert mailaddr_pattern_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "message", "advice"),
    [
        ("joe@.example.org", 'no domain matches ".example.org"', 'write "*.example.org"'),
        ("joe@a@b", 'no "@"', ""),
        ("joe smith@x", "no blank", ""),
        ('"joe"@x', "no more quotes than they need", 'write "joe@x"'),
        ('"joe@x', "closing quote", ""),
        ("<joe@example.org>", 'without "<" and ">"', 'write "joe@example.org"'),
        ("<>", 'without "<" and ">"', 'to match the null reverse-path use `regex` and "^@$"'),
        (".*@example.org", "both sides of each dot", ""),
        (r"(joe|jim)@example.org", 'no "("', "a regular expression needs the word `regex`"),
    ],
)
def test_why_a_pattern_matches_no_address(pattern: str, message: str, advice: str) -> None:
    """What no MAIL or RCPT can say is told."""
    problem = mailaddr_pattern_problem(pattern)

    assert problem is not None
    assert problem.never_works
    assert message in problem.message
    assert problem.help == advice


@pytest.mark.parametrize(
    ("pattern", "message", "advice"),
    [
        ("", "matches every address", 'to match the null reverse-path alone use `regex` and "^@$"'),
        ("@", "matches every address", 'to match the null reverse-path alone use `regex` and "^@$"'),
        ("*@example.org", 'only a user named "*"', 'write "@example.org"'),
        ("*", 'only a user named "*"', "for parts of a user name use `regex`"),
        ("list-*@example.org", 'only a user named "list-*"', "for parts of a user name use `regex`"),
        ("example.org", "a user of that name", 'write "@example.org" for the domain, or "example.org@" for the user'),
    ],
)
def test_patterns_that_match_something_else_than_they_seem(pattern: str, message: str, advice: str) -> None:
    """These work, but hardly as meant."""
    problem = mailaddr_pattern_problem(pattern)

    assert problem is not None
    assert not problem.never_works
    assert message in problem.message
    assert problem.help == advice


@pytest.mark.parametrize(
    "text",
    [
        *("10.1.2.3", "10/8", "10", "10.1", "172.16", "192.168.1", "10.1.2.3/8", "0x0a", "local", "LOCAL"),
        *("::1", "[::1]", "2001:db8::/32", "[2001:db8::/32]", "IPv6:::1", "[fe80::1%eth0]"),
    ],
)
def test_networks_have_no_problem(text: str) -> None:
    """Addresses, prefixes, short forms, the local socket, and scoped addresses as clients have them."""
    assert network_problem(text) is None


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("[2001:db8::]/32", "inside the brackets", 'write "[2001:db8::/32]"'),
        ("[192.0.2.1]", "brackets are for IPv6", 'write "192.0.2.1"'),
        ("[10.0.0.0]/8", "brackets are for IPv6", 'write "10.0.0.0/8"'),
        ("10.0.0.0/33", "at most 32 bits, found 33", ""),
        ("::/129", "at most 128 bits, found 129", ""),
        ("10.0.0.0/255.0.0.0", "a length, not a mask", 'write "10.0.0.0/8"'),
        ("10.0.0.0/255.0.255.0", "a length, not a mask", ""),
        ("192.168.*", "no wildcards", 'write "192.168.0.0/16"'),
        ("10.*.*.*", "no wildcards", 'write "10.0.0.0/8"'),
        ("*", "no wildcards", ""),
        ("10.0.0.1-10.0.0.9", "a range has to be written as prefixes", ""),
        ("!10/8", "the negation belongs before the criterion", 'write "10/8"'),
        ("fe80::1%eth0", "in brackets and alone", 'write "[fe80::1%eth0]"'),
        ("[fe80::%eth0/64]", "in brackets and alone", 'write "[fe80::%eth0]"'),
        ("localhost", "names are not looked up", ""),
        ("mx.example.org", "names are not looked up", ""),
        ("", "expected an IP address", ""),
        ("999.1.1.1/99", "expected an IP address", ""),
        ("[::1", "expected an IP address", ""),
    ],
)
def test_why_an_entry_matches_no_client(text: str, message: str, advice: str) -> None:
    """An entry that is no network says so, with the right spelling where it is clear."""
    problem = network_problem(text)

    assert problem is not None
    assert problem.never_works
    assert message in problem.message
    assert problem.help == advice


@pytest.mark.parametrize(
    ("text", "means", "wider"),
    [
        ("192.168", "192.168.0.0/24", "192.168.0.0/16"),
        ("172", "172.0.0.0/16", "172.0.0.0/8"),
        ("240", "240.0.0.0/32", "240.0.0.0/8"),
    ],
)
def test_short_forms_that_are_smaller_than_they_look(text: str, means: str, wider: str) -> None:
    """The classes that addresses had before CIDR surprise everybody since."""
    problem = network_problem(text)

    assert problem is not None
    assert not problem.never_works
    assert problem.message == f'"{text}" means {means}'
    assert wider in problem.help


@given(text=st.text(max_size=20) | st.text("0123456789./:[]%*!-", max_size=20))
def test_every_text_has_a_problem_or_not(text: str) -> None:
    """No entry of a table makes a check fail, and every message reads as a sentence."""
    for judge in (domain_pattern_problem, mailaddr_pattern_problem, network_problem):
        problem = judge(text)
        assert problem is None or (problem.message and not problem.message.endswith("."))
