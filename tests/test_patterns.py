"""Regular expressions mean the same with every Python that the server runs on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "smtpdsl"
# A group that is repeated possessively; a class of characters may be.
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[\d,]+\})\+")


def patterns(path: Path) -> Iterator[str]:
    """Yield the texts that the file compiles as regular expressions."""
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "re.compile":
            for node in ast.walk(call.args[0]):
                if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                    yield str(node.value)


def test_no_group_is_possessive() -> None:
    """Python 3.11.2, which Debian 12 has, matches too much if such a group fails midway; `(?>(?:…)*)` is right."""
    found = [
        f"{path.relative_to(PACKAGE)}: {pattern}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for pattern in patterns(path)
        if POSSESSIVE_GROUP.search(pattern)
    ]

    assert found == []
