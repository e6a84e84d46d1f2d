"""Statements that smtpdsl alone has: what they say, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from smtpdsl.ir.resolved import Demand, DkimKey, Globals, OAuthIssuer, RelayAction, RetryAfter
from tests.certificates import rsa_key
from tests.worlds import compile_text, ruleset_of

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


def settings_of(*statements: str, files: Mapping[str, str] | None = None) -> Globals:
    """Return the settings of a configuration with these statements."""
    return ruleset_of(RULE + "".join(f"{each}\n" for each in statements), files).settings


def told(statement: str) -> list[str]:
    """Return the code and the marked text of each finding of *statement*."""
    _, report = compile_text(f"{RULE}{statement}\n")
    return [f"{found.code.name} {found.span.text}" for found in report]


def test_when_mail_is_tried_again() -> None:
    """For everything, for a domain in A-labels, for a reply code, for the beginning of a status."""
    found = settings_of(
        "mda retry-after 10s, 1m",
        "mta retry-after on 450 15m",
        'mta retry-after for domain "müller.example" on "4.7" 1h',
    ).retries

    def said(retry: RetryAfter) -> tuple[str, tuple[int, ...], str, str]:
        return retry.route, retry.delays, retry.domain, retry.status

    assert [said(each) for each in found] == [
        ("mda", (10, 60), "", ""),
        ("mta", (900,), "", "450"),
        ("mta", (3600,), "xn--mller-kva.example", "4.7"),
    ]


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("mta retry-after soon", "unusable-value soon"),
        ("mta retry-after 0m", "unusable-value 0m"),
        ("mta retry-after on 550 1h", "unusable-value 550"),
        ('mta retry-after on "4.x" 1h', 'unusable-value "4.x"'),
        ('mta retry-after for domain "ann@a.example" 1h', 'unusable-name "ann@a.example"'),
        ("mta retry-after 1h\nmta retry-after 2h", "overwritten-option mta retry-after 2h"),
        ('mta trust-resolver "localhost"', 'unusable-value "localhost"'),
        ('queue encryption backup "short"', 'unusable-value "short"'),
        ('dkim-sign "example.org" key "/k"', 'unusable-name "example.org"'),
        ('dkim-sign "._domainkey.example.org" key "/k"', 'unusable-name "._domainkey.example.org"'),
        ('dkim-sign "a._domainkey.b..org" key "/k"', "unusable-name b..org"),
        (
            'dkim-sign "a._domainkey.b.org" key "/k"\ndkim-sign "A._domainkey.b.org" key "/l"',
            'duplicate-name "A._domainkey.b.org"',
        ),
        ('oauth-issuer "id.example.org" key "/k"', 'unusable-value "id.example.org"'),
        ('oauth-issuer "https://id.example.org" key "/k" for ""', 'unusable-value ""'),
        ('oauth-issuer "https://id.example.org" key "/k" user ""', 'unusable-value ""'),
        ('srs key ""', 'unusable-value ""'),
        ('srs key "a"\nsrs key backup ""', 'unusable-value ""'),
        ('oauth-issuer "https://id.example.org"', 'missing-option oauth-issuer "https://id.example.org"'),
    ],
)
def test_what_cannot_be_meant(statement: str, finding: str) -> None:
    """The smallest part that is wrong is marked."""
    assert finding in told(statement)


def test_keys_that_sign() -> None:
    """A domain has several, each with a selector; a dot may be in that."""
    found = settings_of(
        'dkim-sign "s1._domainkey.Example.org" key "/etc/mail/s1.key"',
        'dkim-sign "s2.eu._domainkey.example.org." key "/etc/mail/s2.key"',
        files=dict.fromkeys(("/etc/mail/s1.key", "/etc/mail/s2.key"), rsa_key(2048)),
    ).dkim_keys

    def said(key: DkimKey) -> tuple[str, str, str]:
        return key.selector, key.domain, key.key.text

    assert [said(each) for each in found] == [
        ("s1", "example.org", "/etc/mail/s1.key"),
        ("s2.eu", "example.org", "/etc/mail/s2.key"),
    ]


def test_whose_tokens_are_logins() -> None:
    """Without `for` they may be for anybody, and the login is an address."""
    found = settings_of(
        'oauth-issuer "https://a.example" key "/a.jwks"',
        'oauth-issuer "https://b.example" for "mail" user "sub" key "/b.jwks"',
        files=dict.fromkeys(("/a.jwks", "/b.jwks"), '{"keys": []}'),
    ).oauth_issuers

    def said(issuer: OAuthIssuer) -> tuple[str, str, str, str]:
        return issuer.issuer, issuer.key.text, issuer.audience, issuer.claim

    assert [said(each) for each in found] == [
        ("https://a.example", "/a.jwks", "", "email"),
        ("https://b.example", "/b.jwks", "mail", "sub"),
    ]


def test_resolvers_that_are_believed() -> None:
    """By their addresses."""
    assert [each.text for each in settings_of('mta trust-resolver 10.0.0.53, "::1"').trusted_resolvers] == [
        "10.0.0.53",
        "::1",
    ]


@pytest.mark.parametrize(
    ("options", "dane", "mta_sts"),
    [
        ("", Demand.OFFERED, Demand.OFFERED),
        ("require-dane no-mta-sts", Demand.REQUIRED, Demand.OFF),
        ("no-dane require-mta-sts", Demand.OFF, Demand.REQUIRED),
    ],
)
def test_what_is_demanded_of_a_domain(options: str, dane: Demand, mta_sts: Demand) -> None:
    """DANE and MTA-STS are used where they are offered."""
    action = ruleset_of(f'{RULE}action "out" relay {options}\nmatch from local for any action "out"\n').actions["out"]

    assert isinstance(action, RelayAction)
    assert (action.dane, action.mta_sts) == (dane, mta_sts)


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ("require-dane no-dane", "conflicting-options no-dane"),
        ('host "smtp://mx.example" require-dane', "useless-option require-dane"),
    ],
)
def test_demands_that_nobody_can_meet(options: str, finding: str) -> None:
    """A demand and its opposite, and a demand on a host whose name is known."""
    assert finding in told(f'action "out" relay {options}\nmatch from local for any action "out"')
