"""The terms on which a relay secures its connections, with servers of ours."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from smtpdsl.ir.resolved import RelayAction
from smtpdsl.runtime.net.tls_client import ClientTls
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from tests.runtime.net.tls_sides import Pair
from tests.tls_peers import Clock, Journal, TlsFolder
from tests.worlds import compile_text


@pytest.fixture
def folder(tmp_path: Path) -> TlsFolder:
    """A folder with an authority and the certificates of two hosts, one of them of the authority."""
    folder = TlsFolder(tmp_path)
    authority = folder.authority("ca")
    folder.pair("mail", "mx.example.org", by=authority)
    folder.pair("own", "own.example.org")
    folder.pair("joe", "joe", by=authority)
    return folder


def action_of(folder: TlsFolder, options: str = "") -> RelayAction:
    """Compile an action with the *options*."""
    text = (
        f'pki joe cert "{folder.folder}/joe.crt" key "{folder.folder}/joe.key"\n'
        f'ca own cert "{folder.folder}/ca.crt"\n'
        f'action "out" relay {options}\n'
        'match from any for any action "out"\n'
    )
    action = compile_text(text).ruleset.actions["out"]
    assert isinstance(action, RelayAction)
    return action


def client(folder: TlsFolder, options: str = "ca own") -> ClientTls:
    """Return the terms of an action with the *options*."""
    return ClientTls(action_of(folder, options), str, Journal())


def server(folder: TlsFolder, name: str = "mail", options: str = "tls") -> ssl.SSLContext:
    """Return the context of a next hop with the certificate *name*."""
    listener = folder.listener(name, options=options, settings='ca own cert "FOLDER/ca.crt"\n')
    return ListenerCertificates(listener, str, Journal()).context()


def test_a_host_that_proves_its_name_is_verified(folder: TlsFolder) -> None:
    """By an authority of `ca`, for the name that was asked for."""
    pair = Pair(server(folder), client(folder).context(verifies=True)).talk()

    assert not pair.errors
    assert pair.client.facts.certificate is not None
    assert pair.client.facts.certificate.is_verified


@pytest.mark.parametrize(
    ("name", "host", "options", "problem"),
    [
        ("mail", "mx.example.net", "ca own", "Hostname mismatch, certificate is not valid for 'mx.example.net'."),
        ("mail", "192.0.2.1", "ca own", "IP address mismatch, certificate is not valid for '192.0.2.1'."),
        ("own", "own.example.org", "ca own", "self-signed certificate"),
        ("mail", "mx.example.org", "", "unable to get local issuer certificate"),
    ],
)
def test_a_host_that_does_not_is_refused(folder: TlsFolder, name: str, host: str, options: str, problem: str) -> None:
    """Another name, another authority; and the system's authorities do not know ours.

    Who asks for nothing better takes the same certificate.
    """
    tls = client(folder, options)
    refused = Pair(server(folder, name), tls.context(verifies=True), host).talk()
    taken = Pair(server(folder, name), tls.context(verifies=False), host).talk()

    assert refused.client_error == f"the handshake fails: its certificate is not accepted: {problem}"
    assert not taken.errors
    assert taken.client.facts.certificate is not None
    assert not taken.client.facts.certificate.is_verified


def test_the_system_names_authorities_where_nobody_else_does(
    folder: TlsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `ca` those of the TLS library are believed."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{folder.folder}/ca.crt")

    assert not Pair(server(folder), client(folder, "").context(verifies=True)).talk().errors


@pytest.mark.parametrize("verifies", [True, False])
def test_a_certificate_is_shown_to_who_asks(folder: TlsFolder, verifies: bool) -> None:  # noqa: FBT001 - a column
    """That of `pki`."""
    context = client(folder, "pki joe ca own").context(verifies=verifies)
    pair = Pair(server(folder, options="tls-require verify ca own"), context).talk()

    assert pair.server.facts.certificate is not None
    assert pair.server.facts.certificate.common_name == "joe"


def test_protocols_and_ciphers_are_honoured(folder: TlsFolder) -> None:
    """Those of the action."""
    tls = client(folder, 'protocols "tlsv1.2" ciphers "ECDHE-ECDSA-AES128-GCM-SHA256"')
    pair = Pair(server(folder), tls.context(verifies=False)).talk()

    assert pair.server.facts.ciphers == "TLSv1.2:ECDHE-ECDSA-AES128-GCM-SHA256:128"


def test_files_are_loaded_anew(folder: TlsFolder) -> None:
    """As those of listeners are."""
    clock, journal = Clock(), Journal()
    tls = ClientTls(action_of(folder, "pki joe ca own"), str, journal, now=clock)
    folder.pair("mail", "mx.example.org", by=folder.authority("ca"))
    assert Pair(server(folder), tls.context(verifies=True)).talk().client_error
    clock.time += 1

    assert not Pair(server(folder), tls.context(verifies=True)).talk().errors
    assert journal.infos == ['the TLS of action "out" is loaded anew']


def test_new_authorities_of_the_system_are_believed(folder: TlsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle of the system is a file like others."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{folder.folder}/ca.crt")
    clock = Clock()
    tls = ClientTls(action_of(folder), str, Journal(), now=clock)
    assert not Pair(server(folder), tls.context(verifies=True)).talk().errors
    folder.pair("mail", "mx.example.org", by=folder.authority("ca"))
    assert Pair(server(folder), tls.context(verifies=True)).talk().client_error
    clock.time += 1

    assert not Pair(server(folder), tls.context(verifies=True)).talk().errors


def test_a_file_that_is_missing_is_named(folder: TlsFolder) -> None:
    """With its line."""
    action = action_of(folder, "pki joe")
    folder.folder.joinpath("joe.key").unlink()

    with pytest.raises(TlsSetupError, match=r'^cannot use the key "/.*/joe\.key" \(smtpd\.conf:1\): no such file'):
        ClientTls(action, str, Journal())
