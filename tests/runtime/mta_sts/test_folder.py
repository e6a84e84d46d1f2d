"""Policies on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.mail.mta_sts import Mode, Policy
from smtpdsl.runtime.mta_sts import KnownPolicy, PolicyFolder

KNOWN = KnownPolicy(Policy(Mode.ENFORCE, ("mx.test", "*.b.test"), 86400), "20260301", 1000.5)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """By the next server, too; nobody else can read the folder."""
    folder = PolicyFolder(tmp_path / "mta-sts")
    assert folder.read("a.test") is None
    folder.write("a.test", KNOWN)
    folder.write("a.test", KNOWN._replace(identifier="2"))

    assert PolicyFolder(tmp_path / "mta-sts").read("a.test") == KNOWN._replace(identifier="2")
    assert (tmp_path / "mta-sts").stat().st_mode & 0o777 == 0o700
    assert [each.name for each in (tmp_path / "mta-sts").iterdir()] == ["a.test"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"id": "1", "fetched": 1, "policy": ["mode: none"]}'])
def test_a_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    """The policy is fetched again, then."""
    folder = PolicyFolder(tmp_path)
    folder.write("a.test", KNOWN)
    (tmp_path / "a.test").write_text(text)

    assert folder.read("a.test") is None


@pytest.mark.parametrize("limits", [{"most": 3}, {"most_octets": 500}])
def test_there_is_a_limit(tmp_path: Path, limits: dict[str, int]) -> None:
    """The oldest goes; also of those that another server has written."""
    PolicyFolder(tmp_path).write("0.test", KNOWN)
    folder = PolicyFolder(tmp_path, **limits)
    for number in range(1, 6):
        folder.write(f"{number}.test", KNOWN._replace(fetched=2000.0 + number))
        if number == 1:
            folder.write("0.test", KNOWN._replace(fetched=2001.5))

    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["3.test", "4.test", "5.test"]
    assert folder.older_than(2004.5) == ["3.test", "4.test"]


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    """And may be gone already."""
    folder = PolicyFolder(tmp_path / "mta-sts")
    folder.remove("a.test")
    folder.write("a.test", KNOWN)
    folder.remove("a.test")

    assert folder.read("a.test") is None
    assert folder.older_than(1e12) == []
