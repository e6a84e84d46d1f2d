"""As root, deliveries are done by processes that have become the user, and by no others."""

from __future__ import annotations

import asyncio
import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from smtpdsl.runtime.interfaces import CommandWork, Identity, LocalWork, MaildirWork, Outcome, Result, SpooledContent
from smtpdsl.runtime.supervisor import supervision
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.worker import Worker
from tests.namespaces import private
from tests.runtime.deliveries import (
    CONTENT,
    ENVIRONMENT,
    NAME,
    PREFIX,
    first_line,
    identity_of,
    line_to,
    mail_in,
    wait_for,
    work_of,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root delivers in other users' names")

ROOT = Path(__file__).parent.parent.parent.parent
# Numbers that no account of a usual system has.
UID = 54321
T = TypeVar("T")


@pytest.fixture
def home() -> Iterator[Path]:
    """Return the home directory of `UID`, below folders that everybody may enter."""
    path = Path(tempfile.mkdtemp())
    os.chown(path, UID, UID)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def outside() -> Iterator[Path]:
    """Return a folder of root that everybody may enter, and nobody else write."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


class Bench:
    """A supervisor, and what it has complained about."""

    def __init__(self, *users: Identity) -> None:
        """Start a forker that works for *users*."""
        self.warnings: list[str] = []
        self.forker = start_forker(Charter(identities=frozenset(users)))
        self.supervisor = ForkingSupervisor(self.forker)

    def run(self, function: Callable[[ForkingSupervisor], Awaitable[T]]) -> T:
        """Call *function* with the supervisor, which is closed afterwards."""

        async def run() -> T:
            self.supervisor.watch(self.warnings.append)
            try:
                return await function(self.supervisor)
            finally:
                await self.supervisor.close(0)

        return asyncio.run(run())


def performed(*works: LocalWork) -> list[Outcome]:
    """Do *works*, one after the other."""

    async def run(supervisor: ForkingSupervisor) -> list[Outcome]:
        return [await supervisor.perform(work) for work in works]

    return Bench(*(work.identity for work in works)).run(run)


def users(home: Path) -> list[Identity]:
    """Return those whom tests work for, in *home*."""
    return [identity_of(home, UID), identity_of(home, UID + 1)]


def maildir_in(home: Path, folder: str = "Maildir", name: str = NAME) -> LocalWork:
    """Return work that puts a message into *folder* in *home*."""
    return work_of(MaildirWork(str(home / folder), name), identity_of(home, UID))


def command_in(home: Path, command: str, time_limit: float = 60) -> LocalWork:
    """Return work that runs *command* in *home*."""
    return work_of(command, identity_of(home, UID), time_limit=time_limit)


def is_temporary(outcome: Outcome, *words: str) -> bool:
    """Whether *outcome* is temporary and its text has all of *words*."""
    return outcome.result is Result.TEMPORARY and all(word in outcome.text for word in words)


# ---------------------------------------------------------------- who does it


def test_what_is_delivered_is_the_users(home: Path) -> None:
    """All folders and files belong to the user and to nobody else."""
    (outcome,) = performed(maildir_in(home))

    assert outcome == Outcome(Result.OK, "Delivered", "2.0.0")
    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + CONTENT}
    for path in [home / "Maildir", *(home / "Maildir").rglob("*")]:
        found = path.stat()
        assert (found.st_uid, found.st_gid) == (UID, UID)
        assert stat.S_IMODE(found.st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_command_is_the_user(home: Path) -> None:
    """All four user numbers and group numbers are its own, it has no other groups and no capabilities."""
    performed(command_in(home, "cat > got; cat /proc/self/status > status; umask > mask; pwd > place"))

    status = dict(line.split(":\t", 1) for line in (home / "status").read_text().splitlines())
    assert status["Uid"].split() == [str(UID)] * 4
    assert status["Gid"].split() == [str(UID)] * 4
    assert status["Groups"].split() == [str(UID)]
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert (home / "mask").read_text() == "0077\n"
    assert (home / "place").read_text() == f"{home}\n"
    assert (home / "got").read_bytes() == PREFIX + CONTENT


def test_a_command_has_no_more_than_the_work_says(home: Path) -> None:
    """Its environment is that of the work, and it has three descriptors and default signals."""
    method = CommandWork(
        "cat > /dev/null; env -0 > got; cat /proc/self/status > status; ls -l /proc/$$/fd", ENVIRONMENT
    )
    descriptors = command_in(
        home, "cat > /dev/null; for n in $(seq 0 99); do [ -e /proc/$$/fd/$n ] && echo $n; done | tr '\\n' ' '; exit 1"
    )
    _, outcome = performed(work_of(method, identity_of(home, UID)), descriptors)

    variables = {line.split(b"=")[0] for line in (home / "got").read_bytes().split(b"\0") if line}
    assert variables - {b"PWD", b"OLDPWD", b"SHLVL", b"_"} == {b"PATH"}
    assert outcome.text == 'Error (exited with status 1: "0 1 2")'
    status = dict(line.split(":\t", 1) for line in (home / "status").read_text().splitlines())
    # Beyond the 31 standard ones are those that the C library keeps for itself.
    assert {int(status[name], 16) & 0x7FFFFFFF for name in ("SigBlk", "SigIgn", "SigCgt")} == {0}


GROUPS = """
    import asyncio, sys
    sys.path.insert(0, sys.argv[1])
    from smtpdsl.runtime.interfaces import CommandWork, Identity, InlineContent, LocalWork
    from smtpdsl.runtime.supervisor.charter import Charter
    from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker

    async def main():
        users = [("joe", 54321), ("joe", 54322), ("nobody-has-this-name", 54321)]
        identities = [Identity(name, uid, 54321, "/") for name, uid in users]
        supervisor = ForkingSupervisor(start_forker(Charter(identities=frozenset(identities))))
        for identity in identities:
            command = CommandWork("cat > /dev/null; id -G; exit 1", (("PATH", "/usr/bin:/bin"),))
            work = LocalWork(identity, command, b"", InlineContent(b"x"), 60)
            print((await supervisor.perform(work)).text)
        await supervisor.close(0)

    asyncio.run(main())
"""


@pytest.mark.usefixtures("private_namespaces")
def test_an_account_has_its_groups_and_a_namesake_has_not(tmp_path: Path) -> None:
    """Supplementary groups are those of the account, if name and number are both its own."""
    accounts = "".join(":".join(each) + "\n" for each in [*map(_fields, pwd.getpwall()), JOE])
    (tmp_path / "passwd").write_text(accounts)
    (tmp_path / "group").write_text("root:x:0:\njoe:x:54321:\nmail:x:54330:ann,joe\nadm:x:54331:ann\nweb:x:54332:joe\n")
    with private({tmp_path / "passwd": "/etc/passwd", tmp_path / "group": "/etc/group"}) as host:
        done = host.run([sys.executable, "-c", textwrap.dedent(GROUPS), ROOT])

    lines = [f'Error (exited with status 1: "{groups}")' for groups in ("54321 54330 54332", "54321", "54321")]
    assert done.stdout.splitlines() == lines, done.stderr


JOE = ("joe", "x", "54321", "54321", "", "/", "/bin/sh")


def _fields(account: pwd.struct_passwd) -> tuple[str, ...]:
    return tuple(map(str, account))


def test_content_that_only_root_can_read_is_delivered(home: Path, tmp_path: Path) -> None:
    """The server opens the file; the user gets what is in it, and never its path."""
    content = b"Subject: large\n\n" + os.urandom(5 << 20)
    (tmp_path / "spooled").write_bytes(content)
    (tmp_path / "spooled").chmod(0o600)
    spooled = SpooledContent(str(tmp_path / "spooled"), len(content))
    works = [maildir_in(home)._replace(content=spooled), command_in(home, "cat > got")._replace(content=spooled)]

    assert {outcome.text for outcome in performed(*works)} == {"Delivered"}
    assert mail_in(home / "Maildir") == {f"new/{NAME}": PREFIX + content}
    assert (home / "got").read_bytes() == PREFIX + content


def test_content_that_is_gone_is_temporary(home: Path, tmp_path: Path) -> None:
    """An accident in the spool does not refuse the message."""
    (outcome,) = performed(maildir_in(home)._replace(content=SpooledContent(str(tmp_path / "missing"), 1)))

    assert is_temporary(outcome, "cannot open the file of the message")


# ---------------------------------------------------------------- whom it is not done for


def test_nothing_is_delivered_as_root(home: Path) -> None:
    """User number 0 is refused for ever, by whatever name."""
    outcomes = performed(*(work._replace(identity=identity_of(home, 0)) for work in two_works(home)))

    assert {outcome.result for outcome in outcomes} == {Result.PERMANENT}
    assert all("nothing is delivered as that" in outcome.text for outcome in outcomes)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("uid", [-1, 2**32 - 1, 2**32, 2**70])
def test_a_number_that_nobody_has_is_nobody(home: Path, uid: int) -> None:
    """-1 means "as it is" to the system, and that would be root."""
    outcomes = performed(*(work._replace(identity=identity_of(home, uid)) for work in two_works(home)))

    assert all(is_temporary(outcome, "cannot work as") for outcome in outcomes)
    assert list(home.iterdir()) == []


def two_works(home: Path) -> list[LocalWork]:
    """Return work of both kinds."""
    return [maildir_in(home), command_in(home, "cat > got")]


# ---------------------------------------------------------------- where it cannot be done


def test_a_home_that_is_not_writable_is_temporary(home: Path) -> None:
    """The rights are those of the user: root would have succeeded."""
    os.chown(home, 0, 0)
    home.chmod(0o755)

    (outcome,) = performed(maildir_in(home))

    assert is_temporary(outcome, f"{home}/Maildir", "Permission denied")
    assert list(home.iterdir()) == []


def test_a_maildir_that_is_a_link_to_a_folder_of_root(home: Path, outside: Path) -> None:
    """Nothing is written there, and no folder is made."""
    (home / "Maildir").symlink_to(outside)

    (outcome,) = performed(maildir_in(home))

    assert is_temporary(outcome, "Permission denied")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("linked", ["tmp", "new", "cur", ".Junk"])
def test_a_folder_of_a_maildir_that_is_a_link_to_one_of_root(home: Path, outside: Path, linked: str) -> None:
    """Nothing is written there; the message arrives only if that folder has no part in it."""
    (home / "Maildir").mkdir()
    for name in {"tmp", "new", "cur"} - {linked}:
        (home / "Maildir" / name).mkdir()
    (home / "Maildir" / linked).symlink_to(outside)
    for path in [home / "Maildir", *(home / "Maildir").iterdir()]:
        os.chown(path, UID, UID, follow_symlinks=False)
    method = MaildirWork(str(home / "Maildir"), NAME, sorts_junk=True)
    content = b"X-Spam: yes\n\n" if linked == ".Junk" else CONTENT

    (outcome,) = performed(work_of(method, identity_of(home, UID), content))

    assert outcome.result is (Result.OK if linked == "cur" else Result.TEMPORARY)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_the_file(home: Path, outside: Path) -> None:
    """A message that replaces a link does not write through it."""
    (outside / "victim").write_bytes(b"untouched")
    (outside / "victim").chmod(0o666)
    for name in ("tmp", "new", "cur"):
        (home / "Maildir" / name).mkdir(parents=True)
        os.chown(home / "Maildir" / name, UID, UID)
    (home / "Maildir/new" / NAME).symlink_to(outside / "victim")

    performed(maildir_in(home))

    assert (outside / "victim").read_bytes() == b"untouched"
    assert (home / "Maildir/new" / NAME).read_bytes() == PREFIX + CONTENT


# ---------------------------------------------------------------- more than one


def test_work_of_one_user_is_done_by_one_process(home: Path) -> None:
    """A worker that has delivered gets more; one that has not, does not."""
    command = command_in(home, "cat > /dev/null; echo $PPID >> got; exit $(grep -c . broken)")
    (home / "broken").touch()

    async def run(supervisor: ForkingSupervisor) -> None:
        await supervisor.perform(command)
        await supervisor.perform(command)
        (home / "broken").write_text("1\n")
        await supervisor.perform(command)
        await supervisor.perform(command)

    (home / "broken").chmod(0o644)
    Bench(*users(home)).run(run)
    first, second, third, fourth = (home / "got").read_text().split()
    assert first == second == third != fourth


def test_work_of_another_user_is_done_by_another_process(home: Path) -> None:
    """Also if only the group or the home differ."""
    home.chmod(0o777)
    (home / "got").touch()
    (home / "got").chmod(0o666)
    command = command_in(home, "cat > /dev/null; echo $PPID $(id -u) $(id -g) >> got")
    identity = command.identity
    others = [
        identity,
        identity._replace(uid=UID + 1),
        identity._replace(gid=UID + 1),
        identity._replace(home="/"),
    ]

    performed(*(command._replace(identity=each, method=_at(home, command)) for each in others))

    lines = [line.split() for line in (home / "got").read_text().splitlines()]
    assert len({line[0] for line in lines}) == 4
    assert [line[1:] for line in lines] == [
        [str(uid), str(gid)] for uid, gid in ((UID, UID), (UID + 1, UID), (UID, UID + 1), (UID, UID))
    ]


def _at(home: Path, work: LocalWork) -> CommandWork:
    assert isinstance(work.method, CommandWork)
    return work.method._replace(command=f"cd {home}; {work.method.command}")


def test_a_worker_works_for_one_user_only(home: Path) -> None:
    """Should the server ever mistake one for another, nothing is done in the wrong name."""
    bench = Bench(*users(home))

    async def run(_: ForkingSupervisor) -> list[Outcome]:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with ours, theirs:
            await bench.forker.fork([theirs.fileno()])
            worker = Worker(ours)
            other = maildir_in(home, name="another")._replace(identity=identity_of(home, UID + 1))
            return [await worker.perform(maildir_in(home)), await worker.perform(other)]

    first, second = bench.run(run)
    assert first.result is Result.OK
    assert is_temporary(second, "expected work for")
    assert list(mail_in(home / "Maildir")) == [f"new/{NAME}"]


def test_many_deliveries_at_a_time(home: Path) -> None:
    """Each is done once, whoever does it, and no process or descriptor is left."""
    works = [maildir_in(home, name=f"message-{number}") for number in range(60)]
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are enough
    bench = Bench(*users(home))

    async def run(supervisor: ForkingSupervisor) -> list[Outcome]:
        return list(await asyncio.gather(*map(supervisor.perform, works)))

    assert {outcome.text for outcome in bench.run(run)} == {"Delivered"}
    assert len(mail_in(home / "Maildir")) == 60
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
    assert not Path(f"/proc/{bench.forker.pid}").exists()


# ---------------------------------------------------------------- accidents


@pytest.mark.parametrize(("how", "text"), [("KILL", "was ended by SIGKILL"), ("SEGV", "was ended by SIGSEGV")])
def test_a_worker_that_dies_is_temporary(home: Path, how: str, text: str) -> None:
    """The forker says how it died, in its place; the next delivery has another one."""
    died, next_one = performed(command_in(home, f"kill -{how} $PPID; sleep 100"), maildir_in(home))

    assert is_temporary(died, text)
    assert next_one.result is Result.OK


def test_an_idle_worker_that_dies_is_not_used(home: Path) -> None:
    """Its connection tells before it is given more work."""
    command = command_in(home, "cat > /dev/null; echo $PPID > got")

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        await supervisor.perform(command)
        worker = os.pidfd_open(int((home / "got").read_text()))
        signal.pidfd_send_signal(worker, signal.SIGKILL)
        await asyncio.to_thread(wait_for_end, worker)
        # When it has begun something new, the forker has noticed as well.
        await supervisor.perform(maildir_in(home)._replace(identity=identity_of(home, UID + 1)))
        return await supervisor.perform(maildir_in(home))

    assert Bench(*users(home)).run(run).result is Result.OK


def wait_for_end(process: int) -> None:
    """Wait for the end of the process that *process* is a descriptor of, and close that."""
    ready, _, _ = select.select([process], [], [], 60)
    os.close(process)
    assert ready


def test_a_worker_that_hangs_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds it up: the message waits, and the command is killed as soon as the worker goes on."""
    # The worker itself would wait for a minute: however slow the machine is, it ends nothing before that.
    monkeypatch.setattr(supervision, "_MARGIN_SECONDS", 0.2 - 60)
    command = command_in(home, "exec 9> line; kill -STOP $PPID; read -r x < gate; kill -CONT $PPID; sleep 100", 60)
    os.mkfifo(home / "gate")
    (home / "gate").chmod(0o666)

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        outcome = await supervisor.perform(command)
        gate.write(b"go on\n")
        return outcome

    # Open for both, it waits for nobody: the command may have been killed before it came to the gate.
    with line_to(home / "line") as line, (home / "gate").open("r+b", buffering=0) as gate:
        assert is_temporary(Bench(*users(home)).run(run), "not done after 60 seconds")
        assert wait_for(line) == b""


def test_a_forker_that_dies_is_told(home: Path) -> None:
    """What runs is heard, what comes next waits, and the server hears of it without asking for anything."""
    bench = Bench(*users(home))
    os.mkfifo(home / "gate")
    (home / "gate").chmod(0o666)

    async def run(supervisor: ForkingSupervisor) -> list[Outcome]:
        told = asyncio.get_running_loop().create_future()
        supervisor.watch(told.set_result)
        waits = command_in(home, "cat > /dev/null; read -r line < gate; exit 3")
        running = asyncio.ensure_future(supervisor.perform(waits))
        gate = await asyncio.to_thread(os.open, home / "gate", os.O_WRONLY)
        os.kill(bench.forker.pid, signal.SIGKILL)
        bench.warnings.append(await told)
        other = await supervisor.perform(maildir_in(home))
        os.write(gate, b"\n")
        os.close(gate)
        return [await running, other]

    running, other = bench.run(run)
    assert running.text == "Error (exited with status 3)"
    assert is_temporary(other, "cannot start a delivering process")
    assert bench.warnings == [f"the process {bench.forker.pid}, which acts for root, is dead"]


def test_what_a_forker_had_not_begun_is_temporary(home: Path) -> None:
    """The request dies with it, and nobody waits for ever."""
    bench = Bench(*users(home))

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        os.kill(bench.forker.pid, signal.SIGSTOP)
        task = asyncio.ensure_future(supervisor.perform(maildir_in(home)))
        await asyncio.wait({task}, timeout=0)
        os.kill(bench.forker.pid, signal.SIGKILL)
        return await task

    assert is_temporary(bench.run(run), "ended without an answer")


def test_signals_that_are_for_the_server_do_not_end_the_forker(home: Path) -> None:
    """Its end is the end of the server."""
    bench = Bench(*users(home))

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        # It has settled when it has begun something.
        await supervisor.perform(maildir_in(home)._replace(identity=identity_of(home, UID + 1)))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(bench.forker.pid, number)
        return await supervisor.perform(maildir_in(home))

    assert bench.run(run).result is Result.OK
    assert bench.warnings == []


def test_the_forker_inherits_nothing(home: Path, tmp_path: Path) -> None:
    """No file, no socket and no variable of the server, even if it was meant to be inherited."""
    with (tmp_path / "lock").open("w") as lock, socket.create_server(("127.0.0.1", 0)) as listening:
        inheritable = [os.dup2(file.fileno(), 90 + file.fileno(), inheritable=True) for file in (lock, listening)]
        bench = Bench(*users(home))
        ours = {Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in inheritable}
        for descriptor in inheritable:
            os.close(descriptor)

        async def run(supervisor: ForkingSupervisor) -> tuple[set[Path], bytes]:
            await supervisor.perform(maildir_in(home))
            process = Path(f"/proc/{bench.forker.pid}")
            found = {path.readlink() for path in (process / "fd").iterdir()}
            return found, (process / "environ").read_bytes()

        theirs, variables = bench.run(run)
    assert not ours & theirs
    assert variables == b""


# ---------------------------------------------------------------- the end

SLEEPS = "exec 9> line; echo started >&9; sleep 100"


def test_a_cancelled_command_is_killed(home: Path) -> None:
    """Nobody would learn what became of it."""

    async def run(supervisor: ForkingSupervisor) -> bool:
        task = asyncio.ensure_future(supervisor.perform(command_in(home, SLEEPS)))
        await asyncio.to_thread(first_line, home / "line")
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    with line_to(home / "line") as line:
        assert Bench(*users(home)).run(run)
        assert wait_for(line) == b""


def test_the_end_of_the_server_is_the_end_of_commands(home: Path) -> None:
    """What does not end within the grace is killed, and its message waits for the next server."""

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        task = asyncio.ensure_future(supervisor.perform(command_in(home, SLEEPS)))
        await asyncio.to_thread(first_line, home / "line")
        await supervisor.close(0)
        return await task

    with line_to(home / "line") as line:
        outcome = Bench(*users(home)).run(run)
        assert wait_for(line) == b""
    assert is_temporary(outcome, "killed because the server stops")


def test_work_that_was_never_begun_is_not_done(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given up before there is a worker, it is not delivered behind anybody's back."""
    monkeypatch.setattr(supervision, "_LAST_WAIT_SECONDS", 0)
    bench = Bench(*users(home))

    async def run(supervisor: ForkingSupervisor) -> Outcome:
        os.kill(bench.forker.pid, signal.SIGSTOP)
        task = asyncio.ensure_future(supervisor.perform(maildir_in(home)))
        await asyncio.wait({task}, timeout=0)
        closing = asyncio.ensure_future(supervisor.close(0))
        outcome = await task
        os.kill(bench.forker.pid, signal.SIGCONT)
        await closing
        return outcome

    assert is_temporary(bench.run(run), "the server stops")
    assert mail_in(home) == {}


KILLED = """
    import asyncio, sys
    sys.path.insert(0, sys.argv[1])
    from smtpdsl.runtime.interfaces import CommandWork, Identity, InlineContent, LocalWork
    from smtpdsl.runtime.supervisor.charter import Charter
    from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker

    async def main():
        identity = Identity("", 54321, 54321, sys.argv[2])
        forker = start_forker(Charter(identities=frozenset([identity])))
        print(forker.pid, flush=True)
        command = CommandWork(sys.argv[3], (("PATH", "/usr/bin:/bin"),))
        await ForkingSupervisor(forker).perform(LocalWork(identity, command, b"", InlineContent(b"x"), 60))

    asyncio.run(main())
"""


def test_when_the_server_is_killed_nothing_stays(home: Path) -> None:
    """Commands are killed, since the next server runs them again, and the forker ends."""
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), str(ROOT), str(home), SLEEPS]
    with line_to(home / "line") as line, subprocess.Popen(arguments, stdout=subprocess.PIPE) as server:
        assert server.stdout
        forker = os.pidfd_open(int(server.stdout.readline()))
        first_line(home / "line")

        server.kill()

        assert wait_for(line) == b""
        wait_for_end(forker)
