"""Logging in at a next hop: only over TLS, with what the table has for the label, and nobody else hears of it."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Outcome, Result
from smtpdsl.runtime.relay.agent import RelayAgent
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script
from tests.runtime.relay.relaying import SERVER_NAME, Events, Names, actions_of, attempt_of
from tests.tls_peers import TlsFolder

OK, TEMPORARY = Result.OK, Result.TEMPORARY
PASSWORD = "s3cret pass"  # noqa: S105 - of nobody
PLAIN = b64encode(f"\0ann\0{PASSWORD}".encode()).decode()


def greeting(mechanisms: str) -> Script:
    """Return the steps of a server that offers *mechanisms* once there is TLS."""
    hello = [
        {"reply": "250-peer.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"},
        {"reply": f"250-peer.example\r\n250 AUTH {mechanisms}\r\n"},
    ]
    return {**GOOD, "EHLO": hello, "STARTTLS": {"reply": "220 go\r\n"}}


def send(
    tmp_path: Path, script: Script, *, table: str = f'who = "ann:{PASSWORD}"', scheme: str = "smtp+tls"
) -> tuple[Outcome, BadPeer, list[str]]:
    """Relay a message to a server of the *script*, with the label ``who``."""
    TlsFolder(tmp_path).pair("mx", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "mx.crt", tmp_path / "mx.key")

    async def run() -> tuple[Outcome, BadPeer, list[str]]:
        log = Events()
        async with BadPeer(script, "127.0.0.1", context, is_immediate=scheme == "smtps") as peer:
            url = f"{scheme}://who@127.0.0.1:{peer.port}"
            actions = actions_of(f'action out relay host "{url}" auth {{ {table} }} tls no-verify\n')
            agent = RelayAgent(actions, SERVER_NAME, resolver=Names(), log=log)
            try:
                [outcome] = await agent.deliver(attempt_of())
            finally:
                await agent.close()
        return outcome, peer, log.lines

    outcome, peer, log = asyncio.run(run())
    for text in (outcome.text, *log):
        assert PASSWORD not in text
        assert PLAIN not in text
    return outcome, peer, log


# ---------------------------------------------------------------- it goes well


@pytest.mark.parametrize("scheme", ["smtp+tls", "smtps"])
def test_plain_is_said_over_tls(tmp_path: Path, scheme: str) -> None:
    """Before the message."""
    script = {**greeting("LOGIN PLAIN"), "AUTH": {"reply": "235 ok\r\n"}}
    if scheme == "smtps":
        script["EHLO"] = {"reply": "250-peer.example\r\n250 AUTH LOGIN PLAIN\r\n"}
    outcome, peer, _ = send(tmp_path, script, scheme=scheme)

    assert outcome.result is OK
    assert peer.lines[peer.verbs.index("AUTH")] == f"AUTH PLAIN {PLAIN}".encode()
    assert peer.verbs.index("AUTH") < peer.verbs.index("MAIL")


def test_a_login_is_bound_to_the_certificate_of_the_server(tmp_path: Path) -> None:
    """SCRAM-SHA-256-PLUS goes first; who refuses it is asked without."""
    script = {**greeting("PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"), "AUTH": {"reply": "535 no\r\n"}}
    _, peer, _ = send(tmp_path, script)

    said = [line.split(b" ") for line in peer.lines if line.startswith(b"AUTH")]
    assert [mechanism for _, mechanism, _ in said] == [b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256", b"PLAIN"]
    assert [b64decode(first)[:3] for _, _, first in said[:2]] == [b"p=t", b"n,,"]


def test_login_is_said_in_two_lines(tmp_path: Path) -> None:
    """Each after a question."""
    user, password = b64encode(b"ann").decode(), b64encode(PASSWORD.encode()).decode()
    script = {
        **greeting("LOGIN"),
        "AUTH": {"reply": "334 VXNlcm5hbWU6\r\n"},
        user.upper(): {"reply": "334 UGFzc3dvcmQ6\r\n"},
        password.upper(): {"reply": "235 2.7.0 ok\r\n"},
    }
    outcome, peer, _ = send(tmp_path, script)

    assert outcome.result is OK
    at = peer.verbs.index("AUTH")
    assert peer.lines[at : at + 3] == [b"AUTH LOGIN", user.encode(), password.encode()]


def test_without_a_colon_the_label_is_the_user(tmp_path: Path) -> None:
    """As releases before 6.4 had it."""
    script = {**greeting("PLAIN"), "AUTH": {"reply": "235 ok\r\n"}}
    outcome, peer, _ = send(tmp_path, script, table=f'who = "{PASSWORD}"')

    assert outcome.result is OK
    expected = b64encode(f"\0who\0{PASSWORD}".encode())
    assert peer.lines[peer.verbs.index("AUTH")] == b"AUTH PLAIN " + expected


def test_a_long_response_waits_for_its_question(tmp_path: Path) -> None:
    """A line of a command has 512 octets (RFC 4954 §4)."""
    long = "x" * 400
    response = b64encode(f"\0ann\0{long}".encode()).decode()
    script = {**greeting("PLAIN"), "AUTH": {"reply": "334 \r\n"}, response.upper(): {"reply": "235 ok\r\n"}}
    outcome, peer, _ = send(tmp_path, script, table=f'who = "ann:{long}"')

    assert outcome.result is OK
    assert b"AUTH PLAIN" in peer.lines


# ---------------------------------------------------------------- it does not


@pytest.mark.parametrize(
    ("reply", "text", "status"),
    [
        ("535 5.7.8 no\r\n", "535 5.7.8 no (said 127.0.0.1:{} to AUTH)", "4.7.8"),
        ("454 4.7.0 later\r\n", "454 4.7.0 later (said 127.0.0.1:{} to AUTH)", "4.7.0"),
        (f"535 what is {PASSWORD}?\r\n", "535 (what it says repeats the login) (said 127.0.0.1:{} to AUTH)", "4.0.0"),
        (f"535 bad: {PLAIN}\r\n", "535 (what it says repeats the login) (said 127.0.0.1:{} to AUTH)", "4.0.0"),
        ("250 ok\r\n", "unexpected answer of 127.0.0.1:{} to AUTH: 250 ok", "4.5.0"),
        ("334 once more\r\n", "the login at 127.0.0.1:{} is broken off: a challenge is no base64", "4.7.5"),
        ("334 \r\n", "the login at 127.0.0.1:{} is broken off: it asks for more than PLAIN has", "4.7.5"),
    ],
)
def test_a_login_that_is_refused_makes_the_message_wait(tmp_path: Path, reply: str, text: str, status: str) -> None:
    """Whoever mends the table frees the mail; it is not sent without a login."""
    outcome, peer, _ = send(tmp_path, {**greeting("PLAIN LOGIN"), "AUTH": {"reply": reply}})

    assert (outcome.result, outcome.text, outcome.status) == (TEMPORARY, text.format(peer.port), status)
    assert peer.verbs.count("AUTH") == 1
    assert "MAIL" not in peer.verbs


def test_a_server_that_refuses_scram_is_told_the_password(tmp_path: Path) -> None:
    """It may have no keys for this login."""
    script = {
        **greeting("SCRAM-SHA-256 PLAIN"),
        "AUTH": [{"reply": "535 no keys\r\n"}, {"reply": "235 ok\r\n"}],
    }
    outcome, peer, _ = send(tmp_path, script)

    assert outcome.result is OK
    assert [line.split()[1] for line in peer.lines if line.startswith(b"AUTH")] == [b"SCRAM-SHA-256", b"PLAIN"]


@pytest.mark.parametrize(
    ("mechanisms", "text"),
    [
        ("CRAM-MD5 XOAUTH2", "offers no way to log in that is known here, only CRAM-MD5, XOAUTH2"),
        ("", "offers no way to log in"),
    ],
)
def test_a_server_without_a_mechanism_of_ours_gets_nothing(tmp_path: Path, mechanisms: str, text: str) -> None:
    """What it offered in the clear does not count."""
    outcome, peer, _ = send(tmp_path, greeting(mechanisms))

    assert (outcome.result, outcome.status) == (TEMPORARY, "4.7.4")
    assert outcome.text.endswith(text)
    assert not {"AUTH", "MAIL"} & set(peer.verbs)


def test_nothing_is_told_in_the_clear(tmp_path: Path) -> None:
    """A server that offers AUTH and no TLS hears neither login nor message."""
    script = {**GOOD, "EHLO": {"reply": "250-peer.example\r\n250 AUTH PLAIN LOGIN\r\n"}}
    outcome, peer, _ = send(tmp_path, script)

    assert outcome.result is TEMPORARY
    assert peer.verbs in (["EHLO"], ["EHLO", "QUIT"])


def test_a_server_that_believes_too_early_is_not_believed(tmp_path: Path) -> None:
    """It has not proved that it knows the password."""
    script = {**greeting("SCRAM-SHA-256"), "AUTH": {"reply": "235 welcome, whoever you are\r\n"}}
    outcome, peer, _ = send(tmp_path, script)

    assert (outcome.result, outcome.status) == (TEMPORARY, "4.7.5")
    assert "MAIL" not in peer.verbs


def test_a_label_that_is_not_in_the_table_is_not_connected_for(tmp_path: Path) -> None:
    """The text names the table, and the label."""
    outcome, peer, _ = send(tmp_path, GOOD, table='other = "ann:secret"')

    assert (outcome.result, outcome.status, peer.connections) == (TEMPORARY, "4.3.5", 0)
    assert 'label "who" of ' in outcome.text
