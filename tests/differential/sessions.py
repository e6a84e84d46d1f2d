"""A client that asks a server for many envelopes, one transaction for each, and notes what it is told."""

from __future__ import annotations

import re
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from tests.differential.configurations import Envelope, Session
from tests.differential.machines import connect

PASSWORD = "secret"  # noqa: S105 - nobody's
# Its header has what a server would add otherwise.
_CONTENT = "Subject: x\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n\r\nx\r\n."


class Told(NamedTuple):
    """The last reply that the recipient depends on, and the number of the message if there is one."""

    code: int
    text: str
    message: str = ""


class Client:
    """One connection."""

    def __init__(self, process: subprocess.Popen[Any], session: Session) -> None:
        """Connect, and do what the session has before its first transaction."""
        self._socket = connect(process, session.client, session.port)
        self._stream = self._socket.makefile("rwb")
        self._session = session
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._expect(2, *self._reply())
        self._expect(2, *self.ask(f"EHLO {self._session.helo}"))
        if self._session.tls:
            self._expect(2, *self.ask("STARTTLS"))
            self._stream.close()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            # Debian's OpenSMTPD cannot use a key with OpenSSL 3 (its issue 1171), so a configuration asks for no proof.
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("aNULL:@SECLEVEL=0")
            self._socket = context.wrap_socket(self._socket)
            self._stream = self._socket.makefile("rwb")
            self._expect(2, *self.ask(f"EHLO {self._session.helo}"))
        if self._session.login:
            secret = b64encode(f"\0{self._session.login}\0{PASSWORD}".encode()).decode()
            self._expect(2, *self.ask(f"AUTH PLAIN {secret}"))

    @staticmethod
    def _expect(digit: int, code: int, text: str) -> None:
        assert code // 100 == digit, f"{code} {text}"

    def ask(self, line: str) -> tuple[int, str]:
        """Send *line*, and return the reply: its code, and its text in one line."""
        self._stream.write(f"{line}\r\n".encode())
        self._stream.flush()
        return self._reply()

    def _reply(self) -> tuple[int, str]:
        texts = []
        while line := self._stream.readline():
            texts.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] != b"-":
                return int(line[:3]), " / ".join(texts)
        message = "the server has closed the connection"
        raise ConnectionError(message)

    def transact(self, envelope: Envelope) -> Told:
        """Send a message to the recipient of *envelope*, or as much of it as is taken."""
        sender = "" if envelope.sender == "<>" else envelope.sender
        told = self.ask(f"MAIL FROM:<{sender}>")
        if told[0] == 250:
            told = self.ask(f"RCPT TO:<{envelope.recipient}>")
        if told[0] != 250:
            self.ask("RSET")
            return Told(*told)
        self._expect(3, *self.ask("DATA"))
        done = self.ask(_CONTENT)
        self._expect(2, *done)
        found = re.search(r"\b[0-9a-f]{8}\b", done[1])
        assert found, f"no number of a message in {done}"
        return Told(*told, found[0])

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()


def ask_all(process: subprocess.Popen[Any], envelopes: Iterable[Envelope]) -> list[Told]:
    """Ask a server for each of *envelopes*; those of a session that stand together share a connection."""
    return [
        told
        for session, group in groupby(envelopes, lambda each: each.session)
        for told in _ask(process, session, group)
    ]


def _ask(process: subprocess.Popen[Any], session: Session, envelopes: Iterable[Envelope]) -> list[Told]:
    client = Client(process, session)
    try:
        told = [client.transact(envelope) for envelope in envelopes]
        client.ask("QUIT")
    finally:
        client.close()
    return told
