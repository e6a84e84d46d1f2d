"""Certificates, keys and authorities: present, safe, fitting, in time, for the right name."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import FileFacts, Machine, Unavailable
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from tests.certificates import Pair, key_text, make_pair
from tests.checking import check_text, codes, shown, write_files

TEXT = """listen on lo tls pki mail.example.org hostname mail.example.org
pki mail.example.org cert "/etc/ssl/mail.crt" key "/etc/ssl/mail.key"
action "out" relay
match from local for any action "out"
"""
CERT, KEY = "'\"/etc/ssl/mail.crt\"'", "'\"/etc/ssl/mail.key\"'"


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A certificate that is right for the listener of `TEXT`, and its key."""
    return make_pair("mail.example.org")


def check(root: Path, pair: Pair, text: str = TEXT) -> list[Diagnostic]:
    """Check *text* with the two files of *pair*."""
    return check_text(text, root, {"/etc/ssl/mail.crt": pair.certificate, "/etc/ssl/mail.key": pair.key})


def test_fitting_pair_is_fine(pair: Pair, tmp_path: Path) -> None:
    """A certificate for the listener's name, with its key, has no findings."""
    assert shown(check(tmp_path, pair)) == []


def test_one_file_may_hold_both(pair: Pair, tmp_path: Path) -> None:
    """Certificate and key in one file, in any order, are found in it."""
    both = Pair(pair.key + pair.certificate, pair.key + pair.certificate)

    assert shown(check(tmp_path, both)) == []


def test_static_run_looks_at_no_file(tmp_path: Path) -> None:
    """Without the machine nothing is said of files."""
    assert shown(check_text(TEXT, tmp_path, options=["--static"])) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('cert "/c"', "has no `key`"),
        ('key "/k"', "has no `cert`"),
        ("dhe auto", "has no `cert` and no `key`"),
        ("", "has no `cert` and no `key`"),
    ],
)
def test_incomplete_pki(options: str, words: str, tmp_path: Path) -> None:
    """A pki needs both files, in one statement or in several."""
    text = f"listen on lo\npki Mail {options}\n" + TEXT.split("\n", 2)[2]

    findings = [each for each in check_text(text, tmp_path, options=["--static"]) if each.code.name != "unused-pki"]
    assert shown(findings) == ["2:5 error incomplete-pki 'Mail'"]
    assert words in findings[0].message


def test_pki_of_several_statements(tmp_path: Path) -> None:
    """Statements of one name add up, in any case of its letters."""
    text = 'pki A.org cert "/c"\nlisten on lo tls pki a.org\npki a.ORG key "/k"\n' + TEXT.split("\n", 2)[2]

    assert shown(check_text(text, tmp_path, options=["--static"])) == []


def test_missing_files(tmp_path: Path) -> None:
    """Each file that is not there is told."""
    findings = check_text(TEXT, tmp_path)

    assert shown(findings) == [f"2:27 error unusable-certificate {CERT}", f"2:51 error unusable-certificate {KEY}"]
    assert "no such file" in findings[0].message


@pytest.mark.parametrize(
    ("certificate", "key", "findings", "words"),
    [
        ("hello\n", None, [f"2:27 error unusable-certificate {CERT}"], "it has to be PEM"),
        ("\x30\x82\x01", None, [f"2:27 error unusable-certificate {CERT}"], "openssl x509 -inform der"),
        (None, "hello\n", [f"2:51 error unusable-certificate {KEY}"], "it has to be PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            None,
            [f"2:27 error unusable-certificate {CERT}"],
            "fetch it again",
        ),
        (
            None,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            [f"2:51 error unusable-certificate {KEY}"],
            "make a new key",
        ),
    ],
)
def test_damaged_files(
    certificate: str | None, key: str | None, findings: list[str], words: str, pair: Pair, tmp_path: Path
) -> None:
    """A file without a certificate or a key is refused, with what to do about it."""
    broken = Pair(certificate or pair.certificate, key or pair.key)
    if certificate == "\x30\x82\x01":
        write_files(tmp_path, {"/etc/ssl/mail.key": pair.key})
        (tmp_path / "etc/ssl/mail.crt").write_bytes(b"\x30\x82\x01")
        found = check_text(TEXT, tmp_path)
    else:
        found = check(tmp_path, broken)

    assert shown(found) == findings
    assert words in found[0].help


def test_swapped_files(pair: Pair, tmp_path: Path) -> None:
    """A key in the place of the certificate is recognised, and the other way round."""
    findings = check(tmp_path, Pair(pair.key, pair.certificate))

    assert codes(findings) == ["unusable-certificate", "unusable-certificate"]
    assert all("swapped" in found.help for found in findings)


def test_key_that_cannot_serve_tls(pair: Pair, tmp_path: Path) -> None:
    """A key for an exchange of keys signs nothing."""
    key = x25519.X25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    [finding] = check(tmp_path, pair._replace(key=text))
    assert shown([finding]) == [f"2:51 error unusable-certificate {KEY}"]


def test_encrypted_key_is_asked_for_at_start(pair: Pair, tmp_path: Path) -> None:
    """A key with a passphrase works where somebody can type it."""
    encrypted = key_text(ec.generate_private_key(ec.SECP256R1()), b"secret")

    [finding] = check(tmp_path, pair._replace(key=encrypted))
    assert shown([finding]) == [f"2:51 warning unusable-certificate {KEY}"]
    assert "passphrase" in finding.message


def test_key_of_another_certificate(pair: Pair, tmp_path: Path) -> None:
    """A key that does not belong to the certificate is refused, and both are shown."""
    other = make_pair("mail.example.org")

    [finding] = check(tmp_path, pair._replace(key=other.key))
    assert shown([finding]) == [f"2:51 error key-mismatch {KEY}"]
    assert [place.span.text for place in finding.related] == ['"/etc/ssl/mail.crt"']


def test_chain_in_the_wrong_order(pair: Pair, tmp_path: Path) -> None:
    """If a later certificate is the key's own, the order is what is wrong."""
    authority = make_pair("mail.example.org")

    [finding] = check(tmp_path, pair._replace(certificate=authority.certificate + pair.certificate))
    assert shown([finding]) == [f"2:51 error key-mismatch {KEY}"]
    assert "first" in finding.help


@pytest.mark.parametrize(
    ("starts", "words"), [(-91, "expired a day ago"), (-120, "expired 30 days ago"), (2, "not valid yet")]
)
def test_time_of_a_certificate(starts: int, words: str, tmp_path: Path) -> None:
    """A certificate out of its time is a warning: the server starts, and clients turn away."""
    [finding] = check(tmp_path, make_pair("mail.example.org", starts=starts, days=90))

    assert shown([finding]) == [f"2:27 warning expired-certificate {CERT}"]
    assert words in finding.message


class NextYear(Machine):
    """A machine whose clock is far ahead."""

    def now(self) -> float:
        """The time in a year."""
        return time.time() + 365 * 24 * 3600


def test_time_is_asked_of_the_world(pair: Pair, tmp_path: Path) -> None:
    """Whether a certificate is in time depends on the clock of the machine that is asked."""
    check(tmp_path, pair)
    report = Report()
    compile_octets("smtpd.conf", TEXT.encode(), NextYear(str(tmp_path)), report)

    assert codes(report.diagnostics) == ["expired-certificate"]


@pytest.mark.parametrize(
    "names",
    [
        ("mail.example.org",),
        ("example.org", "MAIL.example.org"),
        ("*.example.org",),
    ],
)
def test_certificate_for_the_listener(names: tuple[str, ...], tmp_path: Path) -> None:
    """A certificate may name the listener among others, or by a star for one label."""
    assert shown(check(tmp_path, make_pair(*names))) == []
    assert shown(check(tmp_path, make_pair(*names[-1:], listed=False))) == []


@pytest.mark.parametrize("name", ["example.org", "*.mail.example.org", "*.org", "mail.example.com"])
def test_certificate_for_others(name: str, tmp_path: Path) -> None:
    """A certificate that names neither the listener nor the pki is told, with the names that it has."""
    [finding] = check(tmp_path, make_pair(name))

    assert shown([finding]) == [f"2:27 warning certificate-name {CERT}"]
    assert name in finding.message
    assert [place.span.text for place in finding.related] == ["mail.example.org"]


def test_certificate_of_the_name_of_its_pki(tmp_path: Path) -> None:
    """With several certificates on a listener, each may be for the name of its own pki."""
    text = TEXT.replace("hostname mail.example.org", "hostname other.example.net")

    assert shown(check(tmp_path, make_pair("mail.example.org"), text)) == []


def test_listener_without_a_name(tmp_path: Path) -> None:
    """Where nothing is named, nothing tells which name clients connect to."""
    text = TEXT.replace("tls pki mail.example.org hostname mail.example.org", "tls pki web")
    text = text.replace("pki mail.example.org cert", "pki web cert")

    assert shown(check(tmp_path, make_pair("www.example.com"), text)) == []


def test_names_by_address(tmp_path: Path) -> None:
    """The names of `hostnames` are names of the listener."""
    text = TEXT.replace("hostname mail.example.org", "hostnames { 192.0.2.1 = mx.example.net }")

    assert shown(check(tmp_path, make_pair("mx.example.net"), text)) == []


def test_certificate_that_no_listener_shows(tmp_path: Path) -> None:
    """A certificate of a relay is shown to other servers, which do not compare its name."""
    text = TEXT.replace("tls pki mail.example.org ", "").replace("relay", "relay pki mail.example.org")

    assert shown(check(tmp_path, make_pair("somebody.example.com"), text)) == []


@pytest.mark.parametrize(
    ("file", "mode", "finding"),
    [
        ("mail.crt", 0o755, None),
        ("mail.crt", 0o664, f"2:27 warning unsafe-file {CERT}"),
        ("mail.key", 0o740, None),
        ("mail.key", 0o644, f"2:51 warning unsafe-file {KEY}"),
        ("mail.key", 0o660, f"2:51 warning unsafe-file {KEY}"),
    ],
)
def test_modes(file: str, mode: int, finding: str | None, pair: Pair, tmp_path: Path) -> None:
    """A certificate may be read by all, a key by its group; in a test bed more is only a warning."""
    check(tmp_path, pair)
    (tmp_path / "etc/ssl" / file).chmod(mode)

    assert shown(check_text(TEXT, tmp_path)) == ([finding] if finding else [])


class Serious(Machine):
    """A machine that is no test bed, with files that belong to somebody else."""

    def __init__(self, root: str, owner: int) -> None:
        """Let every file belong to *owner*."""
        super().__init__(root)
        self.is_test_bed = False
        self.owner = owner

    def facts(self, path: str) -> FileFacts | Unavailable:
        """The mode as it is."""
        found = super().facts(path)
        return found if isinstance(found, Unavailable) else found._replace(owner=self.owner)


@pytest.mark.parametrize(("owner", "expected"), [(0, []), (54321, ["unsafe-file", "unsafe-file"])])
def test_owner(owner: int, expected: list[str], pair: Pair, tmp_path: Path) -> None:
    """Files that serve TLS belong to root, or to whoever runs the server."""
    check(tmp_path, pair)
    report = Report()
    compile_octets("smtpd.conf", TEXT.encode(), Serious(str(tmp_path), owner), report)

    assert codes(report.diagnostics) == expected
    assert all(found.severity is Severity.ERROR for found in report.diagnostics)


@pytest.mark.parametrize("content", [None, "nothing\n", ""])
def test_authorities(content: str | None, tmp_path: Path) -> None:
    """A file of authorities has at least one certificate."""
    text = 'ca home cert "/etc/ssl/ca.pem"\nlisten on lo\naction "out" relay ca home\nmatch for any action "out"\n'
    files = {} if content is None else {"/etc/ssl/ca.pem": content}

    assert shown(check_text(text, tmp_path, files)) == ["1:14 error unusable-certificate '\"/etc/ssl/ca.pem\"'"]
    pem = make_pair("ca.example").certificate
    assert shown(check_text(text, tmp_path, {"/etc/ssl/ca.pem": pem})) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"keys": []}', []),
        ("[]", ["1:39 error unusable-certificate '\"/id.jwks\"'"]),
        ("-----BEGIN PUBLIC KEY-----", ["1:39 error unusable-certificate '\"/id.jwks\"'"]),
        ("[" * 100_000, ["1:39 error unusable-certificate '\"/id.jwks\"'"]),
        (None, ["1:39 error unusable-certificate '\"/id.jwks\"'"]),
    ],
)
def test_a_key_set_is_there_and_one(tmp_path: Path, text: str | None, expected: list[str]) -> None:
    """However its file was made."""
    configuration = (
        'oauth-issuer "https://id.example" key "/id.jwks" for "mail"  # smtpdsl: allow issuer-without-auth\n'
        'listen on lo\naction "out" relay\nmatch from local for any action "out"\n'
    )
    assert shown(check_text(configuration, tmp_path, {"/id.jwks": text} if text is not None else {})) == expected
