"""A smarthost as providers have it: TLS, a verified certificate, a login; each side is a server of ours."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import make_pair
from tests.e2e.homes import UID, make_home, messages
from tests.e2e.test_submission import ANN, HASH, PASSWORD
from tests.ports import reserve_port
from tests.runtime.credentials.samples import scram
from tests.servers import Server, running

PROVIDER = f"""
pki "provider" cert "/etc/mx.crt" key "/etc/mx.key"
table people {{ "{ANN}" = "{HASH}" }}
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
listen on 127.0.0.1 port PORT tls-require pki "provider" auth <people> hostname "provider.test"
listen on 127.0.0.1 port SMTPS smtps pki "provider" auth <people> hostname "provider.test"
listen on 127.0.0.1 port OFFERED tls pki "provider" hostname "provider.test"
action "deliver" maildir virtual {{ "@" = mail }} userbase <mailboxes>
match from any for any action "deliver"
"""
AUTH = f'auth {{ who = "{ANN}:{PASSWORD}" }}'
HOME = """
ca provider cert "/etc/ca.crt"
listen on 127.0.0.1 port PORT
action "out" relay host "URL" OPTIONS
match from any for any action "out"
"""


class Provider(Server):
    """The server of a provider, with a certificate for ``localhost``, too."""

    def __init__(self, folder: Path, stored: str = HASH) -> None:
        """Write the configuration, which has the password as *stored*, and the certificate."""
        self.ports = {"SMTPS": reserve_port(), "OFFERED": reserve_port()}
        text = PROVIDER.replace(HASH, stored)
        for name, port in self.ports.items():
            text = text.replace(f"port {name}", f"port {port}")
        super().__init__(folder, text)
        self.inbox = make_home(self.root)
        self.pair = make_pair("localhost", "provider.test")
        (self.root / "etc").mkdir(exist_ok=True)
        for name, content in (("mx.crt", self.pair.certificate), ("mx.key", self.pair.key)):
            (self.root / "etc" / name).write_text(content)
            (self.root / "etc" / name).chmod(0o600)


@pytest.fixture(scope="module")
def shared(module_path: Path) -> Iterator[Provider]:
    """Serve."""
    server = Provider(module_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def provider(shared: Provider) -> Iterator[Provider]:
    """Serve, with nothing in the inbox."""
    for path in shared.inbox.glob("*"):
        path.unlink()
    yield shared
    shared.wait_for(" smtp disconnected ")
    shared.forget()


def relay(provider: Provider, folder: Path, url: str, options: str) -> str:
    """Send a message by way of a server of our own, and return what its log says of the delivery."""
    home = folder / "home"
    (home / "root" / "etc").mkdir(parents=True)
    (home / "root" / "etc" / "ca.crt").write_text(provider.pair.certificate)
    with running(home, HOME.replace("URL", url).replace("OPTIONS", options)) as server:
        with server.client() as client:
            client.sendmail("joe@example.net", ["ben@far.example"], b"Subject: hello\r\n\r\nbody\r\n")
        (line,) = server.wait_for("mta delivery")
    for text in (*server.lines, *provider.lines):
        assert PASSWORD not in text
        assert b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode()[:-4] not in text
    return line


@pytest.mark.parametrize("scheme", ["smtp+tls", "smtps"])
def test_mail_is_submitted_with_a_login(provider: Provider, open_path: Path, scheme: str) -> None:
    """By STARTTLS, and with TLS from the start; the certificate is verified, and the trace tells of the login."""
    port = provider.ports["SMTPS"] if scheme == "smtps" else provider.port
    line = relay(provider, open_path, f"{scheme}://who@localhost:{port}", f"{AUTH} ca provider")
    provider.wait_for("mda delivery")

    assert 'result="Ok"' in line
    (message,) = messages(provider.inbox)
    assert re.search(rb" with ESMTPSA id [0-9a-f]{8} \(TLSv1\.3:", message)
    assert provider.log_lines(f" smtp authentication user={ANN} result=ok")


def test_a_login_is_bound_to_the_channel(open_path: Path) -> None:
    """With SCRAM-SHA-256-PLUS, which our server offers first; it looks at the certificate that the client has seen."""
    (open_path / "provider").mkdir()
    provider = Provider(open_path / "provider", scram(PASSWORD))
    provider.start()
    line = relay(provider, open_path, f"smtp+tls://who@localhost:{provider.port}", f"{AUTH} ca provider")
    logins = provider.log_lines(" smtp authentication ")
    provider.stop()

    assert 'result="Ok"' in line
    assert [f" user={ANN} result=ok" in each for each in logins] == [True]


def test_a_certificate_that_nobody_vouches_for_makes_mail_wait(provider: Provider, open_path: Path) -> None:
    """The authorities of the system do not know it, and the provider sees no login."""
    line = relay(provider, open_path, f"smtp+tls://who@localhost:{provider.port}", AUTH)

    assert 'result="TempFail"' in line
    assert "self-signed certificate" in line
    assert not provider.log_lines(" smtp authentication ")


def test_a_login_is_demanded_and_missing(provider: Provider, open_path: Path) -> None:
    """The answer of the provider is in the log."""
    line = relay(provider, open_path, f"smtps://localhost:{provider.ports['SMTPS']}", "ca provider")

    assert "530 5.7.0 " in line


def test_whoever_offers_tls_gets_it(provider: Provider, open_path: Path) -> None:
    """Without a word about it."""
    line = relay(provider, open_path, f"smtp://127.0.0.1:{provider.ports['OFFERED']}", "ca provider")
    provider.wait_for("mda delivery")

    assert 'result="Ok"' in line
    (message,) = messages(provider.inbox)
    assert re.search(rb" with ESMTPS id [0-9a-f]{8} \(TLSv1\.3:", message)
