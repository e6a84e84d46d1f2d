"""A message is handed to a mail store, and the store says what became of it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.content import OpenContent, open_content
from smtpdsl.runtime.delivery.lmtp import send_by_lmtp
from smtpdsl.runtime.delivery.sharing import each_outcome
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.interfaces import (
    Content,
    Identity,
    InlineContent,
    LmtpWork,
    LocalWork,
    Outcome,
    Result,
    SpooledContent,
)
from tests.runtime.delivery.stores import USUAL, store

PREFIX = b"Delivered-To: joe@example.org\n"
CONTENT = b"Subject: hello\n\n.a dot\nno line end"
SENT = b"Delivered-To: joe@example.org\r\nSubject: hello\r\n\r\n..a dot\r\nno line end\r\n"
JOE = Identity("joe", 1000, 100, "/home/joe")
WORK = LmtpWork("joe", "<ann@example.net>", "mx.example.org")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the store listens."""
    return tmp_path / "lmtp"


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Return a wish to stop that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


Deliver = Callable[..., Outcome]


@pytest.fixture
def deliver(path: Path, stop: Stop) -> Deliver:
    """Return what delivers to the store."""

    def deliver(content: Content | bytes = CONTENT, *, time_limit: float = 60, **changes: object) -> Outcome:
        held = InlineContent(content) if isinstance(content, bytes) else content
        work = WORK._replace(**{"path": str(path), **changes})  # type: ignore[arg-type]
        with open_content(held) as opened:
            return send_by_lmtp(work, PREFIX, opened, time_limit, stop.descriptor)

    return deliver


def is_temporary(outcome: Outcome, *words: str) -> bool:
    """Whether *outcome* is temporary and its text has all of *words*."""
    return outcome.result is Result.TEMPORARY and all(word in outcome.text for word in words)


# ---------------------------------------------------------------- what is said


def test_a_message_goes_over_a_socket(path: Path, deliver: Deliver) -> None:
    """With the name of the user, as it is, and every octet counted."""
    with store(path) as opened:
        assert deliver() == Outcome(Result.OK, "Delivered", "2.0.0")

    size = len(SENT) - len(b".")
    assert opened.commands == [
        "LHLO mx.example.org",
        f"MAIL FROM:<ann@example.net> SIZE={size}",
        "RCPT TO:<joe>",
        "DATA",
        "QUIT",
    ]
    assert opened.messages == [SENT]


def test_a_message_goes_over_tcp(deliver: Deliver) -> None:
    """To an address, or to a name that has several; an IPv6 address that nobody listens at is no matter."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with store(("127.0.0.1", port)) as opened:
        for host in ("127.0.0.1", "localhost"):
            assert deliver(path="", host=host, port=port).result is Result.OK
        assert deliver(path="", host="127.0.0.1", port=str(port)).result is Result.OK
    assert len(opened.messages) == 3

    outcome = deliver(path="", host="127.0.0.1", port=port)
    assert is_temporary(outcome, f"no connection to 127.0.0.1:{port}: Connection refused")
    assert outcome.status == "4.4.1"
    assert is_temporary(deliver(path="", host="::1", port=port), f"no connection to [::1]:{port}: ")


def test_the_null_reverse_path_and_an_address(path: Path, deliver: Deliver) -> None:
    """What came without a sender goes on without one."""
    with store(path) as opened:
        deliver(reverse_path="<>", recipient="joe+x@example.org")

    assert opened.commands[1].startswith("MAIL FROM:<> SIZE=")
    assert opened.commands[2] == "RCPT TO:<joe+x@example.org>"


def test_octets_beyond_ascii_are_told(path: Path, deliver: Deliver) -> None:
    """To a store that offers it."""
    with store(path, {"LHLO": f"{USUAL['LHLO']}".replace("250 8", "250-8") + "\r\n250 SMTPUTF8"}) as opened:
        assert deliver("Subject: ü\n\n".encode(), recipient="jürgen", smtputf8=True).result is Result.OK

    assert opened.commands[1].endswith(" BODY=8BITMIME SMTPUTF8")
    assert opened.commands[2] == "RCPT TO:<jürgen>"


def test_a_large_message_is_sent_piece_by_piece(tmp_path: Path, path: Path, deliver: Deliver) -> None:
    """Every octet of it, whatever fits into the socket."""
    content = b"Subject: large\n\n" + b".x\n" * 300_000
    (tmp_path / "spooled").write_bytes(content)
    with store(path) as opened:
        assert deliver(SpooledContent(str(tmp_path / "spooled"), len(content))).result is Result.OK

    assert opened.messages == [
        PREFIX.replace(b"\n", b"\r\n") + content.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
    ]


def test_several_recipients_have_one_session(path: Path, deliver: Deliver) -> None:
    """And an answer each, in their order."""
    with store(path, {".": "250 2.0.0 stored\n452 4.2.2 full\n550 5.1.1 gone"}) as opened:
        outcome = deliver(others=("ben", "sue"))

    assert (outcome.result, [each.result for each in outcome.others]) == (
        Result.OK,
        [Result.TEMPORARY, Result.PERMANENT],
    )
    assert [each.status for each in outcome.others] == ["4.2.2", "5.1.1"]
    assert opened.commands[2:6] == ["RCPT TO:<joe>", "RCPT TO:<ben>", "RCPT TO:<sue>", "DATA"]
    assert len(opened.messages) == 1


def test_an_answer_that_is_missing_is_of_one_recipient(path: Path, deliver: Deliver) -> None:
    """Those who have theirs are not tried again."""
    with store(path, {".": "250 2.0.0 stored\n"}):
        outcome = deliver(others=("ben", "sue"))

    assert [each.result for each in (outcome, *outcome.others)] == [Result.OK, Result.TEMPORARY, Result.TEMPORARY]


def test_a_session_that_does_not_begin_is_that_of_everybody(path: Path, deliver: Deliver) -> None:
    """Whether there is a store, and whether it wants to talk."""
    with store(path, {"": "421 4.3.2 not now"}):
        outcome = deliver(others=("ben",))

    assert [each.result for each in (outcome, *outcome.others)] == [Result.TEMPORARY] * 2
    assert each_outcome(LocalWork(JOE, WORK._replace(others=("ben",)), b"", InlineContent(b""), 1), deliver()) == [
        deliver(),
        deliver(),
    ]


# ---------------------------------------------------------------- what becomes of it


@pytest.mark.parametrize(
    ("verb", "reply", "result", "status"),
    [
        ("", "554 5.3.2 not now", Result.TEMPORARY, "4.3.2"),
        ("LHLO", "500 what", Result.TEMPORARY, "4.0.0"),
        ("MAIL", "452 4.3.1 full", Result.TEMPORARY, "4.3.1"),
        ("MAIL", "550 5.7.1 not you", Result.PERMANENT, "5.7.1"),
        ("RCPT", "550 5.1.1 nobody", Result.PERMANENT, "5.1.1"),
        ("RCPT", "451 4.2.0 locked", Result.TEMPORARY, "4.2.0"),
        ("RCPT", "421 4.3.2 bye", Result.TEMPORARY, "4.3.2"),
        ("DATA", "451 4.3.0 no", Result.TEMPORARY, "4.3.0"),
        ("DATA", "554 5.5.1 no", Result.PERMANENT, "5.5.1"),
        (".", "452 4.2.2 mailbox full", Result.TEMPORARY, "4.2.2"),
        (".", "552 5.2.2 mailbox full", Result.PERMANENT, "5.2.2"),
    ],
)
def test_the_store_decides(path: Path, deliver: Deliver, verb: str, reply: str, result: Result, status: str) -> None:
    """About the recipient; what it says of itself is temporary."""
    with store(path, {verb: reply}):
        outcome = deliver()

    assert (outcome.result, outcome.status) == (result, status)
    assert reply in outcome.text
    assert f"(said {path} " in outcome.text


@pytest.mark.parametrize("verb", ["", "LHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_store_that_goes_away_is_temporary(path: Path, deliver: Deliver, verb: str) -> None:
    """Whatever it was asked."""
    with store(path, {verb: ""}):
        assert is_temporary(deliver(), "lost")


@pytest.mark.parametrize("verb", ["", "LHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_store_that_says_nothing_is_given_up(path: Path, deliver: Deliver, verb: str) -> None:
    """After the time that a delivery has."""
    with store(path, {verb: None}):
        assert is_temporary(deliver(time_limit=0.05), f"{path}", "within 0.05 seconds")


def test_a_store_that_takes_nothing_is_given_up(tmp_path: Path, path: Path, deliver: Deliver) -> None:
    """In the middle of the message."""
    (tmp_path / "spooled").write_bytes(b"x" * (8 << 20))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 x\r\n")
                for reply in (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
                    connection.recv(4096)
                    connection.sendall(reply)
                end.wait()

        end, thread = threading.Event(), threading.Thread(target=answer)
        thread.start()
        outcome = deliver(SpooledContent(str(tmp_path / "spooled"), 8 << 20), time_limit=0.5)
        end.set()
        thread.join()

    assert is_temporary(outcome, "took nothing of the message for 0.5 seconds")


def test_other_octets_are_no_answer(path: Path, deliver: Deliver) -> None:
    """Whoever listens there speaks another language."""
    with store(path, {"": "HTTP/1.1 400 Bad Request"}):
        assert is_temporary(deliver(), "malformed answer")


def test_a_message_that_is_too_large_is_not_sent(path: Path, deliver: Deliver) -> None:
    """The store has told its limit."""
    with store(path, {"LHLO": "250-x\r\n250 SIZE 10"}) as opened:
        outcome = deliver()

    assert (outcome.result, outcome.status) == (Result.PERMANENT, "5.3.4")
    assert opened.commands == ["LHLO mx.example.org", "QUIT"]


def test_a_message_that_cannot_be_read_is_not_completed(tmp_path: Path, path: Path, deliver: Deliver) -> None:
    """The store has no message, and nobody takes a part of it for the whole."""
    (tmp_path / "spooled").write_bytes(b"x" * 99)
    with store(path) as opened:
        assert is_temporary(deliver(SpooledContent(str(tmp_path / "spooled"), 100)), "ends after 99 of its 100")
    assert opened.messages in ([], [b""])


def test_who_waits_for_a_store_can_be_stopped(path: Path, deliver: Deliver, stop: Stop) -> None:
    """The server ends before the time limit."""
    with store(path, {"LHLO": None}):
        threading.Timer(0.05, stop.request).start()
        assert is_temporary(deliver(time_limit=600), "the server stops")


def test_nobody_is_asked_when_nobody_waits(path: Path, deliver: Deliver, stop: Stop) -> None:
    """A delivery that was given up does not begin."""
    stop.request()
    with store(path) as opened:
        assert is_temporary(deliver(), "stops")
    assert opened.commands == []


# ---------------------------------------------------------------- where there is none


def test_a_socket_that_is_not_there(path: Path, deliver: Deliver) -> None:
    """The store may be started later."""
    assert is_temporary(deliver(), f"no connection to {path}: No such file or directory")
    path.touch()
    assert is_temporary(deliver(), "Connection refused")


@pytest.mark.parametrize("name", ["x\0y", "x" * 200, "x\ud800"])
def test_a_path_that_no_socket_can_have(tmp_path: Path, deliver: Deliver, name: str) -> None:
    """Impossible paths are an outcome, not a crash, and its text can be printed."""
    outcome = deliver(path=str(tmp_path / name))

    assert is_temporary(outcome, "no connection to")
    assert outcome.text.isprintable()


def test_a_host_that_nobody_knows(deliver: Deliver) -> None:
    """It may be known later."""
    assert is_temporary(deliver(path="", host="nosuch.invalid", port=24), "no connection to nosuch.invalid:24: ")


def test_a_sender_that_is_none(deliver: Deliver) -> None:
    """It would never be taken."""
    outcome = deliver(reverse_path="<ann>")

    assert (outcome.result, outcome.status) == (Result.PERMANENT, "5.1.7")


def test_content_that_cannot_be_read(tmp_path: Path, path: Path, stop: Stop) -> None:
    """An error of the spool is temporary, too."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        work = WORK._replace(path=str(path))
        outcome = send_by_lmtp(work, b"", OpenContent(9, descriptor=descriptor), 60, stop.descriptor)
    finally:
        os.close(descriptor)

    assert is_temporary(outcome, "cannot read the file of the message")
