"""What lies between a client's transport and its core, with the other side of TLS in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from smtpdsl.runtime.net.client_channel import ClientChannel, TlsTerms
from smtpdsl.runtime.net.dane import Chain, Check
from smtpdsl.runtime.net.tls import TlsLayer
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.protocol.client import ClientSession, Failed, Ready, Security, Terms
from tests.runtime.net.tls_sides import Cut, singly, whole
from tests.tls_peers import Journal, TlsFolder, client_context


class Sides:
    """A client's core behind its channel, and a server that hears what it says."""

    def __init__(
        self,
        folder: Path,
        cut: Cut,
        host: str = "mx.test",
        security: Security = Security.IMMEDIATE,
        check: Check | None = None,
    ) -> None:
        """Connect them; with a *check* the certificate is not looked at otherwise."""
        files = TlsFolder(folder)
        self.own = files.pair("peer", "mx.test")
        self.core = ClientSession("peer:465", "client.example", "server.example", Terms(security))
        authority = folder / "peer.crt" if check is None else None
        self.channel = ClientChannel(self.core, TlsTerms(client_context(authority), host, check))
        self.server = TlsLayer(ListenerCertificates(files.listener("peer"), str, Journal()).context())
        self.heard = b""
        self._cut = cut

    def talk(self) -> None:
        """Carry octets until nobody has more to say."""
        while self._to_server(self.channel.data_to_send()) | self._to_client(self.server.data_to_send()):
            pass

    def _to_server(self, octets: bytes) -> bool:
        for piece in self._cut(octets):
            self.heard += self.server.receive(piece)
        return bool(octets)

    def _to_client(self, octets: bytes) -> bool:
        for piece in self._cut(octets):
            self.channel.receive(piece)
        return bool(octets)


@pytest.mark.parametrize("cut", [whole, singly])
def test_a_session_begins_behind_the_handshake(tmp_path: Path, cut: Cut) -> None:
    """However TCP cuts it, and though the server does not wait."""
    sides = Sides(tmp_path, cut)
    sides.talk()
    sides.server.send(b"220 peer.example\r\n")
    sides.talk()
    sides.server.send(b"250 peer.example\r\n")
    sides.talk()

    assert sides.heard == b"EHLO client.example\r\n"
    assert isinstance(sides.core.next_event(), Ready)
    assert sides.channel.tls_facts is not None


def test_whoever_ends_tls_has_ended_the_session(tmp_path: Path) -> None:
    """Nothing is waited for, though the connection may stay open; what was said before counts."""
    sides = Sides(tmp_path, whole)
    sides.talk()
    sides.server.send(b"421 bye\r\n")
    sides.server.close()
    sides.talk()

    event = sides.core.next_event()
    assert isinstance(event, Failed)
    assert event.verdict.text == "421 bye (said peer:465 as its greeting)"

    sides = Sides(tmp_path, whole)
    sides.talk()
    sides.server.close()
    sides.talk()
    event = sides.core.next_event()
    assert isinstance(event, Failed)
    assert "the other side has ended TLS" in event.verdict.text


@pytest.mark.parametrize("problem", ["", "it is not the one that was meant"])
def test_what_the_server_has_shown_is_checked_before_anything_is_said(tmp_path: Path, problem: str) -> None:
    """As DANE does it: who is not the one that was meant hears nothing, and nothing of it is heard."""
    shown: list[Chain] = []

    def check(chain: Chain) -> str:
        shown.append(chain)
        return problem

    sides = Sides(tmp_path, whole, check=check)
    sides.server.data_to_send()
    sides.talk()
    if not problem:
        sides.server.send(b"220 peer.example\r\n")
        sides.talk()

    assert shown == [(sides.own.certificate.public_bytes(Encoding.DER),)]
    facts = sides.channel.tls_facts
    assert facts is not None
    assert facts.certificate is not None
    assert facts.certificate.is_verified == (not problem)
    assert sides.heard == (b"" if problem else b"EHLO client.example\r\n")
    assert sides.core.has_failed_securing == bool(problem)
    if problem:
        event = sides.core.next_event()
        assert isinstance(event, Failed)
        assert event.verdict.text == f"no TLS with peer:465: {problem}"
        assert sides.server.has_ended


def test_we_say_that_we_end(tmp_path: Path) -> None:
    """So that nobody can cut the connection unnoticed."""
    sides = Sides(tmp_path, whole)
    sides.talk()
    sides.server.send(b"220 server.example\r\n")
    sides.talk()

    assert sides.core.is_closed
    assert sides.server.has_ended


@pytest.mark.parametrize(
    ("host", "problem"), [("other.test", "Hostname mismatch"), ("no\0body", "no host can be called 'no\\x00body'")]
)
def test_a_handshake_that_fails_is_the_end(tmp_path: Path, host: str, problem: str) -> None:
    """The alert is still to be written."""
    sides = Sides(tmp_path, whole, host)
    if "\0" in host:
        sides.channel.data_to_send()
    else:
        with pytest.raises(Exception, match="the peer says: bad certificate"):
            sides.talk()

    event = sides.core.next_event()
    assert isinstance(event, Failed)
    assert problem in event.verdict.text
    assert sides.core.has_failed_securing
