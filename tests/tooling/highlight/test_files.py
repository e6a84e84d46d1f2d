"""The files of editors that are in this repository."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from smtpdsl.tooling.highlight import KINDS, MAIN_FILES, editor_files
from tests.conftest import CompareGolden

ROOT = Path(__file__).parent.parent.parent.parent
PLACES = {
    "vim": ROOT / "editors" / "vim",
    "textmate": ROOT / "editors" / "vscode",
    "emacs": ROOT / "editors" / "emacs",
    "pygments": ROOT / "smtpdsl" / "tooling",
}
FILES = [(kind, name) for kind in KINDS for name in editor_files(kind)]


@pytest.mark.parametrize(("kind", "name"), FILES, ids=lambda each: each)
def test_files_are_what_the_grammar_says(kind: str, name: str, golden: CompareGolden) -> None:
    """After a change to the grammar or to a template, `make editors` makes them anew."""
    golden(PLACES[kind] / name, editor_files(kind)[name])


def test_there_are_no_others() -> None:
    """A file that nothing makes any more is gone; only the README was written by somebody."""
    made = {PLACES[kind] / name for kind, name in FILES if kind != "pygments"}
    there = {path for path in (ROOT / "editors").rglob("*") if path.is_file() and path.name != "README.md"}

    assert there == made
    assert {path.parent.name for path in (ROOT / "editors").rglob("README.md")} == {"vim", "vscode", "emacs"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_main_file_is_one_of_them(kind: str) -> None:
    """It is what `smtpdsl highlight` prints."""
    assert MAIN_FILES[kind] in editor_files(kind)


@pytest.mark.parametrize("name", [name for kind, name in FILES if name.endswith(".json")])
def test_json_is_json(name: str) -> None:
    """A template has commas in all the right places."""
    assert json.loads(editor_files("textmate")[name])


@pytest.mark.parametrize(("kind", "name"), FILES, ids=lambda each: each)
def test_lines_are_clean(kind: str, name: str) -> None:
    """No blanks at their ends, one newline at the end of all, and nothing left of a template."""
    text = editor_files(kind)[name]

    assert not re.search(r"[ \t]\n", text)
    assert re.search(r"[^\n]\n\Z", text)
    assert not re.search(r"\{\{|\{%|%\}", text.replace("{{{", ""))
