"""The colours of excerpts: those of the language, for configurations alone, and none without Pygments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtpdsl.diagnostics.excerpt import COMMENT, KEYWORD, NUMBER, OPTION, REFERENCE, STRING, TABLE, VALUE
from smtpdsl.diagnostics.span import Source
from smtpdsl.tooling import excerpt_colours as module
from smtpdsl.tooling.excerpt_colours import excerpt_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = """\
listen on $if port 25    # here
match from any for domain <domains> action "x\\"y"
table t {
    listen,
    match
}
"""


def runs(line: str, styles: Sequence[str]) -> list[tuple[str, str]]:
    """Return the coloured parts of *line*."""
    assert len(line) == len(styles)
    found: list[tuple[str, str]] = []
    for character, style in zip(line, styles, strict=True):
        if style and found and found[-1][1] == style:
            found[-1] = found[-1][0] + character, style
        else:
            found.append((character, style))
    return [(text, style) for text, style in found if style]


def test_colours() -> None:
    """Each line has those that it has in the whole file."""
    source = Source("smtpd.conf", TEXT)
    colours = excerpt_colours([source])
    assert colours is not None

    found = [runs(source.line(number), colours(source, number)) for number in range(1, 7)]

    assert found[0] == [
        ("listen", KEYWORD),
        ("on", OPTION),
        ("$if", REFERENCE),
        ("port", OPTION),
        ("25", NUMBER),
        ("# here", COMMENT),
    ]
    assert found[1] == [
        ("match", KEYWORD),
        ("from", OPTION),
        ("any", VALUE),
        ("for", OPTION),
        ("domain", OPTION),
        ("<domains>", TABLE),
        ("action", OPTION),
        ('"x\\"y"', STRING),
    ]
    # A list goes over several lines, and its lines are no statements.
    assert found[2:] == [[("table", KEYWORD)], [], [], []]


def test_only_configurations_have_colours() -> None:
    """A table file and a macro of the command line are written in no language of ours."""
    colours = excerpt_colours([Source("smtpd.conf", TEXT)])
    assert colours is not None

    assert list(colours(Source("/etc/mail/aliases", TEXT), 1)) == []


def test_a_very_long_text_stays_plain() -> None:
    """Nobody wants to wait for colours."""
    long = Source("smtpd.conf", "listen on lo\n" * 100_000)
    colours = excerpt_colours([long])
    assert colours is not None

    assert list(colours(long, 1)) == []


def test_without_pygments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines stay plain; that is no reason to say anything."""
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    assert excerpt_colours([Source("smtpd.conf", TEXT)]) is None


# What `smtpdsl check` has imported when it has printed its findings to no terminal.
CHECK = """
import sys
from smtpdsl.cli.check import check
try:
    check.main(["--static", sys.argv[1]])
except SystemExit as error:
    assert error.code == 1
print("pygments" in sys.modules)
"""


def test_pygments_is_not_imported_without_colours(tmp_path: Path) -> None:
    """Who sees no colours does not wait for them."""
    path = tmp_path / "smtpd.conf"
    path.write_text("listen on lo tls\n")
    done = subprocess.run([sys.executable, "-c", CHECK, path], capture_output=True, text=True, check=True)

    assert "missing-option" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
