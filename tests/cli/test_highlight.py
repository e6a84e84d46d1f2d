"""`smtpdsl highlight`: one file on standard output, or all of them in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main
from smtpdsl.tooling import excerpt_colours
from smtpdsl.tooling.highlight import KINDS, MAIN_FILES, editor_files


def highlight(*arguments: str | Path) -> Result:
    """Run `smtpdsl highlight` in this process."""
    return CliRunner().invoke(main, ["highlight", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_main_file_is_printed(kind: str) -> None:
    """It is all that some need, and can be piped to where it belongs."""
    found = highlight(kind)

    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout == editor_files(kind)[MAIN_FILES[kind]]
    assert f"`smtpdsl highlight {kind}`" in found.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_all_files_are_written(kind: str, tmp_path: Path) -> None:
    """Into folders that need not exist."""
    folder = tmp_path / "some" / "where"
    found = highlight(kind, "--output", folder)

    assert (found.exit_code, found.stdout) == (0, "")
    assert {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    } == editor_files(kind)
    assert found.stderr == "".join(f"wrote {folder / name}\n" for name in editor_files(kind))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "expected one of vim"),
        (["nano"], 'found "nano"'),
        (["vim", "extra"], 'found "extra"'),
        (["vim", "-o", "/dev/null/x"], 'cannot write "/dev/null/x/ftdetect/smtpdconf.vim": not a directory'),
    ],
)
def test_wrong_use(arguments: list[str], sentence: str) -> None:
    """One sentence, and exit status 2."""
    found = highlight(*arguments)

    assert found.exit_code == 2
    assert sentence in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lexer can be made without Pygments; what gets it is said beside."""
    monkeypatch.setattr(excerpt_colours, "find_spec", lambda _: None)
    found = highlight("pygments")

    assert found.exit_code == 0
    assert found.stdout == editor_files("pygments")[MAIN_FILES["pygments"]]
    assert found.stderr.startswith("Pygments is not installed here; `pip install 'smtpdsl[highlight]'` gets it")
    assert len(found.stderr.splitlines()) == 1
