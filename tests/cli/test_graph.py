"""`smtpdsl graph`: the diagram of a file, in four forms."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli import graph as command
from smtpdsl.cli.main import main
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.ir.answers import Site
from smtpdsl.ir.diagram import Diagram
from smtpdsl.ir.resolved import Rule

CONFIGURATION = """\
action "in" maildir
match from any for domain "a.example" action "in"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where `smtpd.conf` is."""
    monkeypatch.chdir(tmp_path)
    Path("smtpd.conf").write_text(CONFIGURATION)
    return tmp_path


def graph(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["graph", *arguments, "smtpd.conf"])


@pytest.mark.parametrize(
    ("form", "first"), [("dot", "digraph decisions {"), ("mermaid", "flowchart TD"), ("json", '{"version":1')]
)
def test_each_form_begins_as_it_should(form: str, first: str) -> None:
    """And names the line of the rule."""
    found = graph("--format", form)

    assert found.exit_code == 0
    assert found.stdout.startswith(first)
    assert ("smtpd.conf:2" in found.stdout) or json.loads(found.stdout)["nodes"][0]["rules"][0]["line"] == 2


def test_svg_is_drawn_by_graphviz(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program `dot` gets the DOT form, and what it prints is printed."""
    program = folder / "dot"
    program.write_text('#!/bin/sh\necho "<svg>$*"\nhead -n 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    assert graph("--format", "svg").stdout == "<svg>-Tsvg\ndigraph decisions {\n"


def test_a_failure_of_graphviz_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, with its own words."""
    program = folder / "dot"
    program.write_text("#!/bin/sh\ncat >/dev/null\necho 'no fonts' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    found = graph("--format", "svg")

    assert (found.exit_code, found.stderr) == (1, "Error: `dot` failed: no fonts\n")


def test_without_graphviz_there_is_no_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, or what to ask for instead."""
    monkeypatch.setenv("PATH", "")
    found = graph("--format", "svg")

    assert found.exit_code == 2
    assert "no program `dot`, which draws SVG: install Graphviz, or use --format mermaid" in found.stderr


def test_a_configuration_with_errors_has_no_picture() -> None:
    """They are told as `check` tells them."""
    Path("smtpd.conf").write_text('match from any for local action "nobody"\n')
    found = graph()

    assert (found.exit_code, found.stdout) == (1, "")
    assert "error[unknown-action]" in found.stderr


def test_a_diagram_above_its_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not drawn, and not cut."""

    def build(rules: tuple[Rule, ...], site: Site) -> Diagram:
        return build_diagram(rules, site, limit=0)

    monkeypatch.setattr(command, "build_diagram", build)
    found = graph()

    assert found.exit_code == 1
    assert 'the rules of "smtpd.conf" make a diagram too large to be drawn' in found.stderr
