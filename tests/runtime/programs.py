"""Programs of configurations that are right, for what executes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from smtpdsl.compiler.emit import emit
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report, Severity
from smtpdsl.ir.program import Program
from tests.checking import write_files


def program_of(text: str | bytes, root: Path, files: Mapping[str, str] | None = None) -> Program:
    """Compile *text*, which has no errors, with *files* (absolute path to content) under *root*."""
    write_files(root, files or {})
    octets = text if isinstance(text, bytes) else text.encode()
    report = Report()
    compiled = compile_octets("smtpd.conf", octets, Machine(os.fspath(root)), report)
    errors = [found.message for found in report.diagnostics if found.severity is Severity.ERROR]
    assert not errors, errors
    assert compiled.ruleset is not None
    assert compiled.text is not None
    return emit(compiled.ruleset, compiled.text.source)
