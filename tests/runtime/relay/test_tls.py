"""Relaying over TLS: what is demanded of a next hop, and what is taken where nothing is demanded."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.net.client import PhaseLimits
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.relay.agent import RelayAgent
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, actions_of, attempt_of
from tests.tls_peers import TlsFolder

OK, TEMPORARY = Result.OK, Result.TEMPORARY
OFFERED = GOOD | {
    "EHLO": {"reply": "250-peer.example\r\n250 STARTTLS\r\n"},
    "STARTTLS": {"reply": "220 go\r\n"},
}
NAMES = {"mx.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}


@pytest.fixture
def folder(tmp_path: Path) -> TlsFolder:
    """A folder with an authority, the certificate of mx.test that it signed, and one that nobody vouches for."""
    folder = TlsFolder(tmp_path)
    authority = folder.authority("ca")
    folder.pair("mx", "mx.test", by=authority)
    folder.pair("self", "mx.test")
    folder.pair("client", "client.test", by=authority)
    return folder


def context_of(folder: TlsFolder, name: str = "mx", *, asks: bool = False) -> ssl.SSLContext:
    """Return the context of a server with the certificate *name*; it *asks* for one of the authority, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.folder / f"{name}.crt", folder.folder / f"{name}.key")
    if asks:
        context.load_verify_locations(folder.folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Relayed:
    """What came of a message."""

    def __init__(self, peer: BadPeer, outcome: Outcome, log: list[str]) -> None:
        """Keep it."""
        self.peer = peer
        self.outcome = outcome
        self.log = log


def send(
    folder: TlsFolder,
    url: str,
    options: str = "",
    *,
    script: Script = OFFERED,
    certificate: str = "mx",
    asks: bool = False,
    limits: PhaseLimits | None = None,
    least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> Relayed:
    """Relay a message to a server of the *script*; PORT in *url* is its port."""

    async def run() -> Relayed:
        log = Events()
        context, is_immediate = context_of(folder, certificate, asks=asks), url.startswith("smtps:")
        context.minimum_version = least
        async with BadPeer(script, "127.0.0.1", context, is_immediate=is_immediate) as peer:
            text = (
                f'ca own cert "{folder.folder}/ca.crt"\n'
                f'pki client cert "{folder.folder}/client.crt" key "{folder.folder}/client.key"\n'
                f'action out relay host "{url}" {options}\n'
            ).replace("PORT", str(peer.port))
            agent = RelayAgent(
                actions_of(text), SERVER_NAME, resolver=Names(NAMES), log=log, limits=limits or PhaseLimits()
            )
            try:
                [outcome] = await agent.deliver(attempt_of())
            finally:
                await agent.close()
            return Relayed(peer, outcome, log.lines)

    return asyncio.run(run())


# ---------------------------------------------------------------- opportunistic


@pytest.mark.parametrize(("host", "certificate"), [("mx.test", "self"), ("other.test", "mx"), ("127.0.0.1", "mx")])
def test_whoever_offers_tls_gets_it(folder: TlsFolder, host: str, certificate: str) -> None:
    """The certificate does not matter; everything after the handshake is said anew, and over TLS."""
    found = send(folder, f"smtp://{host}:PORT", certificate=certificate)

    assert found.outcome.result is OK
    assert found.peer.verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
    assert len(found.peer.secured) == found.peer.connections == 1
    assert found.log[0] == f"mta connecting address=smtp://127.0.0.1:{found.peer.port} host={host}"
    assert found.log[1] == "mta connected"
    assert found.log[2].startswith("mta tls ciphers=TLSv1.3:")
    assert found.log[3].startswith("mta cert-check result=unverified fingerprint=SHA256:")
    assert found.log[4:] == ["mta disconnected reason=quit messages=1"]


def test_whoever_does_not_offer_it_gets_the_message_in_the_clear(folder: TlsFolder) -> None:
    """Nobody has demanded more."""
    found = send(folder, "smtp://mx.test:PORT", script=GOOD)

    assert (found.outcome.result, found.peer.secured) == (OK, [])


@pytest.mark.parametrize("reply", ["454 4.7.0 not now\r\n", "502 no\r\n"])
def test_a_refused_starttls_is_done_without(folder: TlsFolder, reply: str) -> None:
    """In the same session."""
    found = send(folder, "smtp://mx.test:PORT", script=OFFERED | {"STARTTLS": {"reply": reply}})

    assert (found.outcome.result, found.peer.connections) == (OK, 1)
    assert found.peer.verbs[:3] == ["EHLO", "STARTTLS", "MAIL"]


@pytest.mark.parametrize("step", [{"close": True}, {"delay": 700}], ids=["end", "silence"])
def test_a_handshake_that_fails_is_done_without(folder: TlsFolder, step: dict[str, object]) -> None:
    """In another session with the same address, and the log tells it."""
    limits = PhaseLimits(handshake=0.2)
    found = send(folder, "smtp://mx.test:PORT", script=OFFERED | {"tls": step}, limits=limits)

    assert (found.outcome.result, found.peer.connections, len(found.peer.messages)) == (OK, 2, 1)
    assert [line for line in found.log if line.startswith("mta tls")] == [
        "mta tls-fallback reason=the next session goes on in the clear"
    ]
    assert [line for line in found.log if line.startswith("mta error reason=no TLS with mx.test[127.0.0.1]:")]


def test_terms_that_do_not_meet_are_done_without(folder: TlsFolder) -> None:
    """Something is better than nothing, where nobody demands it."""
    for options, result in (("", OK), ("tls no-verify", TEMPORARY)):
        found = send(folder, "smtp://mx.test:PORT", f'{options} protocols "tlsv1.2"', least=ssl.TLSVersion.TLSv1_3)
        assert found.outcome.result is result
        assert found.peer.connections == (2 if result is OK else 1)


def test_what_was_said_before_tls_counts_for_nothing(folder: TlsFolder) -> None:
    """Answers in the clear to questions that were not asked yet are somebody else's (CVE-2021-38371)."""
    injected = {"reply": "220 go\r\n250-peer.example\r\n250 AUTH PLAIN\r\n"}
    found = send(folder, "smtp://mx.test:PORT", script=OFFERED | {"STARTTLS": injected})

    assert (found.outcome.result, found.peer.connections, found.peer.messages) == (TEMPORARY, 1, [])
    assert "sent more than its answer to STARTTLS" in found.outcome.text


def test_extensions_are_those_of_the_second_answer(folder: TlsFolder) -> None:
    """RFC 3207 §4.2: those of the first are forgotten."""
    hello = [
        {"reply": "250-peer.example\r\n250-SIZE 1\r\n250 STARTTLS\r\n"},
        {"reply": "250-peer.example\r\n250 8BITMIME\r\n"},
    ]
    assert send(folder, "smtp://mx.test:PORT", script=OFFERED | {"EHLO": hello}).outcome.result is OK


# ---------------------------------------------------------------- demanded

DEMANDING = [("smtp+tls", ""), ("smtps", ""), ("smtp", "tls")]


@pytest.mark.parametrize(("scheme", "options"), DEMANDING)
def test_who_proves_its_name_gets_the_message(folder: TlsFolder, scheme: str, options: str) -> None:
    """By an authority that the action believes."""
    found = send(folder, f"{scheme}://mx.test:PORT", f"{options} ca own")

    assert found.outcome.result is OK
    assert len(found.peer.secured) == 1
    assert any(line.startswith("mta cert-check result=valid ") for line in found.log)


@pytest.mark.parametrize(("scheme", "options"), DEMANDING)
@pytest.mark.parametrize(
    ("host", "certificate", "problem"),
    [
        ("mx.test", "self", "self-signed certificate"),
        ("other.test", "mx", "Hostname mismatch"),
        ("127.0.0.1", "mx", "IP address mismatch"),
    ],
)
def test_who_does_not_waits(
    folder: TlsFolder, scheme: str, options: str, host: str, certificate: str, problem: str
) -> None:
    """It gets nothing, not even the sender, and there is no second session."""
    found = send(folder, f"{scheme}://{host}:PORT", f"{options} ca own", certificate=certificate)

    assert (found.outcome.result, found.outcome.status) == (TEMPORARY, "4.7.5")
    assert problem in found.outcome.text
    assert "MAIL" not in found.peer.verbs
    # The server begins to count when there is something to say.
    assert found.peer.connections == (0 if scheme == "smtps" else 1)


@pytest.mark.parametrize("scheme", ["smtp+tls", "smtps", "smtp"])
def test_without_verification_tls_is_demanded_all_the_same(folder: TlsFolder, scheme: str) -> None:
    """Whoever answers."""
    found = send(folder, f"{scheme}://other.test:PORT", "tls no-verify", certificate="self")
    assert (found.outcome.result, len(found.peer.secured)) == (OK, 1)
    if scheme != "smtps":
        refused = send(folder, f"{scheme}://other.test:PORT", "tls no-verify", script=GOOD)
        assert refused.outcome.result is TEMPORARY


@pytest.mark.parametrize(
    ("changes", "text", "status"),
    [
        (
            {"EHLO": {"reply": "250 peer.example\r\n"}},
            "mx.test[127.0.0.1]:{} does not offer the TLS that is demanded of it",
            "4.7.4",
        ),
        (
            {"STARTTLS": {"reply": "454 4.7.0 later\r\n"}},
            "454 4.7.0 later (said mx.test[127.0.0.1]:{} to STARTTLS)",
            "4.7.0",
        ),
        ({"STARTTLS": {"reply": "501 no\r\n"}}, "501 no (said mx.test[127.0.0.1]:{} to STARTTLS)", "4.0.0"),
        ({"EHLO": {"reply": "502 what?\r\n"}}, "502 what? (said mx.test[127.0.0.1]:{} to EHLO)", "4.0.0"),
        ({"tls": {"close": True}}, "no TLS with mx.test[127.0.0.1]:{}: the connection was lost", "4.7.5"),
    ],
)
def test_a_server_without_tls_gets_nothing(folder: TlsFolder, changes: Script, text: str, status: str) -> None:
    """Whoever cuts STARTTLS out of what it says makes the message wait, and does not see it."""
    found = send(folder, "smtp+tls://mx.test:PORT", "ca own", script={**OFFERED, **changes})

    assert (found.outcome.result, found.outcome.status) == (TEMPORARY, status)
    assert found.outcome.text.startswith(text.format(found.peer.port))
    assert not {"MAIL", "HELO"} & set(found.peer.verbs)
    assert found.peer.connections == 1


def test_a_certificate_is_shown_to_a_server_that_asks(folder: TlsFolder) -> None:
    """That of `pki`; without one there is no session."""
    found = send(folder, "smtp+tls://mx.test:PORT", "ca own pki client", asks=True)
    assert found.outcome.result is OK
    assert found.peer.secured[0].getpeercert()["subject"] == ((("commonName", "client.test"),),)  # type: ignore[index]

    assert send(folder, "smtp+tls://mx.test:PORT", "ca own", asks=True).outcome.result is TEMPORARY


def test_versions_and_ciphers_are_those_of_the_action(folder: TlsFolder) -> None:
    """`protocols` and `ciphers`."""
    found = send(folder, "smtps://mx.test:PORT", 'ca own protocols "tlsv1.2" ciphers "ECDHE-ECDSA-AES128-GCM-SHA256"')

    assert found.outcome.result is OK
    assert "mta tls ciphers=TLSv1.2:ECDHE-ECDSA-AES128-GCM-SHA256:128" in found.log


def test_a_file_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    """And not when the first message is to go."""
    actions = actions_of(f'ca own cert "{tmp_path}/none.crt"\naction out relay tls ca own\n')
    with pytest.raises(TlsSetupError, match=r'cannot use the authority ".*/none.crt"'):
        RelayAgent(actions, SERVER_NAME, resolver=Names())
