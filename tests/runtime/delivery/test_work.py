"""Work is done by whoever is not root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.delivery.work import do_work
from smtpdsl.runtime.interfaces import MailboxWork, MaildirWork, Result
from tests.runtime.deliveries import CONTENT, NAME, PREFIX, identity_of, mail_in, work_of


@pytest.fixture
def stop() -> Iterator[int]:
    """Return the descriptor of a wish to stop that nobody has."""
    stop = Stop()
    yield stop.descriptor
    stop.close()


@pytest.fixture
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process not be root, as far as it can see."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("ordinary_user")
def test_both_methods_deliver_the_same_octets(tmp_path: Path, stop: int) -> None:
    """A maildir and a command get the prefix and the content."""
    content = OpenContent(len(CONTENT), CONTENT)
    maildir = work_of(MaildirWork(str(tmp_path / "Maildir"), NAME), identity_of(tmp_path))
    command = work_of("cat > got", identity_of(tmp_path))

    assert do_work(maildir, content, stop).result is Result.OK
    assert do_work(command, content, stop).result is Result.OK
    assert mail_in(tmp_path / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}
    assert (tmp_path / "got").read_bytes() == PREFIX + CONTENT


def test_root_does_nothing(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of root delivers for nobody, whatever the identity says."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for method in (MaildirWork(str(tmp_path / "Maildir"), NAME), "touch done"):
        outcome = do_work(work_of(method, identity_of(tmp_path)), OpenContent(0), stop)

        assert outcome.result is Result.PERMANENT
        assert "nothing is delivered as that" in outcome.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ordinary_user")
def test_a_mailbox_is_one_file(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the system, or any other one."""
    monkeypatch.setattr(os, "geteuid", os.getuid)
    joe = identity_of(tmp_path, 1000, "joe")
    system = MailboxWork(str(tmp_path / "joe"), "From x", is_system=True)
    content = OpenContent(len(CONTENT), CONTENT)
    refused = do_work(
        work_of(MailboxWork(str(tmp_path / "x"), ""), joe._replace(mail_folder="/var/mail")), content, stop
    )
    assert (refused.result, list(tmp_path.iterdir())) == (Result.TEMPORARY, [])
    if os.getuid():
        assert do_work(work_of(system, joe._replace(mail_folder=str(tmp_path))), content, stop).result is Result.OK
    root = joe._replace(uid=0, mail_folder=str(tmp_path))

    assert do_work(work_of(system, root), content, stop).result is Result.OK
    assert (tmp_path / "joe").read_bytes().endswith(b"From x\n" + PREFIX + CONTENT + b"\n\n")


def test_root_appends_to_its_own_mailbox_alone(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of root has become nobody, so the mailbox of a user is not for it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    joe = identity_of(tmp_path, 1000, "joe")._replace(mail_folder=str(tmp_path))
    system = MailboxWork(str(tmp_path / "joe"), "From x", is_system=True)

    assert do_work(work_of(system, joe), OpenContent(0), stop).result is Result.PERMANENT
    assert list(tmp_path.iterdir()) == []
