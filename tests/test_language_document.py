"""The configurations in the documents are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smtpdsl.compiler.tables import facts
from smtpdsl.diagnostics.diagnostic import Severity
from smtpdsl.ir.syntax import Dialect
from tests.checking import check_text

DOCUMENT = Path(__file__).parent.parent / "docs" / "language.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```smtpd\.conf\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_example_is_right(block: str, tmp_path: Path) -> None:
    """A configuration of the language manual has no errors."""
    errors = [found for found in check_text(block, tmp_path, {}, ["--static"]) if found.severity is Severity.ERROR]

    assert [(found.code.name, found.message) for found in errors] == []


@pytest.mark.parametrize("head", sorted(facts().heads[Dialect.MODERN]))
def test_statement_is_documented(head: str) -> None:
    """Every statement of the modern language has its place in the manual."""
    assert re.search(rf"(?m)(`|^|\b){re.escape(head)}\b", TEXT)
