"""What a wrapper passes on is delivered, and nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.delivery.work import do_work
from smtpdsl.runtime.interfaces import LmtpWork, MaildirWork, Outcome, Result, WrappedWork
from tests.runtime.deliveries import CONTENT, ENVIRONMENT, NAME, PREFIX, identity_of, mail_in, work_of
from tests.runtime.delivery.stores import store

Deliver = Callable[..., Outcome]


@pytest.fixture
def deliver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliver]:
    """Return what delivers through a wrapper to a maildir, unless there is another method; it leaves nothing behind."""
    stop = Stop()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def deliver(wrapper: str, inner: MaildirWork | LmtpWork | None = None, time_limit: float = 60) -> Outcome:
        inner = inner or MaildirWork(str(tmp_path / "Maildir"), NAME, sorts_junk=True)
        work = work_of(WrappedWork(wrapper, ENVIRONMENT, inner), identity_of(tmp_path), time_limit=time_limit)
        outcome = do_work(work, OpenContent(len(CONTENT), CONTENT), stop.descriptor)
        assert list((tmp_path / "tmp").iterdir()) == []
        return outcome

    yield deliver
    stop.close()


@pytest.mark.parametrize(
    "wrapper",
    ["nice \0", "cat | \0", 'sh -c "\0"', "sh -c 'nice \0' && echo", "cat >/dev/null || exit 3; cat got | \0"],
)
def test_a_message_goes_through_a_wrapper(tmp_path: Path, deliver: Deliver, wrapper: str) -> None:
    """However it names the delivery."""
    (tmp_path / "got").write_bytes(PREFIX + CONTENT)

    assert deliver(wrapper) == Outcome(Result.OK, "Delivered", "2.0.0")
    assert mail_in(tmp_path / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}


def test_what_the_wrapper_makes_of_it_is_delivered(tmp_path: Path, deliver: Deliver) -> None:
    """A mark of a filter is seen, as the maildir looks at what comes out."""
    assert deliver("sed '1i X-Spam: yes' | \0").result is Result.OK
    assert mail_in(tmp_path / "Maildir") == {f".Junk/new/{NAME}": b"X-Spam: yes\n" + PREFIX + CONTENT}


def test_a_mail_store_gets_it(tmp_path: Path, deliver: Deliver) -> None:
    """With what has become of it, and its answer counts."""
    work = LmtpWork("joe", "<ann@example.net>", "mx.example.org", str(tmp_path / "store"))
    with store(tmp_path / "store") as opened:
        assert deliver("sed s/hello/bye/ | \0", work).result is Result.OK
    assert b"Subject: bye\r\n" in opened.messages[0]
    with store(tmp_path / "other", {"RCPT": "550 5.1.1 nobody"}):
        outcome = deliver("\0", work._replace(path=str(tmp_path / "other")))

    assert (outcome.result, outcome.status) == (Result.PERMANENT, "5.1.1")


@pytest.mark.parametrize(
    ("wrapper", "result", "text"),
    [
        ("cat >/dev/null; exit 67", Result.PERMANENT, "user unknown"),
        ("\0; exit 75", Result.TEMPORARY, "temporary failure"),
        ("cat >/dev/null", Result.TEMPORARY, "the wrapper has passed on nothing"),
        ("false | \0", Result.TEMPORARY, "exited prematurely"),
        ("cat >/dev/null; ulimit -n 3; \0", Result.TEMPORARY, "temporary failure"),
    ],
)
def test_a_wrapper_decides(tmp_path: Path, deliver: Deliver, wrapper: str, result: Result, text: str) -> None:
    """Unless it ends well and passes something on, nothing is delivered."""
    outcome = deliver(wrapper)

    assert outcome.result is result
    assert text in outcome.text
    assert mail_in(tmp_path / "Maildir") == {}


def test_a_wrapper_that_hangs_is_killed(tmp_path: Path, deliver: Deliver) -> None:
    """Whatever it has passed on."""
    outcome = deliver("\0; sleep 100", time_limit=0.2)

    assert outcome.result is Result.TEMPORARY
    assert "killed after 0.2 seconds" in outcome.text
    assert mail_in(tmp_path / "Maildir") == {}
