"""What the checks say of files that served mail: every word of it has been weighed."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from tests.checking import check_text, shown

FOLDER = Path(__file__).parent.parent / "real_world"


def _served() -> list[str]:
    """The files of the language since 6.4 that OpenSMTPD 6.8 took."""
    rows = [line.split("\t") for line in (FOLDER / "index.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    return [name for name, dialect, notes in rows if dialect == "modern" and "6.8: ok" in notes]


# These are findings: each says something that the author did not know.
EXPECTED = {
    "027": ["32:15 warning plain-submission 'smtps'"],  # without `auth` the port is a second port 25
    "041": ["1:1 warning no-listener ''"],
    "049": [  # a placeholder that somebody left in
        "17:14 warning unusable-name '\"<maildom>\"'",
        "19:14 warning unusable-name '\"<maildom>\"'",
    ],
    "073": ["11:7 warning unused-table 'secrets'", "26:54 warning auth-without-rule 'auth'"],
    "087": ["20:45 warning auth-without-rule 'auth'"],  # the announcement of 6.4 had the same mistake
    "097": ["112:8 warning unused-action '\"backup\"'", "125:8 warning unused-action '\"lmtp\"'"],
    "113": ["1:1 warning no-listener ''"],
}
# What is said of table entries and deliveries is tested where that is checked.
OTHERS = {"unusable-value", "useless-option", "unquoted-sender", "wrapper-without-mda", "suspicious-pattern"}


@pytest.mark.parametrize("name", _served())
def test_file_that_served_mail(name: str, tmp_path: Path) -> None:
    """No error, and no warning but the ones that are meant."""
    findings = check_text((FOLDER / f"{name}.conf").read_bytes(), tmp_path, options=["--static"])

    assert [found for found in findings if found.severity is Severity.ERROR] == []
    assert shown(found for found in findings if found.code.name not in OTHERS) == EXPECTED.get(name, [])
