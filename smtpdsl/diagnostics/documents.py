"""The document of each code, as `check --explain` prints it.

In a checkout they lie in `docs/diagnostics/`; an installed package carries a copy.
"""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "documents", _PACKAGE.parent / "docs" / "diagnostics")


def document(code: str) -> str:
    """Return the text of the document of *code*; what is known of it if the documents are not installed."""
    for folder in _FOLDERS:
        path = folder / f"{code}.md"
        if path.is_file():
            return _for_readers(path.read_text(encoding="utf-8"))
    from smtpdsl.diagnostics.codes import CODES  # noqa: PLC0415 - only without documents

    return f"# {code}\n\n{CODES[code].severity.value}: {CODES[code].summary}\n"


def _for_readers(text: str) -> str:
    """Return *text* without what the fences of its examples say to the tests."""
    text = re.sub(r"(?m)^```text (/\S+).*$", r"`\1`:\n\n```", text)
    return re.sub(r"(?m)^```smtpd\.conf .*$", "```", text)
