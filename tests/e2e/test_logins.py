"""Logins over real connections, with mechanisms that send no password."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from scramp import ScramClient

from tests.runtime.credentials.samples import scram
from tests.servers import Server
from tests.tls_peers import Files, TlsFolder
from tests.tokens import Issuer
from tests.tokens import encoded as shown

PASSWORD = "hunter2 hunter2"  # noqa: S105 - of nobody
TOWN = """
pki mail cert "/etc/mail.crt" key "/etc/mail.key"
ca clients cert "/etc/clients.crt"
oauth-issuer "https://id.example.org" key "/etc/id.jwks" for "mail"
table people file:/etc/people
listen on 127.0.0.1 port PORT tls-require pki mail ca clients auth <people>
match from auth for any reject
"""


class Town(Server):
    """A server whose table has keys for `ann`, and whose authority has signed certificates."""

    def __init__(self, folder: Path) -> None:
        """Write all that the configuration names."""
        super().__init__(folder, TOWN)
        (self.root / "etc").mkdir()
        self.tls = TlsFolder(self.root / "etc")
        self.tls.pair("mail", "mail.example.org")
        self.authority = self.tls.authority("clients")
        self.issuer = Issuer()
        (self.root / "etc/id.jwks").write_text(self.issuer.key_set)
        (self.root / "etc/people").write_text(f"ann {scram(PASSWORD)}\n")

    def secured(self, certificate: Files | None = None) -> smtplib.SMTP:
        """Connect, begin TLS and say EHLO; with a *certificate*, if there is one."""
        context = ssl.create_default_context(cafile=self.root / "etc/mail.crt")
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate.cert, certificate.key)
        client = self.client()
        client.starttls(context=context)
        client.ehlo()
        return client


@pytest.fixture
def town(open_path: Path) -> Iterator[Town]:
    """Serve."""
    server = Town(open_path)
    server.start()
    yield server
    server.stop()


def log_in(client: smtplib.SMTP, mechanism: str, scram_client: ScramClient) -> int:
    """Carry the messages of *scram_client*, and return the code of the last reply."""
    code, challenge = client.docmd("AUTH", f"{mechanism} {encoded(scram_client.get_client_first())}")
    assert code == 334
    scram_client.set_server_first(b64decode(challenge).decode())
    code, challenge = client.docmd(encoded(scram_client.get_client_final()))
    if code != 334:
        return code
    # It raises if the server does not know its keys.
    scram_client.set_server_final(b64decode(challenge).decode())
    return client.docmd("")[0]


def encoded(message: str) -> str:
    """Return *message* as AUTH sends it."""
    return b64encode(message.encode()).decode()


def binding(client: smtplib.SMTP) -> tuple[str, bytes]:
    """Return what a channel is bound to: RFC 5929 §4.1."""
    assert isinstance(client.sock, ssl.SSLSocket)
    certificate = client.sock.getpeercert(binary_form=True)
    assert certificate is not None
    return "tls-server-end-point", hashlib.sha256(certificate).digest()


def test_scram_lets_in_who_knows_the_password(town: Town) -> None:
    """Bound to the channel, and unbound; it is offered because every entry has keys."""
    with town.secured() as client:
        offered = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "PLAIN", "LOGIN"]
        assert client.esmtp_features["auth"].split() == offered
        scram_client = ScramClient(["SCRAM-SHA-256-PLUS"], "ann", PASSWORD, channel_binding=binding(client))
        assert log_in(client, "SCRAM-SHA-256-PLUS", scram_client) == 235
        assert client.mail("<ann@example.org>")[0] == 250
    with town.secured() as client:
        assert log_in(client, "SCRAM-SHA-256", ScramClient(["SCRAM-SHA-256"], "ann", PASSWORD)) == 235
    town.wait_for("smtp authentication user=ann result=ok", count=2)


@pytest.mark.parametrize("login", ["ann", "eve"])
def test_scram_lets_nobody_else_in(town: Town, login: str) -> None:
    """A wrong password, and a login that does not exist, have the same dialogue."""
    with town.secured() as client:
        assert log_in(client, "SCRAM-SHA-256", ScramClient(["SCRAM-SHA-256"], login, "hunter3")) == 535
        assert client.mail("<ann@example.org>")[0] == 530
    town.wait_for(f"smtp authentication user={login} result=permfail")
    assert "hunter" not in "".join(town.lines)


def test_nobody_in_the_middle_can_hand_on_a_bound_login(town: Town) -> None:
    """Whose certificate is another one."""
    with town.secured() as client:
        elsewhere = ("tls-server-end-point", hashlib.sha256(b"another certificate").digest())
        scram_client = ScramClient(["SCRAM-SHA-256-PLUS"], "ann", PASSWORD, channel_binding=elsewhere)
        assert log_in(client, "SCRAM-SHA-256-PLUS", scram_client) == 535


@pytest.mark.parametrize(("name", "code"), [("ann", 235), ("eve", 535)])
def test_a_certificate_is_a_login(town: Town, name: str, code: int) -> None:
    """If the table has the name that it gives."""
    certificate = town.tls.pair(name, name, by=town.authority)

    with town.secured(certificate) as client:
        assert "EXTERNAL" in client.esmtp_features["auth"].split()
        assert client.docmd("AUTH", "EXTERNAL =")[0] == code
    result = "ok" if code == 235 else "permfail"
    assert town.wait_for(f"smtp authentication user={name} result={result}")


def test_a_token_is_a_login(town: Town) -> None:
    """Of somebody whom the table has; whoever shows a bad one may try again, and the log has no token."""
    good, old, other = town.issuer.token("ann"), town.issuer.token("ann", seconds=-120), town.issuer.token("eve")
    with town.secured() as client:
        for token in (old, other):
            code, text = client.docmd("AUTH", f"OAUTHBEARER {shown(token)}")
            if code == 334:
                assert b64decode(text) == b'{"status":"invalid_token"}'
                code, _ = client.docmd("AQ==")
            assert code == 535
        assert client.docmd("AUTH", f"OAUTHBEARER {shown(good, 'ann')}")[0] == 235
        assert client.mail("<ann@example.org>")[0] == 250
    town.wait_for("the token is too old")
    town.wait_for("there is no such login here")
    town.wait_for("smtp authentication user=ann result=ok")
    assert not [line for line in town.lines if any(token[-40:] in line for token in (good, old, other))]
