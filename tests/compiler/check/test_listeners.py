"""Listeners: options that need each other, names, strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.fixes import apply_fixes
from tests.checking import check_listeners as check
from tests.checking import check_text, shown


@pytest.mark.parametrize(
    "text",
    [
        "listen on lo",
        "listen on socket tag here\nlisten on lo port 26 tag DKIM",
        "listen on eth0 tls pki mail",
        "listen on eth0 tls pki mail auth-optional\nlisten on eth0 smtps pki mail auth",
        "listen on eth0 port 587 tls-require verify pki mail auth received-auth senders { joe = joe }",
        'listen on eth0 hostname mail.example.org\nlisten on eth1 hostname "[192.0.2.1]"',
        'listen on eth0 smtps pki mail auth ciphers "HIGH:!aNULL" protocols "tlsv1.2,tlsv1.3"',
        "listen on 192.0.2.1 inet4\nlisten on 2001:db8::1 inet6",
    ],
)
def test_usual_listeners_are_fine(text: str, tmp_path: Path) -> None:
    """What people write every day has no findings."""
    assert shown(check(text, tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("listen on lo auth", "1:14 error missing-option 'auth'"),
        ("listen on lo auth-optional pki mail", "1:14 error missing-option 'auth-optional'"),
        ("listen on lo pki mail", "1:14 error missing-option 'pki'"),
        ("listen on lo tls", "1:14 error missing-option 'tls'"),
        ("listen on lo auth smtps", "1:19 error missing-option 'smtps'"),
        ("listen on lo received-auth", "1:14 warning useless-option 'received-auth'"),
        ('listen on lo ciphers "nonsense"', "1:14 warning useless-option 'ciphers'"),
        ("listen on lo tls pki mail received-auth", "1:27 warning useless-option 'received-auth'"),
        ("listen on lo senders { joe = joe } masquerade", "1:14 warning useless-option 'senders'"),
    ],
)
def test_options_that_need_others(text: str, finding: str, tmp_path: Path) -> None:
    """An option whose condition is absent is told once, where it stands."""
    assert shown(check(text, tmp_path)) == [finding]


def test_missing_certificate_is_added(tmp_path: Path) -> None:
    """Where one certificate is declared, it is proposed."""
    findings = check("listen on lo tls", tmp_path)

    assert findings[0].help == 'write `pki "mail"` after it'
    [change] = apply_fixes(findings, unsafe=True).changes
    assert change.after.startswith('listen on lo tls pki "mail"\n')


def test_unknown_certificate_is_told_once(tmp_path: Path) -> None:
    """A listener that names a certificate which nobody declares does not lack one."""
    assert shown(check("listen on lo tls pki nobody", tmp_path)) == ["1:22 error unknown-pki 'nobody'"]


def test_certificate_before_6_4(tmp_path: Path) -> None:
    """A listener of the earlier language takes the certificate of its name, so it need not say one."""
    text = 'pki "*" certificate "/c" key "/k"\nlisten on lo tls hostname mail.example.org\naccept for any relay\n'

    assert shown(check_text(text, tmp_path, options=["--static"])) == []


def test_tag_may_have_32_octets(tmp_path: Path) -> None:
    """A longer tag is refused by every release."""
    assert shown(check(f"listen on lo tag {'t' * 32}\nlisten on socket tag {'t' * 33}", tmp_path)) == [
        f"2:22 error overlong-name '{'t' * 33}'"
    ]


def test_listener_may_have_32_certificates(tmp_path: Path) -> None:
    """The 33rd certificate of a listener is refused."""
    listen = "listen on lo tls" + " pki mail" * 32

    assert shown(check(listen, tmp_path)) == []
    assert shown(check(f"{listen} pki mail", tmp_path)) == ["1:310 error unusable-value 'mail'"]


def test_hostname_is_announced_whatever_it_is(tmp_path: Path) -> None:
    """A hostname that is none does not keep a server from starting."""
    assert shown(check('listen on lo hostname "mail example"', tmp_path)) == [
        "1:23 warning unusable-name '\"mail example\"'"
    ]


@pytest.mark.parametrize(
    ("option", "finding"),
    [
        ('ciphers "NOPE"', "1:41 error unusable-tls-string '\"NOPE\"'"),
        ('protocols "tlsv1.2,ssl3"', "1:52 error unusable-tls-string 'ssl3'"),
    ],
)
def test_tls_strings(option: str, finding: str, tmp_path: Path) -> None:
    """A string that the TLS library refuses at start is refused here."""
    assert shown(check(f"listen on lo tls pki mail tag a {option}", tmp_path)) == [finding]


def test_ciphers_of_all(tmp_path: Path) -> None:
    """`smtp ciphers` is looked at without any TLS, as at start."""
    assert shown(check('smtp ciphers "NOPE"\nlisten on lo', tmp_path)) == ["1:14 error unusable-tls-string '\"NOPE\"'"]


def test_family_that_an_address_does_not_have(tmp_path: Path) -> None:
    """A listener whose family excludes its only address opens no socket."""
    findings = check("listen on 127.0.0.1 inet6 port 26", tmp_path)

    assert shown(findings) == ["1:21 warning empty-listener 'inet6'"]
    assert apply_fixes(findings, unsafe=True).changes[0].after.startswith("listen on 127.0.0.1 port 26\n")
