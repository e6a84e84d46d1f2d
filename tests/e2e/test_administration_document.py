"""What docs/administration.md shows of `smtpdsl ctl` is what a running server answers.

Identifiers, times and sizes are others each time: those of the document stand for those of the server.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from smtpdsl.cli.control_words import VERBS
from smtpdsl.cli.main import main
from tests.conftest import CompareGolden
from tests.e2e.homes import UID, make_home
from tests.peers import ROOT
from tests.servers import Server, running

PATH = ROOT / "docs" / "administration.md"
PAGE = PATH.read_text(encoding="utf-8")
TABLE = re.compile(r"<!-- commands -->.*?<!-- end -->", re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ENVELOPE = re.compile(r"\b[0-9a-f]{16}\b")
MESSAGE_DIGITS = 8
# Durations, moments, seconds between two bars, sizes, and the columns that depend on them.
VARYING = re.compile(
    r"\b(?:\d+[dhms])+\b|\b\d{10}(?:\.\d+)?\b|(?<=pending\|)\d+|\b\d+(?= octets)|(?<=\"size\": )\d+|  +"
)
CONFIGURATION = f"""
listen on 127.0.0.1 port PORT hostname "mx.example.org"
action "out" relay host "smtp://127.0.0.1:9"
action "spare" relay host "smtp://127.0.0.1:10"
action "deliver" maildir virtual {{ "@" = mail }} userbase {{ mail = "{UID}:{UID}:/home/mail" }}
match from any for domain "far.example" action "out"
match from any for any action "deliver"
"""


class Shown(NamedTuple):
    """A command of the document, and what it is said to print."""

    command: str
    output: str


def shown() -> Iterator[Shown]:
    """Yield all of them, in their order: each begins with what those before have left."""
    for block in BLOCK.findall(PAGE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Shown(command, output)


@pytest.fixture
def server(open_path: Path) -> Iterator[Server]:
    """Serve, with two messages: one for two people that goes nowhere, and one for somebody here."""
    with running(open_path, CONFIGURATION, "-P", "mda") as served:
        make_home(served.root)
        for recipients in (["ann@far.example", "ben@far.example"], ["joe@here.example"]):
            with served.client() as client:
                client.sendmail("you@example.net", recipients, "Subject: hello\r\n\r\nhello\r\n")
        served.wait_for("mta delivery", count=2)
        yield served


class Names:
    """The identifiers of the document, and those of the server, in the order of the first listing."""

    def __init__(self, document: str, server: str) -> None:
        """Read both listings."""
        pairs = list(zip(ENVELOPE.findall(document), ENVELOPE.findall(server), strict=True))
        pairs += [(ours[:MESSAGE_DIGITS], theirs[:MESSAGE_DIGITS]) for ours, theirs in pairs]
        self._to_server = dict(pairs)
        self._to_document = {theirs: ours for ours, theirs in pairs}

    def to_server(self, text: str) -> str:
        """Return a command for the server."""
        return re.sub("[0-9a-f]{8,16}", lambda found: self._to_server.get(found[0], found[0]), text)

    def to_document(self, text: str) -> str:
        """Return an output for the document."""
        return re.sub("[0-9a-f]{8,16}", lambda found: self._to_document.get(found[0], found[0]), text)


def test_the_document_shows_what_is_printed(server: Server) -> None:
    """By all commands, one after the other; what is rebound is tried before the next one."""
    first, *others = shown()
    names = Names(first.output, printed(server, first.command))
    for command, output in (first, *others):
        found = names.to_document(printed(server, names.to_server(command)))
        assert VARYING.sub("~", found) == VARYING.sub("~", output), command
        if command.startswith("smtpdsl ctl rebind fca"):
            server.wait_for("mta delivery", count=4)


def printed(server: Server, command: str) -> str:
    """Return what a command prints about *server*."""
    words = shlex.split(command)
    assert words[:2] == ["smtpdsl", "ctl"]
    found = CliRunner().invoke(main, ["ctl", "--root", str(server.root), *words[2:]])
    return found.stdout + found.stderr


def test_the_table_has_every_command(golden: CompareGolden) -> None:
    """As the command itself explains it; ``--update-golden`` writes the table anew."""
    rows = "".join(f"| `{verb.usage}` | {verb.summary} |\n".replace("…|", r"…\|") for verb in VERBS)
    table = f"<!-- commands -->\n\n| Command | Does |\n|---|---|\n{rows}\n<!-- end -->"

    golden(PATH, TABLE.sub(lambda _: table, PAGE))
