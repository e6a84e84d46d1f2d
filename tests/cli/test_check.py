"""`smtpdsl check`: several files, formats, fixes, exit statuses, and files that are none."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

FINE = 'listen on 127.0.0.1 port 2525\naction "in" mbox\nmatch from local for local action "in"\n'
WARNING = FINE + "table t { a }\n"
ERROR = FINE + 'match from any for any action "nobody"\n'
FIXABLE = FINE + 'listen on 127.0.0.1 port "26"\n'


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str | bytes) -> Path:
    """Write a file of this test."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def check(*arguments: str) -> Result:
    """Run `smtpdsl check` in this process."""
    return CliRunner().invoke(main, ["check", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (FINE, [], 0),
        (FINE, ["--strict"], 0),
        (WARNING, [], 0),
        (WARNING, ["--strict"], 1),
        (ERROR, [], 1),
    ],
)
def test_exit_status(text: str, options: list[str], status: int) -> None:
    """0 holds, 1 errors, and warnings count with --strict."""
    write("smtpd.conf", text)

    assert check(*options, "smtpd.conf").exit_code == status


def test_nothing_found_is_said_too() -> None:
    """To people; to programs an empty list, or nothing."""
    write("smtpd.conf", FINE)

    assert check("smtpd.conf").stdout == "no problems found\n"
    assert check("--format", "concise", "smtpd.conf").stdout == ""
    assert json.loads(check("--format", "json", "smtpd.conf").stdout) == {"version": 1, "diagnostics": []}


@pytest.mark.parametrize(
    ("form", "beginning"),
    [
        ("text", 'error[unknown-action]: no action named "nobody"'),
        ("concise", 'smtpd.conf:4:31: error: no action named "nobody" [unknown-action]'),
        ("json", '{"version":1,"diagnostics":[{"code":"unknown-action"'),
        ("github", "::error file=smtpd.conf,line=4"),
        ("sarif", '{"$schema":'),
    ],
)
def test_formats(form: str, beginning: str) -> None:
    """The same finding for people, editors, programs and pipelines; never coloured where nobody sees it."""
    write("smtpd.conf", ERROR)

    found = check("--format", form, "smtpd.conf")

    assert found.exit_code == 1
    assert found.stdout.startswith(beginning)
    assert "\x1b" not in found.stdout


def test_a_terminal_has_colours() -> None:
    """Those of the finding, and those of the language in the lines that it shows."""
    write("smtpd.conf", ERROR)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with os.fdopen(theirs, "wb", buffering=0) as screen:
            command = [sys.executable, "-m", "smtpdsl", "check", "--static", "smtpd.conf"]
            environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
            done = subprocess.run(command, stdout=screen, check=False, env=environment | paths)
        shown = terminal.read(10_000).decode()

    assert done.returncode == 1
    assert "\x1b[1;31merror[unknown-action]\x1b[0m" in shown
    assert "\x1b[35mmatch\x1b[0m \x1b[36mfrom\x1b[0m \x1b[34many\x1b[0m" in shown


def test_several_files() -> None:
    """One after the other, each once; the worst decides."""
    write("a.conf", FINE)
    write("b.conf", ERROR)
    write("c.conf", WARNING)

    found = check("--format", "concise", "a.conf", "b.conf", "c.conf", "b.conf")

    assert [line.split(":")[0] for line in found.stdout.splitlines()] == ["b.conf", "c.conf"]
    assert found.exit_code == 1


def test_an_unreadable_file_does_not_keep_the_others_from_being_checked() -> None:
    """But the status is that of wrong use."""
    write("b.conf", ERROR)

    found = check("--format", "concise", "gone.conf", "b.conf")

    assert "unknown-action" in found.stdout
    assert found.stderr == 'Error: cannot read "gone.conf": no such file or directory\n'
    assert found.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], 'name a file: "smtpdsl check smtpd.conf"'),
        (["-"], "no configuration is read from standard input"),
        (["gone"], 'cannot read "gone": no such file or directory'),
        (["folder"], 'cannot read "folder": it is a directory'),
        (["fifo"], 'cannot read "fifo": it is no regular file'),
        (["/dev/null"], 'cannot read "/dev/null": it is no regular file'),
        ([""], 'cannot read "": no such file or directory'),
        (["a\nb"], 'cannot read "a\\nb": no such file or directory'),
        (["--fix", "--diff", "smtpd.conf"], "--fix writes what --diff only shows: choose one"),
        (["--format", "xml", "smtpd.conf"], "--format: expected one of text, concise"),
        (["--target", "postfix", "smtpd.conf"], "--target: expected one of smtpdsl"),
        (["--root", "gone", "smtpd.conf"], '--root: "gone" is no directory'),
        (["-D", "name", "smtpd.conf"], '-D: expected NAME=VALUE, found "name"'),
        (["--sttrict", "smtpd.conf"], "no option --sttrict; did you mean --strict?"),
        (["--explain", "unknwn-action"], 'no code "unknwn-action"; did you mean "unknown-action"?'),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """On standard error, with status 2, and nothing else."""
    write("smtpd.conf", FINE)
    Path("folder").mkdir()
    os.mkfifo("fifo")

    found = check(*arguments)

    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f"Error: {sentence}")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02" * 100,
        b"a" * 50_000_000,
        b"listen on lo\n" * 4_000_000,
        bytes(range(1, 256)) * 4000,
        b"table t " + b"{" * 100_000,
        b"match " + b"!" * 100_000,
        b'"' * 100_001,
        b"\\\n" * 200_000,
        b"x = $x\n" * 5_000,
        b"include 'smtpd.conf'\n" * 1000,
        FINE.replace("\n", "\r\n").encode() * 100,
        "\ufeffaction".encode("utf-16"),
        b"",
    ],
    ids=[
        "binary",
        "huge-line",
        "huge",
        "every-octet",
        "braces",
        "negations",
        "quotes",
        "continuations",
        "macros",
        "cycles",
        "crlf",
        "utf-16",
        "empty",
    ],
)
def test_bad_input_is_answered(content: bytes) -> None:
    """A finding with its place, never a traceback; `make bench-check` tells how long it takes."""
    write("smtpd.conf", content)

    found = check("--format", "concise", "smtpd.conf")

    assert found.exit_code == 1
    assert found.stdout.startswith("smtpd.conf:")


def test_a_table_that_vanishes() -> None:
    """An error where the table is declared."""
    write("smtpd.conf", FINE + "table t file:/etc/gone\nmatch from src <t> for any reject\n")

    found = check("--format", "concise", "smtpd.conf")

    assert found.stdout.startswith('smtpd.conf:4:14: error: cannot read the table file "/etc/gone"')


def test_the_same_include_twice() -> None:
    """What is wrong in it is said once."""
    write("root/etc/part.conf", "listen on 127.0.0.1 port 0\n")
    write("smtpd.conf", 'include "/etc/part.conf"\ninclude "/etc/part.conf"\n' + FINE)

    found = check("--format", "concise", "--root", "root", "smtpd.conf")

    assert found.stdout.count("a port is a number") == 1
    assert found.stdout.startswith("root/etc/part.conf:1:")


def test_macros_of_the_command_line() -> None:
    """Split at the last `=`, and stronger than those of the file."""
    write("smtpd.conf", 'number = "0"\n' + FINE.replace("2525", "$number"))

    assert check("smtpd.conf").exit_code == 1
    assert check("-D", "number=2525", "smtpd.conf").exit_code == 0
    assert check("-D", "a=b=c", "-D", "number=25", "smtpd.conf").exit_code == 0


def test_a_static_look_sees_no_table() -> None:
    """Only includes are read."""
    write("root/etc/part.conf", "table t file:/etc/gone\n")
    write("smtpd.conf", 'include "/etc/part.conf"\n' + FINE + "match from src <t> for any reject\n")

    assert check("--root", "root", "smtpd.conf").exit_code == 1
    assert check("--root", "root", "--static", "smtpd.conf").exit_code == 0


def test_a_comment_silences_a_finding() -> None:
    """On the line, alone above it, or before the first statement for the file."""
    line = "# smtpdsl: allow unused-table -- kept for later\n"
    texts = [
        FINE + "table t { a } " + line,
        FINE + line + "table t { a }\n",
        FINE + line + "table \\\n  t { a }\n",
        line + "\n" + WARNING,
    ]
    for text in texts:
        write("smtpd.conf", text)

        assert check("--strict", "smtpd.conf").exit_code == 0


def test_fix_writes_what_is_safe() -> None:
    """And says what is left."""
    path = write("smtpd.conf", FIXABLE + "table t { a }\n")

    found = check("--fix", "--format", "concise", "smtpd.conf")

    assert path.read_text() == FIXABLE.replace('"26"', "26") + "table t { a }\n"
    assert found.stderr == "fixed smtpd.conf\n"
    assert found.stdout.endswith("[unused-table]\n")
    assert found.exit_code == 0


def test_fix_goes_on_until_nothing_is_left() -> None:
    """Behind line ends that are mended there is another mistake to mend."""
    path = write("smtpd.conf", FIXABLE.replace("\n", "\r\n"))

    found = check("--fix", "smtpd.conf")

    assert path.read_bytes() == FIXABLE.replace('"26"', "26").encode()
    assert found.stdout == "no problems found\n"


def test_fix_mends_an_include_under_the_root() -> None:
    """The file is the one that was read, not the one on this machine."""
    part = write("root/etc/part.conf", 'listen on 127.0.0.1 port "26"\n')
    write("smtpd.conf", 'include "/etc/part.conf"\n' + FINE)

    found = check("--fix", "--root", "root", "smtpd.conf")

    assert part.read_text() == "listen on 127.0.0.1 port 26\n"
    assert found.exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every folder")
def test_fix_that_cannot_be_written() -> None:
    """One sentence; the file stays as it is."""
    path = write("folder/smtpd.conf", FIXABLE)
    path.parent.chmod(0o500)
    try:
        found = check("--fix", "folder/smtpd.conf")
    finally:
        path.parent.chmod(0o700)

    assert found.exit_code == 2
    assert found.stderr.startswith('Error: cannot write "folder/smtpd.conf": ')
    assert path.read_text() == FIXABLE


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch(1) is not installed")
@pytest.mark.parametrize("name", ["smtpd.conf", "a folder/smtpd.conf"])
def test_diff_is_a_patch(name: str, tmp_path: Path) -> None:
    """`patch -p0` applies it where it was made, `patch -p1` elsewhere if it began with a slash."""
    path = write(name, FIXABLE.rstrip("\n"))

    for argument, strip in ((name, "-p0"), (str(tmp_path / name), "-p1")):
        path.write_text(FIXABLE.rstrip("\n"))
        patch = check("--diff", argument)
        assert path.read_text() == FIXABLE.rstrip("\n")
        folder = tmp_path if strip == "-p0" else Path("/")
        subprocess.run(["patch", "--quiet", strip], input=patch.stdout, text=True, check=True, cwd=folder)

        assert path.read_text() == FIXABLE.replace('"26"', "26").rstrip("\n")


def test_diff_of_nothing_is_empty() -> None:
    """The status still tells what was found."""
    write("smtpd.conf", ERROR)

    found = check("--diff", "smtpd.conf")

    assert (found.stdout, found.exit_code) == ("", 1)


def test_explain_prints_the_document_of_a_code() -> None:
    """Whatever else is asked."""
    found = check("--explain", "unknown-action")

    assert found.exit_code == 0
    assert "unknown-action" in found.stdout.splitlines()[0]
