"""`relay` and `relay via` in modern terms."""

from __future__ import annotations

import pytest

from tests.compiler.legacy.translated import translated


@pytest.mark.parametrize(
    ("relay", "expected"),
    [
        ("relay", "relay"),
        ("relay tls", "relay tls no-verify"),
        ("relay tls verify", "relay tls"),
        ("relay tls verify tls", "relay tls"),
        ("relay backup", "relay backup mx mx.example.net"),
        ("relay backup mx1.example", "relay backup mx mx1.example"),
        ("relay backup mx1.example tls", "relay backup mx mx1.example tls no-verify"),
        ("relay as ann@example.org", "relay mail-from ann@example.org"),
        ('relay as "@example.org"', 'relay mail-from "@example.org"'),
        ("relay as ann", "relay mail-from ann@mx.example.net"),
        ('relay as "ann@"', "relay mail-from ann@mx.example.net"),
        ("relay source 192.0.2.1", "relay src 192.0.2.1"),
        ("relay source <s> hostnames <h>", "relay src <s> helo-src <h>"),
        ("relay hostname mx.example.org helo <h>", "relay helo mx.example.org helo-src <h>"),
        ("relay pki srv ca x", "relay pki srv ca x"),
        ("relay via smtp://h", "relay host smtp+notls://h"),
        ("relay via h", "relay host smtp://h"),
        ("relay via smtp+tls://h:26", "relay host smtp://h:26"),
        ("relay via tls://h", "relay host smtp+tls://h tls no-verify"),
        ("relay via tls://h verify", "relay host smtp+tls://h"),
        ("relay via smtps://h", "relay host smtps://h tls no-verify"),
        ("relay via TLS+AUTH://l@h:587 auth <t> verify", "relay host smtp+tls://l@h:587 auth <t>"),
        ("relay via smtps+auth://l@h auth <t>", "relay host smtps://l@h tls no-verify auth <t>"),
        ("relay via lmtp://h:24", "relay host lmtp://h:24"),
        ("relay via backup://h", "relay backup mx h"),
        ("relay via tls+backup://h", "relay backup mx h tls no-verify"),
        ('relay via "smtp://[::1]:25"', 'relay host "smtp+notls://[::1]:25"'.replace('"', "")),
        (
            "relay via tls://h source <s> pki srv as a@b",
            "relay host smtp+tls://h tls no-verify src <s> pki srv mail-from a@b",
        ),
        ("relay via tls://h certificate srv", "relay host smtp+tls://h tls no-verify pki srv"),
    ],
)
def test_relay_becomes_modern(relay: str, expected: str) -> None:
    """How mail travels, how it is secured and who it comes from stay what they were."""
    found = translated(f"accept for any {relay}\n")
    assert found.action == expected
    assert found.codes == []


@pytest.mark.parametrize(
    ("relay", "code"),
    [
        ('relay via "smtp://h" verify', "conflicting-options: verify"),
        ("relay via h verify", "conflicting-options: verify"),
        ("relay via lmtp://h:24 verify", "conflicting-options: verify"),
        ('relay via "tls+auth://l@h"', 'missing-option: "tls+auth://l@h"'),
        ('relay via "tls+auth://h" auth <t>', "unusable-url: h"),
        ('relay via "tls://l@h"', "unusable-url: l"),
        ("relay via smtp+notls://h", "unusable-url: smtp+notls"),
        ("relay via lmtp://h", "unusable-url: h"),
        ('relay as ""', 'unusable-value: ""'),
        ('relay as "@"', 'unusable-value: "@"'),
    ],
)
def test_relay_that_the_releases_refuse_is_refused(relay: str, code: str) -> None:
    """What cannot be secured, looked up or reached is an error at the characters to blame."""
    found = translated(f"accept for any {relay}\n")
    assert found.codes == [code]
    assert found.has_errors


@pytest.mark.parametrize(
    ("relay", "code", "expected"),
    [
        (
            'relay via "smtps://h" auth <t>',
            "useless-option: auth <t>",
            "relay host smtps://h tls no-verify",
        ),
        ("relay via smtp://h/x", "suspicious-url: /x", "relay host smtp+notls://h"),
        (
            "relay via secure://h",
            "legacy-leftover: secure://h",
            "relay host smtp+tls://h tls no-verify",
        ),
        (
            "relay via ssl+auth://l@h:465 auth <t>",
            "legacy-leftover: ssl+auth://l@h:465",
            "relay host smtps://l@h:465 tls no-verify auth <t>",
        ),
        ("relay pki a pki b", "overwritten-option: pki a", "relay pki b"),
        ("relay helo <a> hostnames <b>", "overwritten-option: helo <a>", "relay helo-src <b>"),
    ],
)
def test_relay_that_ran_is_warned_about(relay: str, code: str, expected: str) -> None:
    """What ran, but did less than it says, is a warning, and keeps what it did."""
    found = translated(f"accept for any {relay}\n")
    assert found.codes == [code]
    assert not found.has_errors
    assert found.action == expected


def test_authority_of_the_certificate_is_named_by_its_relays() -> None:
    """Up to 5.4.6 `pki N ca F` gave every user of the certificate an authority."""
    pki = 'pki SRV ca "/ca.crt"\n'
    assert translated(f"{pki}accept for any relay pki srv\n").action == "relay pki srv ca srv"
    assert translated(f"{pki}accept for any relay pki srv ca own\n").action == "relay pki srv ca own"
    assert translated(f"{pki}accept for any relay\n").action == "relay"
