"""`smtpdsl run` executes the diagram, or the reference if it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from smtpdsl.cli import run as command
from smtpdsl.cli.main import main
from smtpdsl.ir.program import Program
from smtpdsl.runtime.daemon import World
from smtpdsl.runtime.net.listener import ListenError

CONFIGURATION = """\
listen on 127.0.0.1 port 2525
action "in" maildir
match from any for any action "in"
"""


@pytest.mark.parametrize(("options", "has_diagram"), [([], True), (["--reference"], False)])
def test_the_program_that_is_served(
    options: list[str],
    has_diagram: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has a diagram unless `--reference` is given."""
    served: list[Program] = []

    def server(program: Program, world: World) -> NoReturn:
        del world
        served.append(program)
        message = "not here"
        raise ListenError(message)

    monkeypatch.setattr(command, "Server", server)
    monkeypatch.setattr(command, "_supervisor", lambda log: None)  # noqa: ARG005 - nobody delivers
    path = tmp_path / "smtpd.conf"
    path.write_text(CONFIGURATION)

    found = CliRunner().invoke(main, ["run", "--root", str(tmp_path), *options, str(path)])

    assert (found.exit_code, found.output.splitlines()[-1]) == (1, "Error: not here")
    assert [program.diagram is not None for program in served] == [has_diagram]
