"""Submission as mail programs do it: TLS on each kind of port, logins, and mail that begins its way here."""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiosmtplib
import pytest

from tests.certificates import make_pair
from tests.conftest import RequirePeer
from tests.e2e.homes import UID, make_home, messages
from tests.ports import reserve_port
from tests.servers import Server

ANN = "ann@mx.test"
PASSWORD = "s3cret pass"  # noqa: S105 - of nobody
# crypt(3), SHA-512 with the fewest rounds.
HASH = "$6$rounds=1000$smtpdsl$8SNJ2e0QAkSbrdgTFWqcMfaXdZrOJX4iSun8Zu6QHfI6U35ov1z6.C7Ba1ulSAJJLU6IcX1SNd03O6jG9FEbk."

TOWN = f"""
pki "mx.test" cert "/etc/mx.crt" key "/etc/mx.key"
table people {{ "{ANN}" = "{HASH}" }}
table addresses {{ "{ANN}" = "{ANN}, @lists.mx.test" }}
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
table everyone {{ "@" = "mail" }}
listen on 127.0.0.1 port OFFERED tls pki "mx.test" auth-optional <people> senders <addresses> received-auth \\
    hostname "mx.test"
listen on 127.0.0.1 port SMTPS smtps pki "mx.test" auth <people> hostname "mx.test"
listen on 127.0.0.1 port REQUIRED tls-require pki "mx.test" auth <people> hostname "mx.test"
listen on 127.0.0.1 port PROXIED proxy-v1 proxy-v2 hostname "mx.test"
action "deliver" maildir virtual <everyone> userbase <mailboxes>
match from auth for any action "deliver"
match from src 192.0.2.7 for domain "mx.test" action "deliver"
match from any for domain "public.test" action "deliver"
"""
MESSAGE = b"From: ann\r\nSubject: hello\r\n\r\nbody\r\n"


class Town(Server):
    """A server with a port of each kind, and the inbox of everybody."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration and a certificate."""
        self.ports = {name: reserve_port() for name in ("OFFERED", "SMTPS", "REQUIRED", "PROXIED")}
        text = re.sub("port ([A-Z]+)", lambda found: f"port {self.ports[found[1]]}", TOWN)
        super().__init__(folder, text, port=self.ports["OFFERED"])
        self.inbox = make_home(self.root)
        pair = make_pair("mx.test")
        self.write("etc/mx.crt", pair.certificate)
        self.write("etc/mx.key", pair.key)
        self.context = ssl.create_default_context(cadata=pair.certificate)
        self.context.check_hostname = False

    def write(self, path: str, text: str) -> None:
        """Write a file that only its owner can read."""
        file = self.root / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)

    def delivered(self) -> bytes:
        """Return the one message that was delivered."""
        self.wait_for("result=Ok")
        (message,) = messages(self.inbox)
        return message


@pytest.fixture(scope="module")
def shared(module_path: Path) -> Iterator[Town]:
    """Serve all that leave the server as it is."""
    with serving(module_path) as server:
        yield server


@pytest.fixture
def town(shared: Town) -> Iterator[Town]:
    """Serve, with nothing in the inbox."""
    for path in shared.inbox.glob("*"):
        path.unlink()
    yield shared
    shared.forget()


@contextmanager
def serving(folder: Path) -> Iterator[Town]:
    """Serve as long as the block lasts."""
    server = Town(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def assert_no_password_in(log: list[str]) -> None:
    """Neither the password nor what an exchange has of it is in the log."""
    text = "".join(log)
    assert PASSWORD not in text
    assert b64encode(PASSWORD.encode()).decode()[:-4] not in text
    assert b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode()[:-4] not in text


# ---------------------------------------------------------------- clients


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits_after_starttls(town: Town, require_peer: RequirePeer, mechanism: str) -> None:
    """What is missing of the header is added; the trace tells how it came in, and the log no password."""
    options = ("--tls", "--auth", mechanism, "--auth-user", ANN, "--auth-password", PASSWORD)
    address = ("--server", f"127.0.0.1:{town.port}", "--ehlo", "desk.example", "--from", ANN, "--to", "ben@far.example")
    done = require_peer("swaks").run(*options, *address, "--data", "Subject: hello\\nTo: ben\\n\\nbody\\n")

    assert done.returncode == 0, done.stdout
    message = town.delivered().decode()
    assert re.search(
        r"^Received: from desk.example \(\S+ \[127.0.0.1\]\)\n"
        r"\tby mx.test \(smtpdsl\) with ESMTPSA id [0-9a-f]{8} \(TLSv1\.3:[A-Z0-9_]+:256:NO\) "
        r"auth=yes user=ann@mx.test\n",
        message,
        re.MULTILINE,
    )
    assert re.search(r"^Date: .*\nMessage-ID: <[0-9a-f]{16}@mx.test>\n\nbody\n", message, re.MULTILINE)
    assert "\nTo: ben@mx.test\n" in message
    town.wait_for(" smtp tls ciphers=TLSv1.3:")
    town.wait_for(f" smtp authentication user={ANN} result=ok")
    assert_no_password_in(town.lines)


def test_smtplib_submits_over_smtps(town: Town) -> None:
    """TLS from the first octet."""
    with smtplib.SMTP_SSL("127.0.0.1", town.ports["SMTPS"], context=town.context) as client:
        client.login(ANN, PASSWORD)
        client.sendmail(ANN, ["ben@far.example"], MESSAGE)

    assert b" with ESMTPSA id " in town.delivered()


def test_aiosmtplib_submits_where_tls_is_required(town: Town) -> None:
    """It goes from the clear to TLS by itself."""

    async def submit() -> None:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=town.ports["REQUIRED"], tls_context=town.context, start_tls=True
        )
        async with client:
            await client.login(ANN, PASSWORD)
            await client.sendmail(ANN, ["ben@far.example"], MESSAGE)

    asyncio.run(submit())
    assert b"\nFrom: ann@mx.test\n" in town.delivered()


def test_openssl_talks_to_both_kinds_of_port(town: Town, require_peer: RequirePeer) -> None:
    """The certificate is verified, and the session goes on behind the handshake."""
    for port, options in (("SMTPS", []), ("OFFERED", ["-starttls", "smtp"])):
        address = f"127.0.0.1:{town.ports[port]}"
        certificate = town.root / "etc/mx.crt"
        done = subprocess.run(
            [
                require_peer("openssl").program,
                "s_client",
                *("-connect", address, "-CAfile", certificate, "-quiet", "-crlf"),
                *options,
            ],
            input="EHLO desk.example\nQUIT\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert "250-AUTH PLAIN LOGIN" in done.stdout, done.stderr
        assert "verify return:1" in done.stderr
        assert "221 2.0.0 Bye" in done.stdout


# ---------------------------------------------------------------- what is refused


def test_nobody_submits_in_the_clear(town: Town) -> None:
    """AUTH is not offered before TLS, and where TLS is required there is no MAIL."""
    with smtplib.SMTP("127.0.0.1", town.port) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN " + b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode())[0] in {503, 538}
    with smtplib.SMTP("127.0.0.1", town.ports["REQUIRED"]) as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<ann@mx.test>")[0] == 530
        client.starttls(context=town.context)
        client.ehlo()
        assert client.docmd("MAIL FROM:<ann@mx.test>")[0] == 530
    assert_no_password_in(town.lines)


def test_a_wrong_password_opens_nothing(open_path: Path) -> None:
    """The rule for those who have logged in is not for others; nobody learns which part was wrong."""
    # Whoever guesses is answered more slowly from then on.
    with serving(open_path) as town, smtplib.SMTP_SSL("127.0.0.1", town.ports["SMTPS"], context=town.context) as client:
        replies = []
        for login in (ANN, "nobody@mx.test"):
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login(login, "wrong")
            replies.append((refused.value.smtp_code, refused.value.smtp_error))
        assert replies == [(535, b"5.7.8 Authentication credentials invalid")] * 2
        assert client.docmd("MAIL FROM:<ann@mx.test>")[0] == 530
        town.wait_for(" smtp authentication user=nobody@mx.test result=permfail")


def test_a_login_sends_as_itself_only(town: Town) -> None:
    """As the table of senders says."""
    with smtplib.SMTP("127.0.0.1", town.port) as client:
        client.starttls(context=town.context)
        client.login(ANN, PASSWORD)
        assert client.mail("ben@mx.test") == (553, b"5.7.1 Sender rejected: not one of your addresses")
        assert client.mail("any@lists.mx.test")[0] == 250


def test_a_message_from_outside_is_left_alone(town: Town) -> None:
    """A proxy tells who the client is, and by that the rules decide."""
    with socket.create_connection(("127.0.0.1", town.ports["PROXIED"])) as connection:
        connection.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 25\r\n")
        with connection.makefile("rwb", buffering=0) as stream:
            assert stream.readline().startswith(b"220 ")
            stream.write(b"EHLO far.example\r\nMAIL FROM:<>\r\nRCPT TO:<joe@mx.test>\r\nRCPT TO:<joe@far.example>\r\n")
            replies = list(iter(stream.readline, b"550 5.1.1 Invalid recipient: <joe@far.example>\r\n"))
            assert replies[-1].startswith(b"250 2.1.5 ")
    assert town.wait_for(" smtp connected address=192.0.2.7 ")
    town.wait_for(" smtp event=proxy address=127.0.0.1")


def test_the_local_socket_needs_no_login(town: Town) -> None:
    """Whoever may use the machine may send from it, and the log says whence."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(town.root / "var/run/smtpdsl.sock"))
        with connection.makefile("rwb", buffering=0) as stream:
            stream.write(b"EHLO desk\r\nMAIL FROM:<ann@mx.test>\r\nRCPT TO:<ben@far.example>\r\nDATA\r\n")
            list(iter(stream.readline, b'354 Enter mail, end with "." on a line by itself\r\n'))
            stream.write(MESSAGE + b".\r\nQUIT\r\n")
            assert stream.readline().startswith(b"250 2.0.0 ")
    message = town.delivered()
    assert re.search(rb"^Received: from desk \(\S+ \[local\]\)\n", message, re.MULTILINE)
    assert b"\nMessage-ID: <" in message
    town.wait_for(" smtp connected address=local host=")


# ---------------------------------------------------------------- certificates


def test_a_renewed_certificate_is_served_without_a_restart(open_path: Path) -> None:
    """Who is connected stays so; the next handshake has the new one."""
    with serving(open_path) as town:
        smtps = ("127.0.0.1", town.ports["SMTPS"])
        old = ssl.get_server_certificate(smtps)
        with smtplib.SMTP_SSL(*smtps, context=town.context) as client:
            pair = make_pair("mx.test")
            town.write("etc/mx.key", pair.key)
            town.write("etc/mx.crt", pair.certificate)
            # Files are looked at once a second, when somebody comes.
            shown = (ssl.get_server_certificate(smtps) for _ in range(2000))
            assert next(each for each in shown if each != old) == pair.certificate
            assert client.noop()[0] == 250
