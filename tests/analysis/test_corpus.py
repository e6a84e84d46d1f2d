"""The files of `corpus/analysis` get the findings that stand on their lines, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checking import check_meaning
from tests.corpus_expectations import disagreements

FOLDER = Path(__file__).parent.parent / "corpus" / "analysis"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.conf")), ids=lambda path: path.stem)
def test_findings(path: Path, tmp_path: Path) -> None:
    """Each on its line."""
    findings = check_meaning(path.read_text(encoding="utf-8"), tmp_path, options=["--static"])

    assert disagreements(path, findings) == []
