"""Programs that are always there, with real processes: what they write, how they end, and what is done then."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import shlex
from collections.abc import Callable, Coroutine, Mapping

import pytest

from smtpdsl.runtime.programs.command import ProgramCommand, ProgramError, shell_line
from smtpdsl.runtime.programs.limits import USUAL_LIMITS, ProgramLimits
from smtpdsl.runtime.programs.starting import OwnStarter, Started, Starter
from smtpdsl.runtime.programs.supervised import SupervisedProgram
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.program_starter import ForkedStarter

QUICK = USUAL_LIMITS._replace(ready_seconds=10.0, first_pause=0.01, longest_pause=0.05, last_words_seconds=0.2)
NOBODY = 65534
PATIENCE_SECONDS = 30
COMMAND = ProgramCommand("p", "/bin/cat", "nobody", NOBODY, NOBODY)


class Talk:
    """Somebody who says hello, is content with every answer, and keeps what happens."""

    def __init__(self, text: str, starter: Starter, limits: ProgramLimits = QUICK) -> None:
        """Talk with the shell command *text*."""
        self.happened: list[str] = []
        self.warnings: list[str] = []
        self._news = asyncio.Event()
        command = ProgramCommand("p", f"/bin/sh -c {shlex.quote(text)}", "nobody", NOBODY, NOBODY)
        self.program = SupervisedProgram(command, starter, self, self, limits)

    def began(self) -> None:
        """Say hello."""
        self._note("began")
        self.program.send(b"hello\n")

    def heard(self, line: bytes) -> None:
        """Be content, or not."""
        if line == b"nonsense":
            message = "it said nonsense"
            raise ProgramError(message)
        self._note(line.decode())
        self.program.ready()

    def ended(self, why: str) -> None:
        """Keep why."""
        self._note(why)

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Keep nothing."""

    def info(self, text: str) -> None:
        """Keep nothing."""

    def warn(self, text: str) -> None:
        """Keep it."""
        self.warnings.append(text)
        self._news.set()

    def _note(self, what: str) -> None:
        self.happened.append(what)
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until *holds* does."""
        async with asyncio.timeout(20):
            while not holds():
                self._news.clear()
                await self._news.wait()


def talk(
    text: str,
    scene: Callable[[Talk], Coroutine[None, None, None]],
    limits: ProgramLimits = QUICK,
    starter: Starter | None = None,
) -> Talk:
    """Play *scene* with a program that is started with our own rights."""

    async def main() -> Talk:
        talk = Talk(text, starter or OwnStarter(), limits)
        talk.program.start()
        try:
            await scene(talk)
        finally:
            await talk.program.close()
        return talk

    return asyncio.run(main())


def test_lines_go_both_ways() -> None:
    """Standard input and output are one socket; standard error is in the log, behind the name."""

    async def scene(talk: Talk) -> None:
        await talk.program.wait_until_ready()
        talk.program.send(b"one\ntwo\n")
        await talk.until(lambda: "two" in talk.happened)

    found = talk("echo begins >&2; exec cat", scene)
    assert found.happened == ["began", "hello", "one", "two"]
    assert found.warnings == ["p: begins"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("read line; exit 3", "exited with status 3"),
        ("read line; kill -9 $$", "was ended by SIGKILL"),
        ("read line; echo nonsense; sleep 100", "is ended: it said nonsense"),
        ("head -c 300000 /dev/zero; sleep 100", "is ended: it wrote a line of more than 262144 octets"),
        ("exec >&- <&-; sleep 100", "has closed its output"),
    ],
)
def test_it_is_started_again(text: str, why: str) -> None:
    """After a pause that grows; the log says how it ended, and who talks with it hears of that."""

    async def scene(talk: Talk) -> None:
        await talk.until(lambda: talk.happened.count("began") > 2)

    found = talk(text, scene)
    assert found.happened[:4] == ["began", why, "began", why]
    assert found.warnings[:2] == [
        f'the program "p" {why}; it is started again in {pause} seconds' for pause in ("0.01", "0.02")
    ]


def test_who_is_never_ready_is_ended() -> None:
    """There is a limit to the time that it has."""

    async def scene(talk: Talk) -> None:
        await talk.until(lambda: len(talk.warnings) > 0)

    found = talk("exec sleep 100", scene, QUICK._replace(ready_seconds=0.05))
    assert found.happened[1] == "is ended: was not ready within 0.05 seconds"


def test_who_does_not_read_is_ended() -> None:
    """Others can see that it is full, and wait; what it is told does not pile up for ever."""

    async def scene(talk: Talk) -> None:
        await talk.program.wait_until_ready()
        while not talk.program.is_full:
            talk.program.send(b"x" * 65535 + b"\n")
            await asyncio.sleep(0)
        await talk.program.wait_for_room()
        await talk.until(lambda: len(talk.happened) > 2)

    found = talk("echo; exec sleep 100", scene, QUICK._replace(unread_seconds=0.1))
    assert found.happened[2] == "is ended: it did not read what it was told for 0.1 seconds"


def test_what_it_is_told_in_one_turn_counts() -> None:
    """Many sessions have something for it before any of it is written; together they would be too much."""

    async def scene(talk: Talk) -> None:
        await talk.program.wait_until_ready()
        talk.program.send(b"x" * 2000 + b"\n")
        assert talk.program.is_full
        await talk.until(lambda: len(talk.happened) > 2)
        assert not talk.program.is_full

    talk("exec cat", scene, QUICK._replace(full_octets=1000))


class Exhausted(OwnStarter):
    """It has no descriptor left at first."""

    def __init__(self) -> None:
        """Fail once."""
        self._has_failed = False

    async def start(self, command: ProgramCommand) -> Started:
        """Start *command* the second time."""
        if self._has_failed:
            return await super().start(command)
        self._has_failed = True
        raise OSError(errno.EMFILE, "Too many open files")


def test_it_is_started_when_there_are_descriptors_again() -> None:
    """Clients may have taken all of them."""

    async def scene(talk: Talk) -> None:
        await talk.until(lambda: "hello" in talk.happened)

    found = talk("exec cat", scene, starter=Exhausted())
    assert found.happened == ["cannot be started: [Errno 24] Too many open files", "began", "hello"]


def test_what_it_leaves_behind_ends_with_it() -> None:
    """Its process group is its own."""

    async def scene(talk: Talk) -> None:
        await talk.until(lambda: len(talk.happened) > 2)

    found = talk("sleep 100 & echo $!; exit 0", scene)
    assert found.happened[2] == "exited with status 0"
    assert ends(int(found.happened[1]))


def ends(process: int) -> bool:
    """Wait until *process* is gone; it was told to end, and the system takes its time."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(descriptor)


def test_at_the_end_it_may_put_its_things_away() -> None:
    """It reads the end of its input first."""

    async def scene(talk: Talk) -> None:
        await talk.program.wait_until_ready()

    found = talk("echo; cat >/dev/null; echo tidy >&2", scene, QUICK._replace(last_words_seconds=10.0))
    assert found.warnings == ["p: tidy"]


def test_a_flood_of_complaints_is_slowed_down() -> None:
    """The log does not become nothing else; the program waits."""

    async def scene(talk: Talk) -> None:
        await talk.until(lambda: len(talk.warnings) >= 200)
        for _ in range(20):
            await asyncio.sleep(0)

    found = talk("echo; exec yes >&2", scene)
    # What came with the line that was one too many is told.
    assert 200 <= len(found.warnings) < 200_000


@pytest.mark.parametrize("command", ["", "no-such-helper --option"])
def test_a_program_that_is_nowhere(command: str) -> None:
    """It is looked for in the folders of helpers, unless it has a path."""
    with pytest.raises(ProgramError):
        shell_line(command)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_for_root_it_runs_as_its_user() -> None:
    """With the variables of the server and nothing else; the charter says which programs there are."""

    async def main() -> Talk:
        talk = Talk("", OwnStarter())
        command = COMMAND._replace(command="/bin/sh -c 'id -u; id -g; id -G; pwd; echo $COLOUR; cat'")
        charter = Charter(programs=(command,), environment=(("COLOUR", "blue"),))
        supervisor = ForkingSupervisor(start_forker(charter))
        starter = ForkedStarter(supervisor, charter)
        talk.program = SupervisedProgram(command, starter, talk, talk, QUICK)
        talk.program.start()
        await talk.until(lambda: "hello" in talk.happened)
        with pytest.raises(ProgramError, match="does not know it"):
            await starter.start(command._replace(uid=0))
        await talk.program.close()
        await supervisor.close(0)
        return talk

    talk = asyncio.run(main())
    assert talk.happened[1:] == [str(NOBODY)] * 3 + ["/", "blue", "hello"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (COMMAND._replace(uid=0), "user number 0"),
        (COMMAND._replace(uid=-1, user="ghost"), r"does not have its user or its group \(ghost\)"),
        (COMMAND._replace(chroot="/nonexistent"), "No such file"),
    ],
)
def test_for_root_what_cannot_be_is_told(command: ProgramCommand, why: str) -> None:
    """Nobody runs as root, or in the wrong place."""

    async def main() -> None:
        charter = Charter(programs=(command,))
        supervisor = ForkingSupervisor(start_forker(charter))
        with pytest.raises(ProgramError, match=why):
            await ForkedStarter(supervisor, charter).start(command)
        await supervisor.close(0)

    asyncio.run(main())
