"""What `docs/compatibility.md` says of OpenSMTPD and of smtpdsl is so.

The first cell of a table's head says what its rows claim:

    Refused by    the releases refuse the configuration, `--target` says so, and smtpdsl takes it
    Told for      the releases do something else with it, and `--target` says so
    Finding       smtpdsl refuses it with this one error, and OpenSMTPD takes it
    Taken         smtpdsl takes it
    Warning       smtpdsl takes it with this warning
    a service     an entry, what a table is asked for, and whether `ir.matching` finds it

A configuration is written in a cell, with ⏎ for a newline; what it lacks of a whole one is added.  A release is
named by its number, and 6.8 itself is asked too where Debian's package is at hand.

    ```text /etc/mail/aliases      a file that any configuration of the page may name
    ```smtpd.conf explain          the configuration of the next blocks
    ```console                     commands, and lines of what they print, in order

Certificates for `mail` and `other` are there.  Tests that stand for a claim are named in full, and exist.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.portability import checks
from smtpdsl.compiler.portability.finding import Candidate, Check
from smtpdsl.compiler.target import Target
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.codes import PORTABILITY
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.ir.matching import service_matches
from smtpdsl.ir.table_file import Service
from tests.certificates import make_pair, rsa_key
from tests.checking import check_text, write_files

if TYPE_CHECKING:
    from tests.conftest import RequirePeer

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\S+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
RELEASES = {"6.8": Target.OPENSMTPD_6_8, "7.8": Target.OPENSMTPD_7_8}
REST = 'action "rest" relay\nmatch from local for any action "rest"\n'


class Row(NamedTuple):
    """A row of a table: the first cell of the table's head, and the cells."""

    head: str
    cells: list[str]

    @property
    def text(self) -> str:
        """The configuration, whole; one of the language before 6.4 always is."""
        text = self.cells[self.head != "Taken"].replace("⏎", "\n") + "\n"
        return text if re.search(r"^(accept|reject)\b", text, re.MULTILINE) else text + REST

    @property
    def releases(self) -> set[str]:
        """The releases that the first cell names."""
        return set(re.findall(r"\d\.\d", self.cells[0]))


def _cells(line: str) -> list[str]:
    return [cell.strip().removeprefix("`").removesuffix("`") for cell in line.strip().strip("|").split(" |")]


def _rows() -> Iterator[Row]:
    head: str | None = None
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = _cells(line)[0]
        elif not line.startswith("|-"):
            yield Row(head, _cells(line))


ROWS = list(_rows())
FILES = {match[2]: match[3] for match in FENCE.finditer(TEXT) if match[1] == "text"}


def rows(*heads: str, but: str = "") -> pytest.MarkDecorator:
    """Run a test for each row of the tables with these heads, those *but* for one release left out."""
    chosen = [row for row in ROWS if row.head in heads and row.releases != {but}]
    assert chosen, heads
    return pytest.mark.parametrize("row", chosen, ids=lambda row: f"{row.cells[0]}: {row.cells[1][:60]}")


@cache
def _files() -> dict[str, str]:
    """All files that the configurations may name; a key is for its owner only."""
    found = FILES | {"/etc/mail/dkim.key": rsa_key(2048)}
    for name in ("mail", "other"):
        pair = make_pair(name)
        found |= {f"/etc/ssl/{name}.crt": pair.certificate, f"/etc/ssl/{name}.key": pair.key}
    return found


def check(row: Row, root: Path, target: Target = Target.SMTPDSL) -> list[Diagnostic]:
    """Check the configuration of *row*."""
    return check_text(row.text, root, _files(), ["--target", target.value])


def errors(findings: list[Diagnostic]) -> list[tuple[str, str]]:
    """Return code and message of those that are errors."""
    return [(found.code.name, found.message) for found in findings if found.severity is Severity.ERROR]


def portability(findings: list[Diagnostic]) -> list[Severity]:
    """Return the severities of what is said of other releases."""
    return [found.severity for found in findings if found.code is PORTABILITY]


def answer(row: Row, root: Path, require_peer: RequirePeer) -> str:
    """Ask `smtpd -n` of OpenSMTPD 6.8 about the configuration, with its files below *root*."""
    peer = require_peer("opensmtpd")
    if "/etc/ssl/" in row.text and os.geteuid() != 0:
        pytest.skip("OpenSMTPD wants certificates to belong to root")
    write_files(root, _files())
    path = root / "smtpd.conf"
    path.write_text(re.sub(r"/etc/(?=mail/|ssl/)", f"{root}/etc/", row.text), encoding="utf-8")
    return "accept" if peer.run("-n", "-f", path).returncode == 0 else "refuse"


# ---------------------------------------------------------------- other releases


@rows("Refused by", "Told for")
def test_without_a_target_nothing_is_said(row: Row, tmp_path: Path) -> None:
    """The configuration is taken, without a word about other releases."""
    findings = check(row, tmp_path)

    assert errors(findings) == []
    assert portability(findings) == []


@rows("Refused by", "Told for")
def test_the_target_is_told(row: Row, tmp_path: Path) -> None:
    """The releases that are named get one finding, of the severity that the table is about; others get none."""
    severity = Severity.ERROR if row.head == "Refused by" and "warning" not in row.cells[0] else Severity.WARNING
    told = {release: portability(check(row, tmp_path, target)) for release, target in RELEASES.items()}

    assert told == {release: [severity] if release in row.releases else [] for release in RELEASES}


@rows("Refused by")
def test_opensmtpd_refuses(row: Row, tmp_path: Path, require_peer: RequirePeer) -> None:
    """OpenSMTPD 6.8 refuses what the table says that it refuses, and takes what only others refuse."""
    assert answer(row, tmp_path, require_peer) == ("refuse" if "6.8" in row.releases else "accept")


@rows("Told for")
def test_opensmtpd_takes_what_it_does_otherwise(row: Row, tmp_path: Path, require_peer: RequirePeer) -> None:
    """What means something else is a configuration for OpenSMTPD too."""
    assert answer(row, tmp_path, require_peer) == "accept"


@pytest.mark.parametrize("look", [look for _, look in checks._CHECKS], ids=lambda look: look.__name__)  # noqa: SLF001
def test_every_difference_has_a_row(look: Check, tmp_path: Path) -> None:
    """What `--target` can say is in one of the tables."""
    write_files(tmp_path, _files())
    shown = [row for row in ROWS if row.head in {"Refused by", "Told for"} and any(_finds(look, row, tmp_path))]

    assert shown


def _finds(look: Check, row: Row, root: Path) -> Iterator[Diagnostic]:
    compiled = compile_octets("smtpd.conf", row.text.encode(), Machine(str(root)), Report())
    assert compiled.ruleset is not None
    assert compiled.config is not None
    for target in RELEASES.values():
        yield from look(Candidate(compiled.ruleset, compiled.config, target))


# ---------------------------------------------------------------- refused and taken


@rows("Finding")
def test_smtpdsl_refuses(row: Row, tmp_path: Path) -> None:
    """The configuration has this error and no other."""
    assert [code for code, _ in errors(check(row, tmp_path))] == [row.cells[0].split()[0]]


@rows("Finding", but="7.8")
def test_opensmtpd_takes(row: Row, tmp_path: Path, require_peer: RequirePeer) -> None:
    """`smtpd -n` has nothing to say; what only 7.8 knows nobody is asked."""
    assert answer(row, tmp_path, require_peer) == "accept"


@rows("Taken", "Warning")
def test_smtpdsl_takes(row: Row, tmp_path: Path) -> None:
    """The configuration has no error, and the warning that is named."""
    findings = check(row, tmp_path)

    assert errors(findings) == []
    assert row.head == "Taken" or row.cells[0] in {found.code.name for found in findings}


# ---------------------------------------------------------------- meanings


@rows(*(service.value for service in Service if any(row.head == service.value for row in ROWS)))
def test_entries_match_what_they_are_said_to_match(row: Row) -> None:
    """An entry of a table answers for a text as its row says."""
    entry, text, matches = row.cells[:3]

    assert ("yes" if service_matches(Service(row.head), entry, text, "+") else "no") == matches


class Session(NamedTuple):
    """A configuration, a command of a console block, and lines that it prints."""

    configuration: str
    command: str
    lines: list[str]


def _sessions() -> Iterator[Session]:
    configuration = ""
    for match in FENCE.finditer(TEXT):
        if match[1] == "smtpd.conf":
            configuration = match[3]
        elif match[1] == "console":
            for part in match[3].split("$ ")[1:]:
                command, *lines = part.splitlines()
                yield Session(configuration, command, lines)


@pytest.mark.parametrize("session", list(_sessions()), ids=lambda session: session.command)
def test_explain_prints_what_is_shown(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines stand in the output in their order, whatever the blanks."""
    write_files(tmp_path, {**_files(), "/smtpd.conf": session.configuration})
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(session.command)
    result = CliRunner().invoke(main, [*arguments, "--root", str(tmp_path)], catch_exceptions=False)
    printed = iter([" ".join(line.split()) for line in result.stdout.splitlines()])

    assert program == "smtpdsl"
    assert session.lines
    assert [line for line in session.lines if line not in printed] == [], result.output


# ---------------------------------------------------------------- the page itself


def test_tests_that_are_named_exist() -> None:
    """A claim may lean on a test of another file."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    missing = [(path, name) for path, name in named if f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")]

    assert named
    assert missing == []


def test_every_block_is_executed() -> None:
    """There is no kind of block or table that the tests here do not know."""
    blocks = {(match[1], match[2] if match[1] != "text" else "") for match in FENCE.finditer(TEXT)}
    heads = {row.head for row in ROWS} - {service.value for service in Service}

    assert blocks == {("text", ""), ("smtpd.conf", "explain"), ("console", "")}
    # The vectors are executed by tests/differential.
    assert heads == {"Refused by", "Told for", "Finding", "Taken", "Warning", "Vector"}
