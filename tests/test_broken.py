"""Configurations that must not start, each with what `check` says.

`tests/broken/NN-name/` has `smtpd.conf`, the files that it names under `root/`, and the findings as
`check --format concise` prints them in `expected.txt`; `pytest --update-golden` writes those.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main
from tests.conftest import CompareGolden

FOLDERS = sorted(path for path in (Path(__file__).parent / "broken").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_broken_configuration(
    folder: Path, golden: CompareGolden, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken configuration gets its recorded findings, in their places, and exit status 1."""
    monkeypatch.chdir(folder)
    root = folder / "root"
    for key in root.rglob("*.key"):
        # Version control keeps no modes, and a key that others may read is a finding of its own.
        key.chmod(0o600)

    result = CliRunner().invoke(
        main, ["check", "--format", "concise", "--root", "root" if root.is_dir() else str(tmp_path), "smtpd.conf"]
    )

    assert result.exit_code == 1, result.output
    golden(folder / "expected.txt", result.output)
