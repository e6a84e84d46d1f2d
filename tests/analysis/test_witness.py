"""A command that shows something shows it."""

from __future__ import annotations

import json
import os
import random
import shlex
from pathlib import Path

from click.testing import CliRunner

from smtpdsl.analysis.difference import compare
from smtpdsl.analysis.meaning import Meanings
from smtpdsl.analysis.reachability import Reachability, Redundant, Unreachable
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.witness import Witness
from smtpdsl.cli.machine import site_of
from smtpdsl.cli.main import main
from smtpdsl.cli.meaning import ruleset_of
from smtpdsl.ir.resolved import Rule, Ruleset
from tests.analysis.test_open_relay import text_of

MANY = 300 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 100


def compiled(path: Path, chance: random.Random) -> Ruleset:
    """Write a configuration to *path*, and compile it as the commands do."""
    path.write_text(text_of(chance), encoding="utf-8")
    return ruleset_of(str(path), "", {})


def rule_shown(witness: Witness, path: Path, ruleset: Ruleset) -> int | None:
    """Run the command of *witness*; returns the line of the rule that it names."""
    command = shlex.split(witness.command(("-f", str(path)), ruleset))
    assert command[0] == "smtpdsl"
    done = CliRunner().invoke(main, [*command[1:], "--json"])
    assert done.exit_code == 0, done.stderr
    rule = json.loads(done.stdout)["rule"]
    return rule["line"] if rule else None


def line_of(rule: Rule | None) -> int | None:
    """Return the line of *rule*."""
    return None if rule is None else rule.span.source.position(rule.span.start).line


def test_findings_about_rules_can_be_pasted(tmp_path: Path) -> None:
    """What is unreachable is decided by a shadow, what is redundant by itself."""
    chance = random.Random(4)  # noqa: S311 - the same configurations each time
    shown = 0
    for _ in range(MANY):
        ruleset = compiled(tmp_path / "smtpd.conf", chance)
        for found in Reachability(AskedRules(ruleset, site_of(ruleset)), Meanings()).findings():
            if isinstance(found, Unreachable | Redundant) and found.witness and not found.witness.envelope.is_internal:
                line = rule_shown(found.witness, tmp_path / "smtpd.conf", ruleset)
                if isinstance(found, Redundant):
                    assert line == line_of(found.rule)
                else:
                    # Where all that a shadow takes is taken by others before it, one of those is shown.
                    own = line_of(found.rule)
                    assert line in set(map(line_of, found.shadows)) or (line is not None and own and line < own)
                shown += 1
    assert shown > MANY // 20


def test_differences_can_be_pasted(tmp_path: Path) -> None:
    """Into the old and into the new configuration."""
    chance = random.Random(5)  # noqa: S311 - as above
    paths = tmp_path / "old.conf", tmp_path / "new.conf"
    shown = 0
    for _ in range(MANY // 20):
        rulesets = compiled(paths[0], chance), compiled(paths[1], chance)
        for each in compare(*rulesets, (site_of(rulesets[0]), site_of(rulesets[1]))).differences[:6]:
            if each.witness is not None and not each.witness.envelope.is_internal:
                for path, ruleset, decision in zip(paths, rulesets, (each.old, each.new), strict=True):
                    assert rule_shown(each.witness, path, ruleset) == line_of(decision.rule)
                    shown += 1
    assert shown
