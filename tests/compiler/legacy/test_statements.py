"""Global settings and certificates in modern terms."""

from __future__ import annotations

import pytest

from tests.compiler.legacy.translated import translated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('pki srv certificate "/c" key "/k" dhe auto', 'pki srv cert "/c" key "/k" dhe auto'),
        ('pki srv cert "/c"', 'pki srv cert "/c"'),
        ('ca x certificate "/c"', 'ca x cert "/c"'),
        ("expire 2d", "queue ttl 2d"),
        ("bounce-warn 1h, 2d", "bounce warn-interval 1h, 2d"),
        ("max-message-size 50M", "smtp max-message-size 50M"),
        ("max-mta-deferred 10", "mta max-deferred 10"),
        ("limit session max-rcpt 10", "smtp limit max-rcpt 10"),
        (
            "limit mta for domain x.example inet4 max-conn-per-host 1",
            "mta limit for domain x.example inet4 max-conn-per-host 1",
        ),
        ("limit mda max-session 1", "mda limit max-session 1"),
        ("limit scheduler max-inflight 1", "scheduler limit max-inflight 1"),
        ("queue compression", "queue compression"),
        ("queue encryption", "queue encryption"),
        ("queue encryption key stdin", "queue encryption stdin"),
        ('subaddressing-delimiter "-"', 'smtp sub-addr-delim "-"'),
        ("ciphers HIGH", "smtp ciphers HIGH"),
        ("table user { data }", 'table "user" { "data" }'),
        ("m = x", "m = x"),
    ],
)
def test_statement_becomes_modern(text: str, expected: str) -> None:
    """Each global statement has a modern one; names that are reserved since 6.4 are quoted."""
    found = translated(text + "\n")
    assert found.lines == [expected]
    assert found.codes == []


def test_curve_has_no_effect() -> None:
    """It is left out, with a warning whose fix removes it."""
    found = translated("curve secp384r1\nexpire 1d\n")
    assert found.codes == ["legacy-leftover: curve secp384r1"]
    assert found.lines == ["queue ttl 1d"]
    assert found.findings[0].fix


def test_file_of_dhparams_is_not_read() -> None:
    """The TLS library chooses the parameters now."""
    found = translated('pki srv key "/k" dhparams "/dh"\n')
    assert found.codes == ['legacy-leftover: dhparams "/dh"']
    assert found.lines == ['pki srv key "/k" dhe auto']


def test_authority_in_a_pki_is_a_statement_of_its_own() -> None:
    """Up to 5.4.6 the authority stood with the certificate."""
    found = translated('pki srv certificate "/c" ca "/ca"\n')
    assert found.lines == ['ca srv cert "/ca"', 'pki srv cert "/c"']
    assert found.codes == []


def test_certificate_by_name_has_the_files_of_old() -> None:
    """Releases before 5.4.1 looked for NAME.crt and NAME.key in one folder; a `pki` of that name is respected."""
    use = "listen on lo tls certificate srv\naccept for any relay via tls://h certificate srv\n"
    declared = 'pki srv cert "/etc/mail/certs/srv.crt" key "/etc/mail/certs/srv.key"'
    assert translated(use).lines[0] == declared
    assert translated(use).lines.count(declared) == 1
    assert declared not in translated(f'pki SRV key "/k"\n{use}').lines


# ---------------------------------------------------------------- expire


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("expire 7d\naccept relay\n", [None]),
        ("accept relay\nexpire 7d\n", ["4d"]),
        ("accept relay\nexpire 4d\n", [None]),
        ("accept relay\nexpire 96h\n", [None]),
        ("accept relay expire 1d\nexpire 7d\n", ["1d"]),
        ("accept relay\nexpire 1d\naccept relay\nexpire 2d\naccept relay\n", ["4d", "1d", None]),
        ("expire 1d\naccept relay\nexpire 2d\nexpire 24h\naccept relay\n", [None, None]),
        ("accept relay\n", [None]),
    ],
)
def test_expire_holds_from_its_line_on(text: str, expected: list[str | None]) -> None:
    """A rule above the last `expire` keeps what held at its own line, if that is something else."""
    found = translated(text)
    actions = [line for line in found.lines if line.startswith("action")]
    ttls = [line.split(" ttl ")[1] if " ttl " in line else None for line in actions]
    assert ttls == expected
    assert found.codes == []


def test_only_the_last_expire_is_the_life_in_the_queue() -> None:
    """The modern setting holds for the whole file, so the earlier ones live on in their rules alone."""
    found = translated("expire 1d\naccept relay\nexpire 2d\n")
    assert found.lines == ["action rule1 relay ttl 1d", "match action rule1", "queue ttl 2d"]


def test_wrong_expire_is_reported_once() -> None:
    """An earlier `expire` that is no time is an error, and no rule gets it."""
    found = translated("expire 4x\naccept relay\naccept relay\nexpire 2d\n")
    assert [each.code.name for each in found.findings] == ["unusable-value"]
    assert " ttl " not in " ".join(found.lines[:-1])


def test_place_of_an_implied_life_is_its_rule() -> None:
    """The default that an early rule keeps is shown at the word `accept`."""
    found = translated("accept relay\nexpire 7d\n")
    action = found.config.statements[0]
    assert getattr(action, "ttl").span.text == "accept"  # noqa: B009
