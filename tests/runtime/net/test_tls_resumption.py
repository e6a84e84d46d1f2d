"""Sessions of TLS that the next connection to the same server takes up again."""

from __future__ import annotations

import gc
import ssl
from pathlib import Path

import pytest

from smtpdsl.runtime.net.client_channel import ClientChannel, TlsTerms
from smtpdsl.runtime.net.tls import TlsLayer
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.net.tls_resumption import MAX_AGE_SECONDS, Resumption, Resumptions
from smtpdsl.runtime.protocol.client import ClientSession, Failed, Security, Terms
from tests.tls_peers import Clock, Journal, TlsFolder, client_context

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    """Return the context of a server called mx.test, whose authority is ``mail.crt``."""
    folder = TlsFolder(tmp_path)
    folder.pair("mail", "mx.test")
    return ListenerCertificates(folder.listener("mail"), str, Journal()).context()


def connect(server: ssl.SSLContext, client: ssl.SSLContext, resumption: Resumption, host: str = "mx.test") -> TlsLayer:
    """Let a client connect to *server* as to *host*, hear the greeting, and return the server's side."""
    core = ClientSession("peer:465", "client.example", "server.example", Terms(Security.IMMEDIATE))
    channel = ClientChannel(core, TlsTerms(client, host, resumption=resumption))
    side = TlsLayer(server)
    has_greeted = False
    while octets := channel.data_to_send():
        side.receive(octets)
        if side.is_established and not has_greeted:
            has_greeted = True
            side.send(b"220 peer.example\r\n")
        channel.receive(side.data_to_send())
        event = core.next_event()
        assert not isinstance(event, Failed), event
    assert channel.tls_facts is not None
    assert channel.tls_facts.certificate is not None
    return side


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_the_next_connection_takes_the_session_up_again(
    tmp_path: Path, server: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """Again and again, until it is an hour old; whoever it is, is known as before."""
    clock = Clock()
    client = client_context(tmp_path / "mail.crt", versions=(version, version))
    resumption = Resumption(clock)
    resumed = []
    for _ in range(3):
        resumed.append(connect(server, client, resumption).is_resumed)
        clock.time += MAX_AGE_SECONDS / 2 - 1
    clock.time += 3
    resumed.append(connect(server, client, resumption).is_resumed)

    assert resumed == [False, True, True, False]


def test_another_host_is_another_server(tmp_path: Path, server: ssl.SSLContext) -> None:
    """What is known of one says nothing about the other, whose name is compared."""
    client = client_context(tmp_path / "mail.crt")
    known = Resumptions()
    connect(server, client, known.of(client, "mx.test", 465))
    assert known.of(client, "mx.test", 465).session() is not None
    assert known.of(client, "mx.test", 25).session() is None

    with pytest.raises(AssertionError, match=r"other\.test"):
        connect(server, client, known.of(client, "other.test", 465), "other.test")


def test_who_was_not_verified_is_verified_when_that_is_demanded(tmp_path: Path, server: ssl.SSLContext) -> None:
    """What anybody may have given to a client that believes everybody is nothing to one that does not."""
    TlsFolder(tmp_path).authority("other")
    believing, verifying = client_context(), client_context(tmp_path / "other.crt")
    known = Resumptions()
    connect(server, believing, known.of(believing, "mx.test", 465))
    assert connect(server, believing, known.of(believing, "mx.test", 465)).is_resumed
    assert known.of(verifying, "mx.test", 465).session() is None

    with pytest.raises(AssertionError, match="certificate"):
        connect(server, verifying, known.of(verifying, "mx.test", 465))


def test_a_context_that_is_gone_is_forgotten(tmp_path: Path, server: ssl.SSLContext) -> None:
    """With everything that was said over it: a file that has changed makes another one."""
    client = client_context(tmp_path / "mail.crt")
    known = Resumptions()
    connect(server, client, known.of(client, "mx.test", 465))
    del client
    gc.collect()
    other = client_context(tmp_path / "mail.crt")

    assert known.of(other, "mx.test", 465).session() is None


def test_after_a_failure_everything_begins_anew(tmp_path: Path, server: ssl.SSLContext) -> None:
    """The server may have forgotten what it has given."""
    client = client_context(tmp_path / "mail.crt")
    resumption = Resumption()
    connect(server, client, resumption)
    core = ClientSession("peer:465", "client.example", "server.example", Terms(Security.IMMEDIATE))
    channel = ClientChannel(core, TlsTerms(client, "mx.test", resumption=resumption))
    channel.data_to_send()
    channel.receive(b"220 no TLS here\r\n")

    assert isinstance(core.next_event(), Failed)
    assert resumption.session() is None
