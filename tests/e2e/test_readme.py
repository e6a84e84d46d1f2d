"""The first screen of the README: `make run`, and what the server says of the first mail."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import RequirePeer
from tests.e2e.homes import make_home
from tests.peers import ROOT
from tests.servers import running

BLOCK = re.compile(r"```console\n\$ make run\n(.*?)```", re.DOTALL)
# What is another one each time: identifiers, the port, the size, how the configuration is called, what the machine, and
# where the clone is.
CHANGES = re.compile(
    r"\b(?:[0-9a-f]{16}|[0-9a-f]{8})\b|(?<=port )\d+|(?<=size=)\d+|(?<=host=)\S+|(?<=socket )/\S+(?=/var/run/)"
)


def shown() -> list[str]:
    """Return what the README says that `make run` prints."""
    found = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None, "the README begins with `make run`"
    return found[1].splitlines()


def test_the_hints_are_printed() -> None:
    """What `make run` says before it starts the server, which is a `printf` of the Makefile."""
    recipe = subprocess.run(["make", "--dry-run", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    printed = recipe[recipe.index("printf '%s\\n' 'send") : recipe.index("exec ")]
    hints = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True).stdout.splitlines()

    assert shown()[: len(hints)] == hints


def test_the_log_is_written(open_path: Path, require_peer: RequirePeer) -> None:
    """What the server says until the first mail is delivered, line for line."""
    swaks = require_peer("swaks")
    text = (ROOT / "examples" / "quickstart.conf").read_text(encoding="utf-8").replace("port 2525", "port PORT")
    with running(open_path, text) as server:
        make_home(server.root)
        swaks.run("--to", "anybody@localhost", "--from", "you@example.net", "--server", f"127.0.0.1:{server.port}")
        server.wait_for("result=")
        lines = [line.rstrip("\n") for line in server.lines]

    # Root has no such line, and the name is another one.
    expected = [line for line in shown() if not line.startswith("info: running as ")]
    found = [line for line in lines if not line.startswith("info: running as ")]
    masked = [CHANGES.sub("#", line) for line in found]
    assert sorted(masked) == sorted(CHANGES.sub("#", line) for line in expected[-len(found) :])
