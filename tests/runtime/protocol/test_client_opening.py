"""How a session begins: TLS, a login, LMTP; the server is played by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.protocol.client import (
    ClientSession,
    ContentWanted,
    Finished,
    Phase,
    Ready,
    Security,
    Terms,
    Verdict,
)
from smtpdsl.runtime.protocol.client_login import EndPoint, LoginError
from tests.runtime.client_side import TEMPORARY, THREE, begin, end, events, failure, finish, hear, kinds

OFFER = "250-peer.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"


class Password(NamedTuple):
    """A login with a mechanism of its own: two questions, and the second has to be ``b``."""

    mechanism: str = "TEST"
    is_complete: bool = True

    def begin(self, offered: frozenset[str], refused: frozenset[str], end_point: EndPoint) -> Password | None:
        """Know one mechanism."""
        del end_point
        return self if "TEST" in offered - refused else None

    def respond(self, challenge: bytes | None) -> bytes | None:
        """Answer anything but ``x``."""
        if challenge == b"x":
            message = "it asks for x"
            raise LoginError(message)
        return None if challenge is None else challenge * 2

    def is_told_by(self, text: str) -> bool:
        """Recognise one word."""
        return "secret" in text


def session(security: Security, *, has_login: bool = False, is_lmtp: bool = False) -> ClientSession:
    """Return a session on these terms."""
    login = Password() if has_login else None
    return ClientSession("peer:25", "client.example", "server.example", Terms(security, login, is_lmtp))


def securing(security: Security = Security.REQUIRED) -> ClientSession:
    """Return a session in which TLS begins."""
    core = session(security)
    assert hear(core, "220 peer.example\r\n") == "EHLO client.example\r\n"
    assert hear(core, OFFER) == "STARTTLS\r\n"
    assert hear(core, "220 go\r\n") == ""
    assert core.is_securing
    return core


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("security", [Security.OFFERED, Security.REQUIRED])
def test_after_the_handshake_everything_begins_anew(security: Security) -> None:
    """What was offered in the clear is forgotten, and STARTTLS is not asked for twice."""
    core = securing(security)
    assert core.phase is Phase.TLS
    core.secured()
    assert core.data_to_send() == b"EHLO client.example\r\n"
    assert not core.extensions.offers("PIPELINING")
    assert hear(core, "250-peer.example\r\n250-STARTTLS\r\n250 SIZE 7\r\n") == ""
    assert kinds(core) == [Ready]
    assert core.extensions.offers("SIZE")


def test_tls_from_the_start_comes_before_the_greeting() -> None:
    """The server speaks first, as ever."""
    core = session(Security.IMMEDIATE)
    assert core.is_securing
    core.secured()
    assert core.data_to_send() == b""
    assert core.phase is Phase.GREETING
    assert hear(core, "220 peer.example\r\n") == "EHLO client.example\r\n"
    assert hear(core, "250 peer.example\r\n") == ""
    assert kinds(core) == [Ready]


@pytest.mark.parametrize("more", ["250 ok\r\n", "2", "250-peer.example\r\n250 AUTH PLAIN\r\n"])
def test_what_comes_behind_the_answer_to_starttls_ends_the_session(more: str) -> None:
    """It was said in the clear, by whomever, and would be read as an answer over TLS."""
    core = session(Security.OFFERED)
    hear(core, "220 peer.example\r\n")
    hear(core, OFFER)
    assert hear(core, f"220 go\r\n{more}") == ""

    assert not core.is_securing
    assert core.is_closed
    assert failure(core).status == "4.5.0"
    assert not core.has_failed_securing


FAILURES: dict[str, Callable[[ClientSession], None]] = {
    "no cipher": lambda core: core.securing_failed("no cipher"),
    "the connection was lost (reset)": lambda core: core.connection_lost("reset"),
    "no answer within 7 seconds": lambda core: core.timed_out(7),
}


@pytest.mark.parametrize("security", [Security.REQUIRED, Security.IMMEDIATE])
@pytest.mark.parametrize("reason", FAILURES)
def test_a_handshake_that_fails_is_told_from_other_ends(security: Security, reason: str) -> None:
    """In each way; whoever demands no TLS may try again without."""
    core = session(security) if security is Security.IMMEDIATE else securing()
    FAILURES[reason](core)

    assert failure(core) == Verdict(TEMPORARY, f"no TLS with peer:25: {reason}", "4.7.5")
    assert core.has_failed_securing


def test_an_end_before_or_after_the_handshake_is_another_one() -> None:
    """Then TLS is not to blame."""
    before, after = session(Security.OFFERED), securing()
    before.connection_lost("reset")
    after.secured()
    after.connection_lost("reset")

    assert not before.has_failed_securing
    assert not after.has_failed_securing


# ---------------------------------------------------------------- login


def logging_in(reply: str) -> tuple[ClientSession, str]:
    """Return a session that has said AUTH and heard *reply*, and what it said to that."""
    core = session(Security.IMMEDIATE, has_login=True)
    core.secured()
    hear(core, "220 peer.example\r\n")
    assert hear(core, "250-peer.example\r\n250 AUTH OTHER test\r\n") == "AUTH TEST\r\n"
    return core, hear(core, reply)


def test_challenges_are_answered_until_the_login_is_accepted() -> None:
    """In base64, the empty one too."""
    core, said = logging_in("334 YQ==\r\n")
    assert said == "YWE=\r\n"
    assert hear(core, "334 \r\n") == "\r\n"
    assert hear(core, "235 2.7.0 ok\r\n") == ""
    assert kinds(core) == [Ready]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("334 eA==\r\n", "the login at peer:25 is broken off: it asks for x"),
        ("334 ?\r\n", "the login at peer:25 is broken off: a challenge is no base64"),
        ("535 5.7.8 no\r\n", "535 5.7.8 no (said peer:25 to AUTH)"),
        ("535 no secret\r\n", "535 (what it says repeats the login) (said peer:25 to AUTH)"),
        ("250 ok\r\n", "unexpected answer of peer:25 to AUTH: 250 ok"),
    ],
)
def test_a_login_that_fails_ends_the_session_for_now(reply: str, text: str) -> None:
    """No message is sent without it."""
    core, said = logging_in(reply)

    assert said == ""
    assert core.is_closed
    assert failure(core).text == text


@pytest.mark.parametrize("security", [Security.NEVER, Security.OFFERED])
def test_a_login_is_never_told_in_the_clear(security: Security) -> None:
    """On no terms, whatever the server offers."""
    core = session(security, has_login=True)
    hear(core, "220 peer.example\r\n")
    assert hear(core, "250-peer.example\r\n250 AUTH TEST\r\n") == ""

    assert core.is_closed
    assert failure(core) == Verdict(TEMPORARY, "no login is told to peer:25 in the clear", "4.7.4")


class TwoWays(NamedTuple):
    """A login that has a long first response for ``LONG``, and none for ``SHORT``."""

    mechanism: str = ""
    is_complete: bool = True

    def begin(self, offered: frozenset[str], refused: frozenset[str], end_point: EndPoint) -> TwoWays | None:
        """Prefer ``LONG``."""
        del end_point
        names = sorted(offered - refused)
        return self._replace(mechanism=names[0]) if names else None

    def respond(self, challenge: bytes | None) -> bytes | None:
        """Say at once what is long."""
        if challenge is None:
            return b"long" * 200 if self.mechanism == "LONG" else None
        return b"short"

    def is_told_by(self, text: str) -> bool:
        """Recognise nothing."""
        del text
        return False


def test_what_one_mechanism_has_held_back_is_not_said_for_another() -> None:
    """A first response that is too long for its line waits for a challenge, which may never come."""
    core = ClientSession("peer:25", "client.example", "server.example", Terms(Security.IMMEDIATE, TwoWays()))
    core.secured()
    hear(core, "220 peer.example\r\n")
    assert hear(core, "250-peer.example\r\n250 AUTH LONG SHORT\r\n") == "AUTH LONG\r\n"
    assert hear(core, "535 no\r\n") == "AUTH SHORT\r\n"

    assert hear(core, "334 YQ==\r\n") == "c2hvcnQ=\r\n"


# ---------------------------------------------------------------- LMTP


def test_a_message_by_lmtp_has_an_answer_for_each_recipient() -> None:
    """Those that were refused have theirs already."""
    core = session(Security.NEVER, is_lmtp=True)
    assert hear(core, "220 server.example\r\n") == "LHLO client.example\r\n"
    assert hear(core, "250-server.example\r\n250 PIPELINING\r\n") == ""
    assert kinds(core) == [Ready]
    assert begin(core, THREE).endswith("DATA\r\n")
    assert hear(core, "250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n") == ""
    assert end(core) == "hi\r\n.\r\n"
    assert hear(core, "250 one\r\n") == ""
    assert core.phase is Phase.END
    assert hear(core, "452 three\r\n") == ""

    assert [each.text.partition(" (")[0] for each in finish(core)] == ["250 one", "550 no", "452 three"]
    assert begin(core, THREE).startswith("MAIL")


ANSWERS = st.sampled_from(
    [
        "220 a\r\n",
        "250 ok\r\n",
        OFFER,
        "354 go\r\n",
        "250-peer.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 AUTH TEST\r\n",
        "334 \r\n",
        "334 eA==\r\n",
        "334 !\r\n",
        "500 what\r\n",
        "235 ok\r\n",
        "421 bye\r\n",
        "450 no\r\n",
        "550 no\r\n",
        "?\r\n",
    ]
)


def play(core: ClientSession, script: list[str]) -> tuple[str, bool, list[Verdict]]:
    """Let a server say *script*; return what was said to it in the clear, whether TLS began, and the verdicts."""
    in_the_clear, is_secure, is_begun = "", False, False
    verdicts: list[Verdict] = []
    for answer in script:
        said = hear(core, answer)
        in_the_clear += "" if is_secure else said
        if core.is_securing:
            core.secured()
            core.data_to_send()
            is_secure = True
        for event in events(core):
            if isinstance(event, Ready) and not is_begun:
                is_begun = True
                said = begin(core, THREE)
                in_the_clear += "" if is_secure else said
            elif isinstance(event, ContentWanted):
                core.send_content(b"hi\n")
                core.end_content()
            elif isinstance(event, Finished):
                verdicts += event.verdicts
    core.connection_lost("over")
    verdicts += [verdict for event in events(core) if isinstance(event, Finished) for verdict in event.verdicts]
    assert len(verdicts) == (len(THREE.recipients) if is_begun else 0)
    return in_the_clear, is_secure, verdicts


@given(script=st.lists(ANSWERS, max_size=14), is_lmtp=st.booleans(), has_login=st.booleans())
def test_nothing_is_said_in_the_clear_where_tls_is_demanded(
    script: list[str], *, is_lmtp: bool, has_login: bool
) -> None:
    """Whatever a server answers; and each recipient has one verdict in the end."""
    core = session(Security.REQUIRED, has_login=has_login, is_lmtp=is_lmtp)
    in_the_clear, is_secure, verdicts = play(core, script)

    assert not {"MAIL", "AUTH", "RCPT", "HELO"} & set(in_the_clear.split())
    assert is_secure or not verdicts
