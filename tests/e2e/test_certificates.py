"""Certificates of a running server: chosen by name, demanded of clients, renewed under way."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.ports import reserve_port
from tests.servers import Server
from tests.tls_peers import Files, TlsFolder, client_context, replace_file

CONFIGURATION = """
pki one cert "/etc/one.crt" key "/etc/one.key"
pki two cert "/etc/two.crt" key "/etc/two.key"
ca partners cert "/etc/ca.crt"
listen on 127.0.0.1 port PORT tls pki one pki two hostname "one.test"
listen on 127.0.0.1 port SMTPS smtps verify pki one ca partners hostname "one.test"
match from any for any reject
"""
PATIENCE_SECONDS = 30


class Site(Server):
    """A server with two names, and a port for partners."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration and the certificates."""
        self.smtps = reserve_port()
        super().__init__(folder, CONFIGURATION.replace("SMTPS", str(self.smtps)))
        self.etc = self.root / "etc"
        self.etc.mkdir()
        self.files = TlsFolder(self.etc)
        self.authority = self.files.authority("ca")
        self.files.pair("one", "one.test", by=self.authority)
        self.files.pair("two", "*.two.test", by=self.authority)

    def secured(self, name: str = "one.test") -> smtplib.SMTP:
        """Connect, and ask for *name* with STARTTLS; who does not believe the authority gets nowhere."""
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        # Whom smtplib asks for.
        client._host = name  # type: ignore[attr-defined]  # noqa: SLF001 - it knows only whom it has connected to
        client.starttls(context=client_context(self.authority.cert))
        return client

    def partner(self, certificate: Files | None) -> smtplib.SMTP_SSL:
        """Connect to the port for partners with *certificate*."""
        context = client_context(self.authority.cert, certificate=certificate)
        context.check_hostname = False
        return smtplib.SMTP_SSL("127.0.0.1", self.smtps, context=context, timeout=PATIENCE_SECONDS)


@pytest.fixture
def site(open_path: Path) -> Iterator[Site]:
    """Serve."""
    server = Site(open_path)
    server.start()
    yield server
    server.stop()


def shown(client: smtplib.SMTP) -> bytes:
    """Return the certificate that *client* was shown."""
    assert isinstance(client.sock, ssl.SSLSocket)
    octets = client.sock.getpeercert(binary_form=True)
    assert octets is not None
    return octets


def der(files: Files) -> bytes:
    """Return the certificate of *files* as it is shown."""
    return files.certificate.public_bytes(serialization.Encoding.DER)


def test_a_client_is_shown_the_certificate_that_it_asks_for(site: Site) -> None:
    """Each verifies the name that it asked for."""
    for name, pattern in (("one.test", "one.test"), ("mail.two.test", "*.two.test")):
        with site.secured(name) as client:
            assert isinstance(client.sock, ssl.SSLSocket)
            certificate = client.sock.getpeercert()
            assert certificate is not None
            assert certificate["subjectAltName"] == (("DNS", pattern),)
            assert client.noop()[0] == 250


def test_a_certificate_is_renewed_under_way(site: Site) -> None:
    """A session goes on while the files are renamed, half a pair changes nothing, and then the new one is shown."""
    with site.secured() as before:
        old = shown(before)
        key = (site.etc / "one.key").read_bytes()
        fresh = site.files.pair("one", "one.test", by=site.authority)
        fresh_key = (site.etc / "one.key").read_bytes()
        replace_file(site.etc / "one.key", key)
        until_logged(site, "it does not belong to the certificate", old)
        replace_file(site.etc / "one.key", fresh_key)
        until_logged(site, 'info: pki "one" is loaded anew', old, der(fresh))

        assert before.noop()[0] == 250
        with site.secured() as client:
            assert shown(client) == der(fresh)


def until_logged(site: Site, words: str, *expected: bytes) -> None:
    """Let clients come until the log has *words*; each is shown one of the certificates *expected*."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not site.log_lines(words):
        assert time.monotonic() < deadline, "".join(site.lines)
        with site.secured() as client:
            assert shown(client) in expected


def test_a_partner_shows_its_certificate(site: Site) -> None:
    """The log tells the hash of it; who has none of the authority is not greeted."""
    good = site.files.pair("partner", "partner.test", by=site.authority)
    with site.partner(good) as client:
        assert client.noop()[0] == 250
    (line,) = site.wait_for(" smtp cert-check ")
    assert line.split(" ", 1)[1].startswith('smtp cert-check result="verified" fingerprint="SHA256:')

    stranger = site.files.pair("stranger", "partner.test")
    for certificate in (stranger, None):
        with pytest.raises((ssl.SSLError, smtplib.SMTPServerDisconnected, ConnectionError)):
            site.partner(certificate)
    refused = site.wait_for("reason=tls-accept-failed", count=2)
    assert "its certificate is not accepted: self-signed certificate" in refused[0]
    assert "it shows no certificate" in refused[1]


def test_who_speaks_no_tls_is_not_greeted(site: Site) -> None:
    """Plain SMTP on the port of smtps is closed, and said to be that."""
    with socket.create_connection(("127.0.0.1", site.smtps), PATIENCE_SECONDS) as client:
        client.sendall(b"EHLO client.test\r\n")
        heard = client.recv(1000)

    assert heard[:1] in {b"", b"\x15"}
    (line,) = site.wait_for("reason=tls-accept-failed")
    assert "it does not speak TLS" in line


def test_a_key_with_a_passphrase_is_no_key(open_path: Path) -> None:
    """Nobody is asked for it: the server does not start, and says which file and which line."""
    site = Site(open_path)
    pair = site.files.pair("one", "one.test", by=site.authority)
    encryption = serialization.BestAvailableEncryption(b"secret")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    replace_file(pair.key, pair.private.private_bytes(pem, pkcs8, encryption))
    done = site.run()

    assert done.returncode == 1
    assert f'cannot use the key "{pair.key}" (' in done.stderr
    assert "smtpd.conf:2): it is encrypted, and nobody is asked for its passphrase" in done.stderr
    assert "Traceback" not in done.stderr
