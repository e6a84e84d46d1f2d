"""What the documents show of a terminal is what it shows.

A block of a document

    ```console
    $ smtpdsl check smtpd.conf
    no problems found
    ```

is executed: each line that begins with `$ smtpdsl` is run, and everything up to the next command
has to be what it prints, standard output before standard error.  Commands of other programs are
not run.  The commands find the files of `tests/documents/NAME/` in their working directory, for
the document NAME.md, and the folder `examples`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main

ROOT = Path(__file__).parent.parent
FILES = ROOT / "tests" / "documents"
FENCE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Blocks that show single lines of what is printed, or what a running server answers; tests of those pages execute them.
EXCERPTS = {"administration.md", "compatibility.md"}


class Shown(NamedTuple):
    """A command of a document, and what it is said to print."""

    document: Path
    command: str
    output: str


def _shown() -> Iterator[Shown]:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for document in sorted(documents):
        if document.name in EXCERPTS:
            continue
        for block in FENCE.findall(document.read_text(encoding="utf-8")):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if command.startswith("smtpdsl "):
                    yield Shown(document, command, output)


SHOWN = list(_shown())


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.document.stem}: {shown.command}")
def test_a_document_shows_what_is_printed(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for file in (FILES / shown.document.stem).glob("*"):
        shutil.copy(file, tmp_path)

    found = CliRunner().invoke(main, shlex.split(shown.command)[1:])

    assert found.stdout + found.stderr == shown.output


def test_the_readme_shows_an_explanation_and_an_error() -> None:
    """In its first screens, as they really print."""
    commands = [shown.command.split()[:2] for shown in SHOWN if shown.document.name == "README.md"]
    assert commands == [["smtpdsl", "explain"], ["smtpdsl", "check"]]
