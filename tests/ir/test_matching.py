"""Every comparison of the language."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.ir.matching import domain_matches, fold, mailaddr_matches, netaddr_matches, service_matches
from smtpdsl.ir.table_file import Service

# Few letters, so that patterns and domains meet.
patterns = st.text("ab.*A", max_size=8)
domains = st.text("ab.B", max_size=8)


@given(text=st.text())
@example(text="ΑΣ")
@example(text="İ")
def test_folding_keeps_places_and_is_done_once(text: str) -> None:
    """Offsets into a folded text are offsets into the text, and folding again changes nothing."""
    folded = fold(text)

    assert len(folded) == len(text)
    assert fold(folded) == folded
    assert fold(text[:1]) + fold(text[1:]) == folded


def test_no_foreign_letter_folds_to_an_ascii_one() -> None:
    """Signs that Unicode lower-cases to ASCII letters stay what they are: they are other domains."""
    assert fold("EXAMPLE.org Ünü") == "example.org ünü"
    assert fold("\u212a") == "\u212a"
    assert fold("\u0130") == "\u0130"


def walk(pattern: str, domain: str) -> bool:
    """The rule as a walk over both texts, character by character."""
    while pattern and domain:
        if pattern[0] == "*":
            pattern = pattern.lstrip("*")
            while domain and domain[:1] != pattern[:1]:
                domain = domain[1:]
        elif pattern[0] == domain[0]:
            pattern, domain = pattern[1:], domain[1:]
        else:
            return False
    return not pattern and not domain


@given(pattern=patterns, domain=domains)
def test_a_star_skips_to_the_first_occurrence(pattern: str, domain: str) -> None:
    """The answer is that of a walk in which a star stops where it first can."""
    assert domain_matches(pattern, domain) == walk(pattern.lower(), domain.lower())


@given(pattern=st.text("ab.-é", max_size=5), domain=st.text("ab.-éÉ", max_size=5))
@example(pattern="ab", domain="AB")
def test_without_stars_a_pattern_is_the_domain_itself(pattern: str, domain: str) -> None:
    """Equality ignoring case, trailing dots included."""
    assert domain_matches(pattern, domain) == (fold(pattern) == fold(domain))
    assert domain_matches(pattern, pattern.upper())


@given(pattern=patterns, domain=domains, stars=st.integers(1, 3))
def test_several_stars_are_one(pattern: str, domain: str, stars: int) -> None:
    """Runs of stars collapse."""
    assert domain_matches(pattern.replace("*", "*" * stars), domain) == domain_matches(pattern, domain)


@pytest.mark.parametrize(
    ("pattern", "domain", "matches"),
    [
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "A.Example.ORG", True),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", True),
        ("*example.org", "example.org", True),
        ("*example.org", "eexample.org", False),
        ("*example.org", "my-example.org", True),
        ("*example.org", "an.example.org", True),
        ("*", "example.org", True),
        ("*", "", False),
        ("", "", True),
        ("mail*", "mail", False),
        ("mail*", "mailhost", True),
        ("a*b", "ab", True),
        ("a*b", "axxb", True),
        ("a*b", "abb", False),
        ("mx*.*.org", "mx1.example.org", True),
        ("example.org", "example.org.", False),
        ("example.org.", "example.org.", True),
        ("[*]", "[192.0.2.1]", True),
        ("*unknown*", "<unknown>", True),
    ],
)
def test_wildcards_in_domains(pattern: str, domain: str, matches: bool) -> None:  # noqa: FBT001 - the expectation
    """What a star spans, by example."""
    assert domain_matches(pattern, domain) is matches


@pytest.mark.parametrize(
    ("pattern", "address", "matches"),
    [
        ("joe", "joe@example.org", True),
        ("joe", "JOE@anywhere", True),
        ("joe@", "joe@anywhere", True),
        ("joe", "jim@example.org", False),
        ("joe", "joe+tag@example.org", True),
        ("joe+tag", "joe+tag@example.org", True),
        ("joe+tag", "joe@example.org", False),
        ("joe+tag@", "joe+other@example.org", False),
        ("joe+", "joe+tag@example.org", False),
        ("@example.org", "anybody@example.org", True),
        ("@example.org", "anybody@mx.example.org", False),
        ("@*.example.org", "anybody@mx.example.org", True),
        ("@*.example.org", "anybody@a.mx.example.org", False),
        ("joe@*.example.org", "joe+x@mx.example.org", True),
        ("joe@example.org", "joe@EXAMPLE.ORG", True),
        ("joe@example.org", "joe@example.com", False),
        ("*@example.org", "joe@example.org", False),
        ("*@example.org", "*@example.org", True),
        ("example.org", "joe@example.org", False),
        ("example.org", "example.org@anywhere", True),
        ("@", "joe@example.org", True),
        ("@", "@", True),
        ("", "@", True),
        ("", "joe@example.org", True),
        ("@*", "@", False),
        ("@*", "joe@example.org", True),
        ("joe", "@", False),
        ('"a@b"@example.org', '"a@b"@example.org', True),
        ("@example.org", '"a@b"@example.org', True),
    ],
)
def test_mail_addresses_match_by_user_and_domain(pattern: str, address: str, matches: bool) -> None:  # noqa: FBT001 - as above
    """Either part may be left out; the user matches with any sub-address unless the pattern has one."""
    assert mailaddr_matches(pattern, address, "+") is matches


def test_the_delimiter_of_sub_addresses_is_what_the_configuration_says() -> None:
    """With another delimiter a plus is a character like others."""
    assert mailaddr_matches("joe", "joe-tag@example.org", "-")
    assert not mailaddr_matches("joe", "joe+tag@example.org", "-")


@given(address=st.text("ab+@.", max_size=8), pattern=st.text("ab+@.*", max_size=8))
def test_upper_case_changes_no_comparison_of_addresses(address: str, pattern: str) -> None:
    """Users and domains are compared ignoring case."""
    assert mailaddr_matches(pattern, address, "+") == mailaddr_matches(pattern.upper(), address.upper(), "+")


@pytest.mark.parametrize(
    ("entry", "source", "matches"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10/8", "10.1.2.3", True),
        ("10", "10.1.2.3", True),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("192.168.1", "192.168.1.200", True),
        ("192.168.1.0", "192.168.1.200", False),
        ("0x0a010203", "10.1.2.3", True),
        ("::1", "[::1]", True),
        ("[::1]", "[::1]", True),
        ("[2001:db8::/32]", "[2001:db8::1]", True),
        ("2001:DB8::/32", "[2001:db8::1]", True),
        ("IPv6:2001:db8::/32", "[2001:db8::1]", True),
        ("[IPv6:2001:db8::/32]", "[2001:db8::1]", True),
        ("[2001:db8::]/32", "[2001:db8::1]", False),
        ("::/0", "[::ffff:10.1.2.3]", True),
        ("10/8", "[::ffff:10.1.2.3]", False),
        ("0.0.0.0/0", "[::1]", False),
        ("::/0", "10.1.2.3", False),
        ("local", "local", True),
        ("LOCAL", "local", True),
        ("0.0.0.0/0", "local", False),
        ("[fe80::1%eth0]", "[fe80::1%eth0]", True),
        ("[FE80::1%eth0]", "[fe80::1%ETH0]", True),
        ("::/0", "[fe80::1%eth0]", False),
        ("mx.example.org", "MX.example.org", True),
        ("*.example.org", "mx.example.org", False),
        ("999.1.1.1/99", "10.1.2.3", False),
        ("", "10.1.2.3", False),
    ],
)
def test_networks_match_their_addresses(entry: str, source: str, matches: bool) -> None:  # noqa: FBT001 - as above
    """An entry matches its own text, and the addresses of its network and family."""
    assert netaddr_matches(entry, source) is matches


@pytest.mark.parametrize(
    ("service", "entry", "key", "matches"),
    [
        (Service.STRING, "Joe", "joe", True),
        (Service.STRING, "*", "joe", False),
        (Service.ALIAS, "@example.org", "@EXAMPLE.org", True),
        (Service.ALIAS, "@*.example.org", "@mx.example.org", False),
        (Service.CREDENTIALS, "Joe", "JOE", True),
        (Service.AUTH, "joe:Secret", "joe:Secret", True),
        (Service.AUTH, "joe:Secret", "joe:secret", False),
        (Service.DOMAIN, "*.example.org", "mx.example.org", True),
        (Service.MAILADDR, "joe", "joe+tag@example.org", True),
        (Service.NETADDR, "10/8", "10.1.2.3", True),
        (Service.REGEX, "^MX[0-9]", "mx1.example.org", True),
        (Service.REGEX, "(", "(", False),
    ],
)
def test_each_service_has_its_comparison(service: Service, entry: str, key: str, matches: bool) -> None:  # noqa: FBT001 - as above
    """Patterns for domains, addresses, networks and regular expressions; equality for the rest."""
    assert service_matches(service, entry, key, "+") is matches


@given(service=st.sampled_from(Service), entry=st.text(max_size=10), key=st.text(max_size=10))
def test_every_service_answers_for_every_text(service: Service, entry: str, key: str) -> None:
    """No entry and no key makes a comparison raise."""
    assert service_matches(service, entry, key, "+") in {True, False}
