"""What a process of root answers: what the charter has, and nothing else, whoever asks."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import Identity, Result
from smtpdsl.runtime.supervisor.answering import answer_file, answer_password
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.questions import (
    NO_FORWARD,
    SAME_FILE,
    WRONG,
    Answer,
    CheckPassword,
    Question,
    ReadFile,
    ReadForward,
    file_of,
    forward_of,
    refused,
)
from tests.runtime.deliveries import identity_of, work_of

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
UID = 54321
ROOT_USER = pwd.getpwuid(0).pw_name


@pytest.fixture
def home() -> Iterator[Path]:
    """Return the home directory of `UID`, closed to everybody else."""
    path = Path(tempfile.mkdtemp())
    os.chown(path, UID, UID)
    yield path
    shutil.rmtree(path)


def write_forward(home: Path, text: str) -> None:
    """Write a file that only the owner of *home* can read."""
    path = home / ".forward"
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, home.stat().st_uid, home.stat().st_gid)


def answers(charter: Charter, *questions: Question) -> list[Answer]:
    """Ask a forker for a process for each of *questions*."""
    return asked(charter, *([each] for each in questions))


def asked(charter: Charter, *groups: Sequence[Question]) -> list[Answer]:
    """Ask a forker for a process for each of *groups*."""

    async def run() -> list[Answer]:
        supervisor = ForkingSupervisor(start_forker(charter))
        try:
            return [answer for each in groups for answer in await supervisor.ask_all(each)]
        finally:
            await supervisor.close(0)

    return asyncio.run(run())


# ---------------------------------------------------------------- .forward


@ONLY_ROOT
def test_a_forward_is_read_by_its_owner(home: Path) -> None:
    """Though nobody else can get there."""
    user = identity_of(home, UID)
    write_forward(home, "ann\n")
    (found,) = answers(Charter(identities=frozenset([user])), ReadForward(user))

    assert forward_of(found, str(home)) == ForwardFile(path=f"{home}/.forward", text="ann\n")


@ONLY_ROOT
@pytest.mark.parametrize("owner", [0, UID])
def test_a_forward_of_root_is_read_only_if_it_is_roots(home: Path, owner: int) -> None:
    """It is the one thing that is read by root for a user."""
    os.chown(home, 0, 0)
    write_forward(home, "ann\n")
    os.chown(home / ".forward", owner, owner)
    root = identity_of(home, 0)
    (found,) = answers(Charter(identities=frozenset([root])), ReadForward(root))

    read = forward_of(found, str(home))
    assert isinstance(read, ForwardFile if owner == 0 else ForwardProblem)


@ONLY_ROOT
def test_a_forward_that_root_has_left_is_not_believed(home: Path) -> None:
    """Though the process that reads it is not root: the checks are those of root."""
    user = identity_of(home, UID)
    write_forward(home, "ann\n")
    os.chown(home / ".forward", 0, 0)
    (home / ".forward").chmod(0o644)
    (found,) = answers(Charter(identities=frozenset([user])), ReadForward(user))

    read = forward_of(found, str(home))
    assert isinstance(read, ForwardProblem)
    assert "belongs to user number 0" in read.why


@ONLY_ROOT
@pytest.mark.parametrize("linked", ["/etc/shadow", "/root/.profile"])
def test_a_forward_leads_nowhere_else(home: Path, linked: str) -> None:
    """A link is none."""
    user = identity_of(home, UID)
    (home / ".forward").symlink_to(linked)
    (found,) = answers(Charter(identities=frozenset([user])), ReadForward(user))

    assert forward_of(found, "/h") == ForwardProblem(why=f"{home}/.forward is a symbolic link")


@ONLY_ROOT
@pytest.mark.parametrize(
    "change",
    [
        {"uid": 0},
        {"gid": 0},
        {"uid": -1},
        {"home": "/root"},
        {"home": "/etc"},
        {"name": ROOT_USER},
        {"mail_folder": "/etc"},
    ],
)
def test_made_up_users_are_refused(home: Path, change: dict[str, int | str]) -> None:
    """Neither is anything read for them, nor anything done."""
    user = identity_of(home, UID)
    made_up = user._replace(**change)  # type: ignore[arg-type]  # one of each kind

    async def run() -> tuple[Answer, Result]:
        supervisor = ForkingSupervisor(start_forker(Charter(identities=frozenset([user]))))
        try:
            (answer,) = await supervisor.ask_all([ReadForward(made_up)])
            outcome = await supervisor.perform(work_of(f"cat > {home}/got", made_up))
        finally:
            await supervisor.close(0)
        return answer, outcome.result

    answer, result = asyncio.run(run())
    assert answer.word == "refused"
    assert result is Result.TEMPORARY
    assert list(home.iterdir()) == []


@ONLY_ROOT
def test_an_account_of_the_system_is_believed_as_a_whole_only() -> None:
    """What is said of it has to be what the system says; root has a `.forward`, and nothing is done as root."""
    daemon = pwd.getpwnam("daemon")
    real = Identity(daemon.pw_name, daemon.pw_uid, daemon.pw_gid, daemon.pw_dir)
    charter = Charter(has_system_accounts=True)
    found = answers(charter, ReadForward(real), ReadForward(real._replace(uid=2)), ReadForward(real._replace(gid=42)))

    assert [each.word for each in found] == ["nothing", "refused", "refused"]


@ONLY_ROOT
def test_a_process_of_a_user_answers_nothing_else(home: Path, tmp_path: Path) -> None:
    """Even what the charter has."""
    user = identity_of(home, UID)
    (tmp_path / "key").write_text("secret")
    charter = Charter(identities=frozenset([user]), files=(str(tmp_path / "key"),), checks_passwords=True)
    found = asked(charter, [ReadForward(user), ReadFile(0), CheckPassword("ann", Secret(b"x"))])

    why = refused(f"expected work for {user.name}, found something else")
    assert found == [NO_FORWARD, why, why]


# ---------------------------------------------------------------- files


def test_a_file_is_told_by_its_number(tmp_path: Path) -> None:
    """Its content once, and again when it has changed."""
    path = tmp_path / "key"
    path.write_bytes(b"one")
    charter = Charter(files=(str(path),))
    known = file_of(answer_file(ReadFile(0), charter))
    assert known is not None
    state, octets = known

    assert octets == b"one"
    assert answer_file(ReadFile(0, state), charter) == SAME_FILE
    path.write_bytes(b"another")
    changed = file_of(answer_file(ReadFile(0, state), charter))
    assert changed is not None
    assert changed[1] == b"another"


@pytest.mark.parametrize("number", [-1, 1, 2**70])
def test_there_are_no_other_files(tmp_path: Path, number: int) -> None:
    """Numbers that nobody has given name nothing, from neither end."""
    (tmp_path / "key").write_bytes(b"one")

    assert answer_file(ReadFile(number), Charter(files=(str(tmp_path / "key"),))).word == "refused"


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "large"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """And nobody waits for it."""
    path = tmp_path / kind
    match kind:
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "large":
            with path.open("wb") as file:
                file.truncate(1 << 30)

    assert answer_file(ReadFile(0), Charter(files=(str(path),))).word == "refused"


# ---------------------------------------------------------------- passwords


def test_without_logins_no_password_is_checked() -> None:
    """Only where some listener has `auth` without a table."""
    assert answer_password(CheckPassword("ann", Secret(b"x")), Charter()) == refused(
        "the charter has no accounts of the system"
    )


def test_passwords_of_root_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has taken the server over cannot find out whether one is right."""
    everything = lambda: lambda _login, _password: True  # noqa: E731 - shorter than what it stands for
    monkeypatch.setattr("smtpdsl.runtime.supervisor.answering.system_check", everything)
    question = CheckPassword(ROOT_USER, Secret(b"right"))

    assert answer_password(question, Charter(checks_passwords=True)) == WRONG
    assert answer_password(question._replace(login="ann"), Charter(checks_passwords=True)) != WRONG
