"""What the analysis says of files that served mail: every word of it has been weighed."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.analysis.findings import Findings
from smtpdsl.cli.asking import Asker
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import Ruleset

FOLDER = Path(__file__).parent.parent / "real_world"

# Each relays for everybody who knows what to say; all of them ran.
EXPECTED = {
    "035": {"open-relay": [19, 20, 21]},  # by the sender alone
    "041": {"open-relay": [13, 14, 15, 16, 17, 18, 19, 20, 21]},  # the same; nothing listens on the network
    "053": {"unreachable-match": [32]},  # who has logged in on this host has logged in
    "059": {"open-relay": [16]},
    "095": {"open-relay": [32]},  # by the sender
    "109": {"open-relay": [13, 14, 15]},  # by the tag: as long as nobody else reaches the listener
    "113": {"open-relay": [7]},  # by a reverse DNS name
    "123": {"unreachable-match": [30]},  # "tagged" is for this host too, which the line before takes
}


def _ruleset(path: Path) -> Ruleset | None:
    report = Report()
    compiled = compile_octets(path.name, path.read_bytes(), Machine("", static=True), report)
    return None if report.has_errors else compiled.ruleset


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.conf")), ids=lambda path: path.stem)
def test_what_is_said_of_a_real_file(path: Path) -> None:
    """Nothing but what is meant."""
    ruleset = _ruleset(path)
    found: dict[str, list[int]] = {}
    if ruleset is not None:
        asker = Asker(path.name, "", static=True)
        for each in Findings(ruleset, ("-f", path.name), lambda: asker.site(ruleset), None).all():
            line = each.span.written().span.source.position(each.span.written().span.start).line
            found.setdefault(each.code.name, []).append(line)

    assert found == EXPECTED.get(path.stem, {})
