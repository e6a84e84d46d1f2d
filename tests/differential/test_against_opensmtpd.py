"""The same snippets through OpenSMTPD's `smtpd -n` and through `smtpdsl check`.

`tests/vectors/configuration.jsonl` records what each says; `docs/compatibility.md` has a
row for every snippet on which they differ.  Here the recorded answers are asked again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

if TYPE_CHECKING:
    from tests.conftest import RequirePeer

ROOT = Path(__file__).parent.parent.parent
VECTORS: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "tests/vectors/configuration.jsonl").read_text(encoding="utf-8").splitlines()
]

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])


@pytest.fixture
def configuration(vector: dict[str, Any], tmp_path: Path) -> Path:
    """Write the vector's file."""
    path = tmp_path / "smtpd.conf"
    path.write_text(vector["file"], encoding="utf-8")
    return path


@every_vector
def test_opensmtpd_answers_as_recorded(vector: dict[str, Any], configuration: Path, require_peer: RequirePeer) -> None:
    """Debian's `smtpd -n` accepts and refuses what the vectors say it does."""
    answer = require_peer("opensmtpd").run("-n", "-f", configuration)

    assert ("accept" if answer.returncode == 0 else "refuse") == vector["v68"], answer.stderr


@every_vector
def test_smtpdsl_answers_as_recorded(vector: dict[str, Any], configuration: Path) -> None:
    """`smtpdsl check` finds an error in what it should refuse, the recorded one, and none in the rest."""
    errors = errors_of(configuration, static=vector["static"])

    assert ("refuse" if errors else "accept") == vector["ours"], errors
    assert vector["ours_code"] is None or vector["ours_code"] in {error["code"] for error in errors}, errors


def errors_of(path: Path, *, static: bool) -> list[dict[str, Any]]:
    """Run `smtpdsl check` on *path* and keep the diagnostics that are errors."""
    # Not at the top: half of the tests here need nothing of smtpdsl.
    from smtpdsl.cli.main import main  # noqa: PLC0415

    options = ["--static"] if static else []
    answer = CliRunner().invoke(main, ["check", "--format", "json", *options, str(path)], catch_exceptions=False)
    diagnostics: list[dict[str, Any]] = json.loads(answer.stdout)["diagnostics"]
    return [each for each in diagnostics if each["severity"] == "error"]


def test_every_difference_is_documented() -> None:
    """The table of `docs/compatibility.md` has exactly the vectors on which OpenSMTPD and smtpdsl differ."""
    differing = {vector["id"]: (spoken_by_opensmtpd(vector), vector["ours"]) for vector in VECTORS}
    differing = {name: answers for name, answers in differing.items() if answers[0] != answers[1]}

    assert documented_differences() == differing


def test_every_difference_has_a_reason() -> None:
    """A vector on which the two differ says why."""
    unexplained = [
        vector["id"] for vector in VECTORS if spoken_by_opensmtpd(vector) != vector["ours"] and not vector["why"]
    ]

    assert unexplained == []


def spoken_by_opensmtpd(vector: dict[str, Any]) -> str:
    """Return what a release says that speaks the vector's dialect: 6.8 refuses all of the legacy one."""
    answer: str = vector["legacy"] if vector["dialect"] == "legacy" else vector["v68"]
    return answer


def documented_differences() -> dict[str, tuple[str, str]]:
    """Read the rows ``| `id` | what | OpenSMTPD | smtpdsl | why |`` of the document."""
    document = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in document.splitlines()]
    known = {vector["id"] for vector in VECTORS}
    rows = [row for row in cells if len(row) == 5 and row[0].strip("`") in known]
    return {row[0].strip("`"): (row[2].split()[0], row[3].split()[0]) for row in rows}
