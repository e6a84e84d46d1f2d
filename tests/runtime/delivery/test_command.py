"""A command that gets a message: what it is given, how it ends, and that it ends."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from smtpdsl.runtime.delivery.command import run_command
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.interfaces import CommandWork, Outcome, Result
from tests.runtime.deliveries import CONTENT, ENVIRONMENT, TIME_LIMIT, first_line, line_to, wait_for

# More than fits into a pipe.
LARGE = b"0123456789abcdef" * (1 << 16)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Return a wish to stop that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


class Shell:
    """Runs commands in a home of their own."""

    def __init__(self, home: Path, stop: Stop) -> None:
        """Run them in *home*."""
        self.home = home
        self.stop = stop

    def run(
        self,
        command: str,
        message: Iterable[bytes] = (CONTENT,),
        environment: tuple[tuple[str, str], ...] = ENVIRONMENT,
        time_limit: float = TIME_LIMIT,
    ) -> Outcome:
        """Run *command*."""
        work = CommandWork(command, environment)
        return run_command(work, str(self.home), iter(message), time_limit, self.stop.descriptor)

    def read(self, name: str) -> bytes:
        """Return what the command has written into a file of the home."""
        return (self.home / name).read_bytes()


@pytest.fixture
def shell(tmp_path: Path, stop: Stop) -> Shell:
    """Return what runs commands in a home of their own."""
    return Shell(tmp_path, stop)


# ---------------------------------------------------------------- what it is given


def test_the_message_is_its_input(shell: Shell) -> None:
    """All pieces of the message arrive in their order, and then the end."""
    outcome = shell.run("cat > got", (b"Return-Path: <>\n", b"", CONTENT))

    assert outcome == Outcome(Result.OK, "Delivered", "2.0.0")
    assert shell.read("got") == b"Return-Path: <>\n" + CONTENT


def test_a_message_larger_than_the_pipe_arrives(shell: Shell) -> None:
    """Writing and listening go on at the same time: neither side waits for the other for ever."""
    outcome = shell.run("tee got", itertools.repeat(LARGE, 5))

    assert outcome.result is Result.OK
    assert shell.read("got") == LARGE * 5


def test_its_environment_is_what_the_work_says(shell: Shell) -> None:
    """Nothing of the server's environment is in it; PWD is the shell's own."""
    environment = (("PATH", "/usr/bin:/bin"), ("SENDER", ""), ("LOCAL", "jo e\n'\"$(x)"), ("DOMAIN", "\udcff"))

    shell.run("cat > /dev/null; env -0 > got", environment=environment)

    variables = {line.split(b"=", 1)[0]: line.split(b"=", 1)[1] for line in shell.read("got").split(b"\0") if line}
    # What a shell sets for itself, the one or the other.
    for name in (b"PWD", b"OLDPWD", b"SHLVL", b"_"):
        variables.pop(name, None)
    assert variables == {b"PATH": b"/usr/bin:/bin", b"SENDER": b"", b"LOCAL": b"jo e\n'\"$(x)", b"DOMAIN": b"\xff"}


def test_it_runs_in_the_home(shell: Shell) -> None:
    """It is where its user expects it to be, and its files are for the user alone."""
    shell.run("cat > /dev/null; pwd > got; umask >> got")

    assert shell.read("got") == f"{shell.home.resolve()}\n0077\n".encode()


@pytest.mark.parametrize("home", ["", "missing", "file"])
def test_without_a_home_it_runs_at_the_root(tmp_path: Path, stop: Stop, home: str) -> None:
    """A home that cannot be entered is no reason not to deliver."""
    (tmp_path / "file").touch()
    work = CommandWork(f"cat > /dev/null; pwd > {tmp_path}/got", ENVIRONMENT)

    run_command(work, home and str(tmp_path / home), iter([CONTENT]), TIME_LIMIT, stop.descriptor)

    assert (tmp_path / "got").read_bytes() == b"/\n"


def test_it_has_three_descriptors(shell: Shell) -> None:
    """No other descriptor of the server is open in it, even one that was meant to be inherited."""
    inheritable = os.dup2(0, 99, inheritable=True)
    try:
        shell.run("cat > /dev/null; for n in $(seq 0 99); do [ -e /proc/$$/fd/$n ] && echo $n; done > got")
    finally:
        os.close(inheritable)

    # Its standard output is `got`, and that is on the list as the shell moved it aside.
    assert set(shell.read("got").split()) - {b"10", b"11"} == {b"0", b"1", b"2"}


def test_it_leads_a_session_of_its_own(shell: Shell) -> None:
    """No terminal, and no signal that is meant for the server, reaches it."""
    shell.run("cat > /dev/null; cut -d' ' -f1,5,6 /proc/$$/stat > got")

    pid, group, session = shell.read("got").split()
    assert pid == group == session


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    ("end", "result", "text"),
    [
        ("exit 0", Result.OK, "Delivered"),
        ("exit 75", Result.TEMPORARY, "Error (temporary failure)"),
        ("exit 71", Result.TEMPORARY, "Error (system resource problem)"),
        ("echo; echo ' no such user '; echo; exit 67", Result.PERMANENT, 'Error (user unknown: "no such user")'),
        ("echo wrong >&2; exit 1", Result.PERMANENT, 'Error (exited with status 1: "wrong")'),
        ("sh -c 'kill -KILL $$'; exit $?", Result.TEMPORARY, 'Error (ended by SIGKILL: "Killed")'),
        ("echo wrong; kill -KILL $$", Result.TEMPORARY, 'Error (ended by SIGKILL: "wrong")'),
        ("kill -40 $$", Result.TEMPORARY, "Error (ended by signal 40)"),
        ("exit 255", Result.PERMANENT, "Error (exited with status 255)"),
    ],
)
def test_its_end_decides(shell: Shell, end: str, result: Result, text: str) -> None:
    """The exit status says what becomes of the message, and the last line of the output why."""
    outcome = shell.run(f"cat > /dev/null; {end}")

    assert (outcome.result, outcome.text) == (result, text)


def test_a_command_that_does_not_exist(shell: Shell) -> None:
    """It is named, together with what the shell says."""
    outcome = shell.run("no-such-command")

    assert outcome.result is Result.PERMANENT
    assert outcome.text.startswith("Error (command not found: ")
    assert "no-such-command" in outcome.text


def test_a_command_that_cannot_be_executed(shell: Shell) -> None:
    """It is another mistake than one that is missing."""
    (shell.home / "plain").touch()

    assert shell.run("./plain").text.startswith("Error (command cannot be executed: ")


@pytest.mark.parametrize(
    "command",
    [
        "true",
        "exec < /dev/null; cat > got; true",
        # A filter that is broken, and who delivers the nothing that comes out of it.
        "no-such-filter 2> /dev/null | cat > got",
    ],
)
@pytest.mark.parametrize("message", [CONTENT, LARGE])
def test_who_reads_nothing_has_not_delivered(shell: Shell, command: str, message: bytes) -> None:
    """Content, but without having seen the message: it is tried again."""
    outcome = shell.run(command, [message])

    assert (outcome.result, outcome.text) == (Result.TEMPORARY, "Error (exited prematurely)")


def test_who_closes_the_input_early_has_not_delivered(shell: Shell) -> None:
    """What does not fit into the pipe was read by nobody."""
    outcome = shell.run("head -c 100 > got", [LARGE])

    assert (outcome.result, outcome.text) == (Result.TEMPORARY, "Error (exited prematurely)")


def test_who_reads_the_header_is_believed(shell: Shell) -> None:
    """A program that answers automatically needs no more."""
    outcome = shell.run("head -c 10 > got", [CONTENT])

    assert outcome.result is Result.OK


def test_a_failure_counts_more_than_what_was_read(shell: Shell) -> None:
    """A command that refuses the message need not read it."""
    outcome = shell.run("echo no; exit 77", [LARGE])

    assert (outcome.result, outcome.text) == (Result.PERMANENT, 'Error (permission denied: "no")')


# ---------------------------------------------------------------- that it ends


@pytest.mark.parametrize("command", ["cat > /dev/null; {}", "{}", "exec < /dev/null; {}", "exec > /dev/null; {}"])
def test_it_is_killed_when_its_time_is_over(shell: Shell, command: str) -> None:
    """Whatever it does with its input and output, all of its process group ends."""
    with line_to(shell.home / "line") as line:
        outcome = shell.run(command.format("sleep 100 > line & sleep 100 > line"), time_limit=0.2)

        assert wait_for(line) == b""
    assert (outcome.result, outcome.text) == (Result.TEMPORARY, "Error (killed after 0.2 seconds)")


def test_it_is_killed_when_nobody_waits(shell: Shell) -> None:
    """The server stops: the message is tried again by the next one."""
    with line_to(shell.home / "line") as line:

        def stopped_in_the_middle() -> Iterator[bytes]:
            yield CONTENT
            assert first_line(shell.home / "line") == b"started\n"
            shell.stop.request()
            yield LARGE

        outcome = shell.run("exec 9> line; head -c 1; echo started >&9; sleep 100", stopped_in_the_middle())

        assert wait_for(line) == b""
    assert (outcome.result, outcome.text) == (Result.TEMPORARY, 'Error (killed because the server stops: "S")')


@pytest.mark.parametrize("background", ["sleep 100", "(sleep 100; :)", "yes >&9"])
def test_what_it_leaves_behind_is_not_waited_for(shell: Shell, background: str) -> None:
    """The end of its shell is its end, though others still hold its output; they are killed."""
    with line_to(shell.home / "line") as line:
        outcome = shell.run(f"cat > /dev/null; exec 9> line; {background} & echo started; exit 3")

        # What it has written is in the pipe; after that comes the end, or ever more.
        assert b"" in (wait_for(line) for _ in range(100))
    assert outcome.text == 'Error (exited with status 3: "started")'


def test_a_background_process_that_prints_for_ever(shell: Shell) -> None:
    """Reading what was printed has an end although the printing has none."""
    outcome = shell.run("cat > /dev/null; setsid yes no & exit 0")

    assert outcome.result is Result.OK


def test_much_output_costs_no_memory(shell: Shell) -> None:
    """Of 100 MB that are printed the end is kept."""
    tracemalloc.start()
    try:
        outcome = shell.run("cat > /dev/null; yes | head -c 100000000; echo; echo the end; exit 1")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert outcome.text == 'Error (exited with status 1: "the end")'
    assert most < 1 << 20


def test_hostile_output_becomes_one_line(shell: Shell) -> None:
    """Whatever a command prints, the log stays readable."""
    outcome = shell.run(r"cat > /dev/null; printf 'ok\n\033[2J\r\tjoe\302\240\377\342\200\256x\000\n'; exit 1")

    assert outcome.text == r'Error (exited with status 1: "\x1b[2J\r\tjoe\u00a0\xff\u202ex\x00")'
    assert outcome.text.isprintable()


def test_a_line_without_end_is_cut(shell: Shell) -> None:
    """What is kept of one line has a limit."""
    outcome = shell.run("cat > /dev/null; head -c 1000000 /dev/zero | tr '\\0' x; exit 1")

    assert outcome.text == f'Error (exited with status 1: "{"x" * 500} …")'


# ---------------------------------------------------------------- what goes wrong on our side


def test_a_message_that_cannot_be_read_to_its_end(shell: Shell) -> None:
    """The command never sees an end of input that is not the end of the message."""

    def cut_off() -> Iterator[bytes]:
        yield CONTENT
        message = "the file of the message ends"
        raise ContentError(message)

    outcome = shell.run("cat > got; touch ended", cut_off())

    assert (outcome.result, outcome.text) == (
        Result.TEMPORARY,
        'Error (temporary failure: "the file of the message ends")',
    )
    assert not (shell.home / "ended").exists()


@pytest.mark.parametrize(
    ("command", "environment"),
    [("true\0", ENVIRONMENT), ("true", (("LOCAL", "a\0b"),)), ("true", (("A=B", ""),)), ("true\ud800", ENVIRONMENT)],
)
def test_what_no_command_can_be(shell: Shell, command: str, environment: tuple[tuple[str, str], ...]) -> None:
    """Impossible characters are an outcome, not a crash."""
    outcome = shell.run(command, environment=environment)

    assert outcome.result is Result.TEMPORARY
    assert "cannot run the command" in outcome.text
    assert outcome.text.isprintable()


def test_a_command_that_is_too_long(shell: Shell) -> None:
    """What the system refuses to start is temporary."""
    outcome = shell.run("true " + "x" * (1 << 20))

    assert outcome.result is Result.TEMPORARY
    assert "Argument list too long" in outcome.text


def test_nothing_stays_open(shell: Shell) -> None:
    """A thousand deliveries use as many descriptors as one."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are enough
    shell.run("cat > /dev/null; echo; exit 0")
    shell.run("exit 0", [LARGE])
    shell.run("sleep 100", time_limit=0.05)

    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
