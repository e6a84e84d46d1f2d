"""Run the compiler over a text, in a world of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from smtpdsl.cli.asking import Asker
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.silence import silence
from smtpdsl.compiler.target import Target
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report


def check_text(
    text: str | bytes,
    root: Path,
    files: Mapping[str, str] | None = None,
    options: Iterable[str] = (),
) -> list[Diagnostic]:
    """Return the findings of the compiler for *text*, with *files* (absolute path to content) under *root*.

    The options are those of `check`; with ``--here`` there is no root, and the machine itself is asked.
    """
    return _checked(text, root, files or {}, list(options), asks=False)


def check_meaning(
    text: str | bytes,
    root: Path,
    files: Mapping[str, str] | None = None,
    options: Iterable[str] = (),
) -> list[Diagnostic]:
    """Return what `check_text` does and what the analysis says of the meaning: all that `check` prints."""
    return _checked(text, root, files or {}, list(options), asks=True)


def _checked(
    text: str | bytes, root: Path, files: Mapping[str, str], options: list[str], *, asks: bool
) -> list[Diagnostic]:
    write_files(root, files)
    target = Target(options[options.index("--target") + 1]) if "--target" in options else Target.SMTPDSL
    report = Report()
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    folder, is_static = "" if "--here" in options else os.fspath(root), "--static" in options
    compiled = compile_octets("smtpd.conf", octets, Machine(folder, static=is_static), report, target=target)
    if asks:
        Asker("smtpd.conf", folder, static=is_static).look(compiled, report)
    return silence(report.diagnostics, compiled.text)


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write *files*, by their absolute paths, below *root*; a key is for its owner only."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8", newline="")
        place.chmod(0o600 if path.endswith(".key") else 0o644)


def codes(findings: Iterable[Diagnostic]) -> list[str]:
    """Return the names of the codes of *findings*, in order."""
    return [found.code.name for found in findings]


def shown(findings: Iterable[Diagnostic]) -> list[str]:
    """Return *findings* as ``LINE:COLUMN severity code "characters"``, in reading order."""
    return [_shown(found) for found in arrange(findings)]


def _shown(found: Diagnostic) -> str:
    line, column = found.span.source.position(found.span.start)
    return f"{line}:{column} {found.severity.value} {found.code.name} {found.span.text!r}"


AROUND_LISTENERS = """pki mail cert "/c" key "/k"
action "out" relay
match from local for any action "out"
match from auth for any action "out"
"""
# What a listener without TLS or `auth` leaves of what stands around it.
_OF_THE_SURROUNDINGS = {"unused-pki", "rule-without-auth"}


def check_listeners(listeners: str, root: Path) -> list[Diagnostic]:
    """Check *listeners* in a file whose other statements are right; nothing of this machine is asked."""
    found = check_text(f"{listeners}\n{AROUND_LISTENERS}", root, options=["--static"])
    return [each for each in found if each.code.name not in _OF_THE_SURROUNDINGS]
