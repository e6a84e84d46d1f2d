"""The command itself: what it lists, what it imports, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import smtpdsl
from smtpdsl.cli.main import main

ROOT = Path(__file__).parent.parent.parent
QUICKSTART = ROOT / "examples" / "quickstart.conf"
SMTPDSL = [sys.executable, "-m", "smtpdsl"]

# Modules that a check of a small file has no use for.
HEAVY = {
    "asyncio",
    "cryptography",
    "dns",
    "idna",
    "ipaddress",
    "jinja2",
    "json",
    "pwd",
    "smtpdsl.analysis.report_aliases",
    "smtpdsl.analysis.report_strangers",
    "smtpdsl.analysis.rules",
    "smtpdsl.cli.explain",
    "smtpdsl.cli.wrong_use",
    "smtpdsl.compiler.interfaces",
    "smtpdsl.compiler.legacy",
    "smtpdsl.compiler.secrets",
    "smtpdsl.diagnostics.render",
    "smtpdsl.ir.answers",
    "smtpdsl.ir.delivery",
    "smtpdsl.ir.expansion",
    "smtpdsl.ir.regex",
    "smtpdsl.mail.address",
    "smtpdsl.runtime",
    "smtpdsl.tooling",
    "socket",
    "ssl",
}


def run(*arguments: str | Path, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run smtpdsl in a process of its own, in the repository."""
    command = [*SMTPDSL, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60)


def modules_after(program: str) -> set[str]:
    """Return what is imported when *program* has run."""
    shown = f"{program}\nimport sys\nsys.stderr.write(' '.join(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(finished.stderr.split())


def test_a_check_imports_nothing_it_does_not_need() -> None:
    """Beyond what the two libraries bring along, a small file costs none of the slow modules."""
    check = (
        f"from smtpdsl.cli.main import main\nmain(['check', '--static', {str(QUICKSTART)!r}], standalone_mode=False)"
    )
    program = f"try:\n    exec({check!r})\nexcept SystemExit:\n    pass"

    brought_along = modules_after("import click, lark")
    imported = modules_after(program)

    assert "smtpdsl.compiler.pipeline" in imported
    assert imported & HEAVY <= brought_along


@pytest.mark.parametrize("options", [["--help"], ["--version"], []])
def test_help_imports_no_command(options: list[str]) -> None:
    """Listing the commands imports none of them."""
    program = (
        "from smtpdsl.cli.main import main\n"
        f"try:\n    main({options!r})\nexcept SystemExit:\n    pass\nimport sys; sys.stderr = sys.__stderr__"
    )

    assert not {"lark", "smtpdsl.cli.check", "smtpdsl.compiler"} & modules_after(program)


def test_help_lists_the_commands() -> None:
    """Each with its line."""
    found = CliRunner().invoke(main, ["--help"])

    assert found.exit_code == 0
    lines = [" ".join(line.split()) for line in found.stdout.splitlines()]
    assert "check Diagnose configurations." in lines
    assert "highlight Print the syntax file of an editor." in lines


@pytest.mark.parametrize("command", ["check", "explain", "highlight"])
def test_each_command_tells_its_exit_statuses(command: str) -> None:
    """Scripts ask for them."""
    found = CliRunner().invoke(main, [command, "-h"])

    assert found.exit_code == 0
    assert "Exit status: 0 " in found.stdout


def test_the_version() -> None:
    """Of the package."""
    assert CliRunner().invoke(main, ["--version"]).stdout == f"smtpdsl, version {smtpdsl.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chek", "x"], 'no command "chek"; did you mean "check"?'),
        (["frobnicate"], 'no command "frobnicate"; possible are check, ctl, diff, '),
        (["--frobnicate"], "no option --frobnicate (see `main --help`)"),
        (["check", "--target"], "--target takes a value, found nothing (see `main check --help`)"),
        (["check", "--target", "7"], '--target: expected one of smtpdsl, opensmtpd-7.8, opensmtpd-6.8, found "7"'),
        (["check", "--strict=1", "x"], "--strict takes no value"),
        (["check", "--formt", "json"], "no option --formt; did you mean --format?"),
        (["explain", "smtpd.conf", "a@b", "c@d"], 'nothing follows RCPT, found "c@d"; -f names a configuration (see '),
        (["run", "a", "b"], 'nothing follows FILE, found "b" (see '),
        (["run", "--smtp-processes", "x"], '--smtp-processes: expected a number from 0 to 256, found "x" (see '),
        (["run", "--smtp-processes", "-1"], '--smtp-processes: expected a number from 0 to 256, found "-1"'),
        (["highlight"], "expected one of vim, textmate, pygments, emacs, found nothing"),
        (["highlight", "na\x1bno"], 'expected one of vim, textmate, pygments, emacs, found "na\\x1bno"'),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """With status 2."""
    found = CliRunner().invoke(main, arguments)

    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f"Error: {sentence}")
    assert found.stderr.count("\n") == 1


def test_ctrl_c_ends_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was being done: nobody who stops a command needs to be told so."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smtpdsl.cli.highlight.editor_files", stopped)
    found = CliRunner().invoke(main, ["highlight", "vim"])

    assert (found.exit_code, found.output) == (130, "")


def test_a_process_from_end_to_end() -> None:
    """`python -m smtpdsl` is the command."""
    found = run("check", "--root", "examples/root", QUICKSTART)

    assert (found.returncode, found.stdout, found.stderr) == (0, "no problems found\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", QUICKSTART],
        ["check", "--explain", "unknown-action"],
        ["explain", "-f", QUICKSTART, "--from", "local", "a@b.example", "c@localhost"],
        ["explain", "--json", "-f", QUICKSTART, "--from", "local", "a@b.example", "c@localhost"],
        ["--help"],
        ["check", "--help"],
    ],
)
def test_a_closed_pipe_is_no_mistake(arguments: list[str | Path]) -> None:
    """Whoever reads may stop reading; nothing is said about it."""
    read, write = os.pipe()
    os.close(read)
    try:
        found = run(*arguments, stdout=write)
    finally:
        os.close(write)

    assert found.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["check", QUICKSTART], ["--help"]])
def test_a_full_disk_is_one_sentence(arguments: list[str | Path]) -> None:
    """And not a traceback behind the end of the program."""
    with Path("/dev/full").open("w") as full:
        found = run(*arguments, stdout=full.fileno())

    assert found.stderr == "Error: cannot go on: no space left on device\n"
    assert found.returncode == 2


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals(no_color: str, tmp_path: Path, *, is_coloured: bool) -> None:
    """And for people who have not asked for none (no-color.org)."""
    broken = tmp_path / "smtpd.conf"
    broken.write_text("accept\nmatch\n")
    terminal, end = os.openpty()
    environment = {**os.environ, "NO_COLOR": no_color}

    subprocess.run([*SMTPDSL, "check", broken], cwd=ROOT, env=environment, stdout=end, check=False)
    os.close(end)
    printed = os.read(terminal, 65536)
    os.close(terminal)

    assert b"mixed-dialects" in printed
    assert (b"\x1b[" in printed) is is_coloured


def test_without_standard_output() -> None:
    """A closed stream is written to by nobody."""
    command = f"exec {sys.executable} -m smtpdsl check {QUICKSTART} >&-"

    found = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, check=False)

    assert (found.returncode, found.stderr) == (0, b"")


def test_names_that_a_terminal_cannot_show() -> None:
    """Are said somehow, whatever its encoding."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [*SMTPDSL, "check", "é\udcff.conf"]

    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)

    assert found.stderr.startswith(b'Error: cannot read "')
    assert found.stderr.count(b"\n") == 1
