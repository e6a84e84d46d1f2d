"""Relaying by LMTP: each recipient has an answer of its own (RFC 2033)."""

from __future__ import annotations

import asyncio

from smtpdsl.runtime.interfaces import Outcome, Result
from tests.runtime.net.bad_peer import GOOD, BadPeer, Script
from tests.runtime.relay.relaying import SERVER_NAME, agent_of, attempt_of, relay

OK, TEMPORARY, PERMANENT = Result.OK, Result.TEMPORARY, Result.PERMANENT
LMTP = {key: step for key, step in GOOD.items() if key not in {"EHLO", "HELO"}} | {
    "LHLO": {"reply": "250-store.test\r\n250 PIPELINING\r\n"}
}
THREE = ("a@b.test", "c@d.test", "e@f.test")


def send(script: Script, *recipients: str) -> tuple[list[Outcome], BadPeer]:
    """Relay a message for *recipients* to a server of the *script*."""

    async def run() -> tuple[list[Outcome], BadPeer]:
        async with BadPeer({**LMTP, **script}) as peer:
            return await relay(
                agent_of(f'action out relay host "lmtp://127.0.0.1:{peer.port}"'), attempt_of(*recipients)
            ), peer

    return asyncio.run(run())


def test_each_recipient_has_an_answer() -> None:
    """In the order in which they were accepted; the next session does not begin before the last."""
    script: Script = {
        "RCPT": [{"reply": "250 ok\r\n"}, {"reply": "550 5.1.1 no\r\n"}, {"reply": "250 ok\r\n"}],
        ".": {"reply": "250 2.0.0 one\r\n452 4.2.2 full\r\n"},
    }
    outcomes, peer = send(script, *THREE)

    assert [(each.result, each.status) for each in outcomes] == [
        (OK, "2.0.0"),
        (PERMANENT, "5.1.1"),
        (TEMPORARY, "4.2.2"),
    ]
    assert peer.verbs[0] == "LHLO"
    assert peer.verbs[-1] == "QUIT"


def test_answers_may_come_at_once() -> None:
    """Each is for the next recipient."""
    outcomes, _ = send({".": {"reply": "250 one\r\n250 two\r\n250 three\r\n"}}, *THREE)

    assert [each.text for each in outcomes] == ["250 one", "250 two", "250 three"]


def test_who_has_no_answer_is_tried_again() -> None:
    """Whoever has one is not."""
    outcomes, _ = send({".": {"reply": "250 one\r\n452 two\r\n", "close": True}}, *THREE)

    assert [each.result for each in outcomes] == [OK, TEMPORARY, TEMPORARY]
    assert "it may have arrived" in outcomes[2].text


def test_an_answer_too_many_changes_nothing() -> None:
    """It is no answer to what follows."""
    outcomes, _ = send({".": {"reply": "250 one\r\n550 two\r\n"}}, THREE[0])

    assert [each.result for each in outcomes] == [OK]


def test_a_message_to_nobody_is_not_sent() -> None:
    """RFC 2033 §4.2: 503 is the answer to DATA then; who says 354 has lost count."""
    for data in ("503 5.5.1 nobody\r\n", "354 go\r\n"):
        outcomes, peer = send({"RCPT": {"reply": "550 5.1.1 no\r\n"}, "DATA": {"reply": data}}, *THREE)
        assert [each.result for each in outcomes] == [PERMANENT] * 3
        assert peer.messages == []


def test_a_store_may_have_our_name() -> None:
    """It is often on the same machine."""
    outcomes, _ = send(
        {"connect": {"reply": f"220 {SERVER_NAME} LMTP\r\n"}, "LHLO": {"reply": f"250 {SERVER_NAME}\r\n"}}
    )

    assert [each.result for each in outcomes] == [OK]


def test_a_server_that_speaks_no_lmtp_is_temporary() -> None:
    """HELO is no way out."""
    outcomes, peer = send({"LHLO": {"reply": "500 what?\r\n"}})

    assert [each.result for each in outcomes] == [TEMPORARY]
    assert "HELO" not in peer.verbs
