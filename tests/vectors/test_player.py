"""The player against a server that is played, too: every kind of step, and both ends of a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.vectors.format import parse_line
from tests.vectors.modes import Mode
from tests.vectors.played import Door, Played
from tests.vectors.player import Player
from tests.vectors.relays import server_context
from tests.vectors.remote import Remote
from tests.vectors.steps import ScriptStep

SOURCE = "127.0.2.1"
RANDOM = Random("cuts")  # noqa: S311 - nothing is secret here
STARTTLS = [ScriptStep("STARTTLS", b"220 go\r\n"), ScriptStep("tls", accepts=True)]


def play(
    send: Any,  # noqa: ANN401 - whatever JSON can say
    script: Sequence[ScriptStep] = (),
    mode: Mode = Mode.WHOLE,
    **fields: Any,  # noqa: ANN401 - as above
) -> tuple[Played, Remote]:
    """Play a vector with *send* against a server with *script*; return what both have seen."""
    usual = {"id": "x", "listener": "mx", "pre": "none", "codes": []}
    vector = parse_line(json.dumps({**usual, "send": send, **fields}).encode())
    remote = Remote(script, server_context())

    async def both() -> Played:
        await remote.start()
        door = Door(remote.port, starts_tls=vector.listener == "sub-tls")
        try:
            return await Player(vector, mode, door, SOURCE, RANDOM).play()
        finally:
            await remote.stop()

    return asyncio.run(both()), remote


def test_the_state_before_is_reached() -> None:
    """What is said for it, and its replies, are not those of the vector."""
    played, remote = play(".\r\n", pre="data", codes=["250"])

    assert [reply.code for reply in played.early] == ["220", "250", "250", "250", "354"]
    assert played.codes == ["250"]
    assert not played.is_closed
    assert remote.conversations[0].transactions == [("a@elsewhere.test", ("alice@local.test",), b"")]


def test_a_state_that_cannot_be_reached() -> None:
    """It is told, and nothing of the vector is said."""
    played, remote = play("DATA\r\n", [ScriptStep("MAIL", b"451 later\r\n")], pre="mail", codes=["503"])

    assert "the state before was not reached" in played.problems[0]
    assert "DATA" not in remote.conversations[0].commands


def test_the_greeting_belongs_to_whoever_has_not_read_it() -> None:
    """And to whoever writes before it."""
    played, _ = play([{"early": "NOOP\r\n"}], pre="raw", codes=["220", "250"])

    assert played.codes == ["220", "250"]


def test_octets_are_the_same_however_they_are_cut() -> None:
    """Repetitions, too."""
    send = [{"n": 3, "rep": "NOOP\r\n"}, {"byte_by_byte": "RSET\r\n", "gap": 0}, {"w": "NO"}, {"pause": 0}, "OP\r\n"]
    for mode in Mode:
        played, remote = play(send, mode=mode, codes=["250", "250", "250", "250", "250"])

        assert remote.conversations[0].commands == ["NOOP", "NOOP", "NOOP", "RSET", "NOOP"]
        assert played.codes == ["250"] * 5


def test_a_reply_too_many_is_seen() -> None:
    """Though one is expected."""
    played, _ = play("NOOP\r\nNOOP\r\n", codes=["250"])

    assert played.codes == ["250", "250"]


def test_tls_is_begun_when_the_server_says_so() -> None:
    """Replies know how they came; where it was not to be, that is told."""
    send = ["STARTTLS\r\n", {"tls": True, "alpn": ["h2"], "max_version": "TLSv1.2"}, "NOOP\r\n", {"tls_close": True}]
    played, remote = play(send, STARTTLS, codes=["220", "250"], conn="any")
    failed, _ = play(["STARTTLS\r\n", {"tls": "fail"}], STARTTLS, codes=["220"], conn="any")

    assert [(reply.code, reply.over_tls) for reply in played.replies] == [("220", False), ("250", True)]
    assert remote.conversations[0].secure_commands == ["NOOP"]
    assert not played.problems
    assert failed.problems == ("the handshake came about, and should have failed",)


def test_tls_is_not_begun_after_a_refusal() -> None:
    """What follows is said in the clear."""
    played, remote = play(["STARTTLS\r\n", {"tls": True}, "NOOP\r\n"], codes=["500", "250"])

    assert played.codes == ["500", "250"]
    assert remote.conversations[0].commands == ["STARTTLS", "NOOP"]


def test_a_handshake_that_fails() -> None:
    """Too old, or with a name that no host has: told where the connection should have stayed open."""
    old, _ = play(["STARTTLS\r\n", {"tls": True, "max_version": "TLSv1"}], STARTTLS, codes=["220"], conn="closed")
    odd, _ = play(["STARTTLS\r\n", {"tls": True, "sni": "../../etc/passwd"}], STARTTLS, codes=["220"])

    assert old.is_closed
    assert not old.problems
    assert odd.problems[0].startswith("the handshake failed: ")


def test_a_handshake_that_cannot_be_made() -> None:
    """There is no such version."""
    played, _ = play(["STARTTLS\r\n", {"tls": True, "max_version": "TLSv9"}], STARTTLS, codes=["220"])

    assert played.problems == ('the harness cannot make such a handshake: no version of TLS is called "TLSv9"',)


def test_a_listener_that_is_reached_over_tls() -> None:
    """Greeting, EHLO, STARTTLS and EHLO again are before the vector."""
    played, remote = play("NOOP\r\n", STARTTLS, listener="sub-tls", pre="ehlo", codes=["250"])

    assert played.codes == ["250"]
    assert played.replies[0].over_tls
    assert remote.conversations[0].secure_commands == ["EHLO client.test", "NOOP"]


def test_both_ends_of_a_connection() -> None:
    """Ours by FIN and by RST, theirs by a script; a reply before the end is read."""
    half, _ = play(["NOOP\r\n", {"eof": True}], codes=["250"], conn="closed")
    reset, _ = play(["NOOP\r\n", {"rst": True}], codes=["250"], conn="any")
    closed, _ = play("NOOP\r\n", [ScriptStep("NOOP", b"421 bye\r\n", closes=True)], codes=["421"], conn="closed")

    assert half.is_closed
    assert half.codes == ["250"]
    assert reset.is_closed
    assert closed.is_closed
    assert closed.codes == ["421"]


def test_a_client_that_does_not_read() -> None:
    """It sees the replies when there is nothing else to wait for."""
    script = [ScriptStep("QUIT", b"221 bye\r\n", closes=True)]
    played, _ = play([{"no_read": True}, {"w": "NOOP\r\nQUIT\r\n"}], script, codes=[".*"], conn="closed")

    assert played.codes == ["250", "221"]
    assert played.is_closed


def test_a_crowd() -> None:
    """Everybody is there, beside the connection of the vector itself."""
    played, remote = play([{"connect_many": 20, "gap": 0, "hold": 0.1}], pre="raw", codes=[".*"])
    gone, other = play([{"connect_many": 20, "rst": True}], pre="raw", codes=[".*"])

    assert len(remote.conversations) == 21
    assert not played.problems
    assert len(other.conversations) <= 21
    assert not gone.problems


def test_a_server_that_is_not_there() -> None:
    """It is a problem, and no crash."""
    vector = parse_line(b'{"id": "x", "listener": "mx", "send": "NOOP\\r\\n", "codes": ["250"]}')
    played = asyncio.run(Player(vector, Mode.WHOLE, Door(1), SOURCE, RANDOM).play())

    assert played.problems[0].startswith("no connection: ")
