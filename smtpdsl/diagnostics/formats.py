"""Diagnostics for programs: editors, continuous integration, code scanning.

docs/json.md is the contract of `render_json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtpdsl.diagnostics.arrange import arrange, covers_file
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtpdsl.diagnostics.diagnostic import Code, Edit, Fix
    from smtpdsl.diagnostics.span import Span

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_GITHUB_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one line for each finding, as compilers print them: ``file:line:column: error: message [code]``."""
    lines = []
    for found in arrange(diagnostics):
        where = "{}:{}:{}".format(visible(found.span.source.name), *found.span.source.position(found.span.start))
        lines.append(f"{where}: {found.severity.value}: {visible(found.message)} [{found.code.name}]\n")
    return "".join(lines)


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return *diagnostics* as one line of JSON, in ASCII; docs/json.md explains each field."""
    return _json({"version": 1, "diagnostics": [_as_json(found) for found in arrange(diagnostics)]})


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return workflow commands of GitHub Actions, which show each finding at its line of a pull request."""
    return "".join(map(_as_command, arrange(diagnostics)))


def render_sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """Return *diagnostics* as a log of SARIF 2.1.0 with one run, as code scanning services read it."""
    found = arrange(diagnostics)
    codes = {diagnostic.code.name: diagnostic.code for diagnostic in found}
    index = {name: number for number, name in enumerate(codes)}
    run = {
        "tool": {"driver": {"name": "smtpdsl", "rules": [_as_rule(code) for code in codes.values()]}},
        "columnKind": "unicodeCodePoints",
        "results": [_as_result(diagnostic, index[diagnostic.code.name]) for diagnostic in found],
    }
    return _json({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _json(value: dict[str, Any]) -> str:
    """Write *value* in one line of ASCII."""
    # Only these two kinds of output need it.
    import json  # noqa: PLC0415

    return json.dumps(value, separators=(",", ":")) + "\n"


def _text(text: str) -> str:
    """Spell out what of *text* no JSON can hold: halves of surrogate pairs, octets that are no text among them."""
    if _is_text(text):
        return text
    return "".join(character if _is_text(character) else visible(character) for character in text)


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _as_json(found: Diagnostic) -> dict[str, Any]:
    related = [{**_where(span), "message": _text(message)} for span, message in found.related]
    return {
        "code": found.code.name,
        "severity": found.severity.value,
        "message": _text(found.message),
        **_where(found.span),
        "help": _text(found.help) or None,
        "related": related,
        "notes": [_text(note) for note in found.notes],
        "fix": _fix_as_json(found.fix),
    }


def _where(span: Span) -> dict[str, Any]:
    """The place of *span*: numbers from 1, columns in characters, the end is the first character after it."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": _text(span.source.name),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _fix_as_json(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None or not _can_be_told(fix):
        return None
    return {"safe": fix.safe, "edits": [{**_where(span), "replacement": text} for span, text in fix.edits]}


def _can_be_told(fix: Fix) -> bool:
    """Whether the edits can be written down exactly; a spelt or masked replacement would be another text."""
    return all(_is_text(edit.replacement) and not _is_secret(edit) for edit in fix.edits)


def _is_secret(edit: Edit) -> bool:
    concealed = edit.span.source.concealed
    return concealed is not None and concealed.conceal(edit.replacement) != edit.replacement


def _as_command(found: Diagnostic) -> str:
    """Build the workflow command for *found*, which takes one line."""
    where = _where(found.span)
    properties = {"file": visible(found.span.source.name), "line": where["line"], "endLine": where["end_line"]}
    if where["line"] == where["end_line"]:  # columns are not taken into account otherwise
        properties |= {"col": where["column"], "endColumn": where["end_column"]}
    properties["title"] = found.code.name
    told = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in properties.items())
    return f"::{_GITHUB_COMMANDS[found.severity]} {told}::{_escaped(_message_with_rest(found))}\n"


def _message_with_rest(found: Diagnostic) -> str:
    """The message, the help and the notes of *found*, each on its own lines."""
    rest = [f"help: {found.help}"] if found.help else []
    rest += [f"note: {note}" for note in found.notes]
    return "\n".join([visible(found.message), *(visible(line) for remark in rest for line in remark.split("\n"))])


def _escaped(text: str, also: str = "") -> str:
    """Escape what ends a workflow command or begins an escape, and the characters of *also*."""
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _as_rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.name,
        "shortDescription": _sarif_message(code.summary),
        "helpUri": f"docs/diagnostics/{code.name}.md",
        "defaultConfiguration": {"level": code.severity.value},
    }


def _as_result(found: Diagnostic, rule_index: int) -> dict[str, Any]:
    result = {
        "ruleId": found.code.name,
        "ruleIndex": rule_index,
        "level": found.severity.value,  # error, warning and note are SARIF's own words
        "message": _sarif_message(_message_with_rest(found)),
        "locations": [_location(found.span, found.label)],
        "relatedLocations": [
            {"id": number, **_location(span, message)} for number, (span, message) in enumerate(found.related, 1)
        ],
    }
    if found.fix and _can_be_told(found.fix):
        result["fixes"] = [_sarif_fix(found.fix, found.help or found.message)]
    return result


def _sarif_message(text: str) -> dict[str, str]:
    """Build a message object; a single brace would begin a placeholder (SARIF 2.1.0 §3.11.5)."""
    return {"text": _text(text).replace("{", "{{").replace("}", "}}")}


def _location(span: Span, message: str) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(span)}
    if not covers_file(span):
        physical["region"] = _region(span)
    location: dict[str, Any] = {"physicalLocation": physical}
    return location | ({"message": _sarif_message(message)} if message else {})


def _region(span: Span) -> dict[str, int]:
    where = _where(span)
    return {
        "startLine": where["line"],
        "startColumn": where["column"],
        "endLine": where["end_line"],
        "endColumn": where["end_column"],
    }


def _artifact(span: Span) -> dict[str, str]:
    """Name the file of *span* as a URI, relative if the name is."""
    # Only SARIF needs it.
    from urllib.parse import quote  # noqa: PLC0415

    name = span.source.name
    return {"uri": ("file://" if name.startswith("/") else "") + quote(name, errors="surrogateescape")}


def _sarif_fix(fix: Fix, description: str) -> dict[str, Any]:
    """Describe *fix* with its edits grouped by file."""
    changes: dict[str, dict[str, Any]] = {}
    for span, replacement in fix.edits:
        change = changes.setdefault(span.source.name, {"artifactLocation": _artifact(span), "replacements": []})
        change["replacements"].append({"deletedRegion": _region(span), "insertedContent": {"text": replacement}})
    return {"description": _sarif_message(description), "artifactChanges": list(changes.values())}
