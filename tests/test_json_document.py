"""The examples of docs/json.md are what the commands print."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main

DOCUMENT = Path(__file__).parent.parent / "docs" / "json.md"
# A chapter begins with its files and the output; the command stands in between or in the title.
CHAPTER = re.compile(
    r"^## `(?P<title>[^`]+)`\n(?P<files>.*?```\n)(?P<between>(?:(?!```).)*?)```json\n(?P<output>.*?)```\n",
    re.DOTALL | re.MULTILINE,
)
FILE = re.compile(r"`(?P<name>[\w.]+)`:\n\n```\n(?P<text>.*?)```\n", re.DOTALL)
CHAPTERS = [found.groupdict() for found in CHAPTER.finditer(DOCUMENT.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter["title"])
def test_example(chapter: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of a chapter, run on its file, prints its example."""
    monkeypatch.chdir(tmp_path)
    for file in FILE.finditer(chapter["files"]):
        Path(file["name"]).write_text(file["text"], encoding="utf-8")
    written = re.search(r"`smtpdsl ([^`]+)`", chapter["between"])
    command = shlex.split(written[1]) if written else [*chapter["title"].split()[1:], "smtpd.conf"]

    found = CliRunner().invoke(main, command)

    assert json.loads(found.stdout) == json.loads(chapter["output"])
    assert found.stdout.isascii()
    assert found.stdout.count("\n") == 1


def test_every_command_with_json_has_its_chapter() -> None:
    """All of them."""
    assert [chapter["title"] for chapter in CHAPTERS] == [
        "smtpdsl check --format json",
        "smtpdsl explain --json",
        "smtpdsl graph --format json",
        "smtpdsl diff --json",
        "smtpdsl prove --json",
    ]
