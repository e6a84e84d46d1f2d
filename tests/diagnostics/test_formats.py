"""Findings for programs: concise, JSON, GitHub and SARIF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.codes import UNKNOWN_ACTION
from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix, Related, Severity
from smtpdsl.diagnostics.formats import render_concise, render_github, render_json, render_sarif
from smtpdsl.diagnostics.span import Source, Span
from tests.diagnostics.samples import DOUBT, MISTAKE, REMARK, at, with_macro

DOCUMENT = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
CONF = Source("smtpd.conf", re.findall(r"```\n(.*?)```", DOCUMENT, re.DOTALL)[0])
FOUND = UNKNOWN_ACTION.at(
    at(CONF, '"locl"'),
    'no action named "locl"',
    label="not defined anywhere",
    help='use "local"',
    related=(Related(at(CONF, '"local"'), "a similar name is defined here"),),
    fix=Fix.replacing(at(CONF, '"locl"'), '"local"'),
)
WHOLE = DOUBT.at(Source("gone,really: 100%.conf", "").whole(), "cannot be read\n")


def only_result(found: Diagnostic) -> dict[str, Any]:
    """Return the one result of a SARIF log."""
    result: dict[str, Any] = json.loads(render_sarif([found]))["runs"][0]["results"][0]
    return result


def test_concise_is_one_line_for_each_finding() -> None:
    """The form is that of compilers, so that editors jump to the place."""
    assert render_concise([FOUND, WHOLE]) == (
        'smtpd.conf:2:33: error: no action named "locl" [unknown-action]\n'
        "gone,really: 100%.conf:1:1: warning: cannot be read\\n [doubt]\n"
    )


def test_json_is_as_documented() -> None:
    """The first example of docs/json.md is what `check` prints."""
    example, *_ = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)

    assert json.loads(render_json([FOUND])) == json.loads(example)


def test_json_has_every_field_of_every_finding() -> None:
    """What a finding does not have is null or empty, never absent; a file as a whole is at 1:1."""
    assert json.loads(render_json([WHOLE]))["diagnostics"] == [
        {
            "code": "doubt",
            "severity": "warning",
            "message": "cannot be read\n",
            "file": "gone,really: 100%.conf",
            "line": 1,
            "column": 1,
            "end_line": 1,
            "end_column": 1,
            "help": None,
            "related": [],
            "notes": [],
            "fix": None,
        }
    ]


def test_json_without_findings_is_an_empty_list() -> None:
    """The version is always there, and the document is one line."""
    assert render_json([]) == '{"version":1,"diagnostics":[]}\n'


def test_json_shows_a_macro_at_its_use_and_its_value_as_related() -> None:
    """All places are places of files."""
    _, expanded = with_macro()
    fix = Fix.replacing(at(expanded, "lo0"), "lo")

    (shown,) = json.loads(render_json([MISTAKE.at(at(expanded, "lo0"), "m", fix=fix)]))["diagnostics"]

    assert (shown["line"], shown["column"], shown["end_column"]) == (2, 11, 14)
    assert [(place["line"], place["column"], place["message"]) for place in shown["related"]] == [
        (1, 7, "in the value of macro `if`")
    ]
    assert shown["fix"] is None


def test_json_spells_out_octets_that_are_no_text() -> None:
    """Strict readers refuse half a surrogate pair; a replacement that cannot be told exactly is not told."""
    source = Source("\udcff.conf", "x")
    found = MISTAKE.at(at(source, "x"), "\udc80 東", fix=Fix.replacing(at(source, "x"), "\udc80"))

    (shown,) = json.loads(render_json([found]))["diagnostics"]

    assert (shown["file"], shown["message"], shown["fix"]) == ("\\xff.conf", "\\x80 東", None)


TEXT = st.text(max_size=40)


@st.composite
def findings(draw: st.DrawFn) -> list[Diagnostic]:
    """Draw findings about a text, each with a message of its own."""
    source = Source(draw(TEXT), draw(st.text(alphabet="ab\n\t東\x00", max_size=40)))
    offsets = st.integers(0, len(source.text))
    spans = st.tuples(offsets, offsets).map(lambda ends: Span(source, min(ends), max(ends)))
    edits = st.lists(st.builds(Edit, spans, TEXT), min_size=1, max_size=3).map(tuple)
    one = st.builds(
        Diagnostic,
        code=st.sampled_from((MISTAKE, DOUBT, REMARK)),
        severity=st.sampled_from(Severity),
        span=spans,
        message=TEXT,
        help=TEXT,
        related=st.lists(st.builds(Related, spans, TEXT), max_size=3, unique=True).map(tuple),
        fix=st.none() | st.builds(Fix, edits=edits, safe=st.booleans()),
    )
    return draw(st.lists(one, max_size=4, unique_by=lambda found: found.message))


@given(found=findings())
def test_json_loses_nothing(found: list[Diagnostic]) -> None:
    """The findings can be rebuilt from the document and the files."""
    source = found[0].span.source if found else Source("", "")

    def rebuilt(place: dict[str, Any]) -> Span:
        assert place["file"] == source.name
        starts = source.line_starts
        ends = (place["line"], place["column"]), (place["end_line"], place["end_column"])
        start, end = (starts[line - 1] + column - 1 for line, column in ends)
        return Span(source, start, end)

    def mended(fix: dict[str, Any] | None) -> Fix | None:
        edits = tuple(Edit(rebuilt(edit), edit["replacement"]) for edit in fix["edits"]) if fix else ()
        return Fix(edits=edits, safe=fix["safe"]) if fix else None

    codes = {code.name: code for code in (MISTAKE, DOUBT, REMARK)}
    again = [
        Diagnostic(
            code=codes[shown["code"]],
            severity=Severity(shown["severity"]),
            span=rebuilt(shown),
            message=shown["message"],
            help=shown["help"] or "",
            related=tuple(Related(rebuilt(place), place["message"]) for place in shown["related"]),
            fix=mended(shown["fix"]),
        )
        for shown in json.loads(render_json(found))["diagnostics"]
    ]

    assert again == sorted(found, key=lambda each: each.span.start)


def test_github_gets_one_command_for_each_finding() -> None:
    """Percent signs and newlines are escaped, in properties commas and colons too."""
    assert render_github([FOUND, WHOLE]) == (
        "::error file=smtpd.conf,line=2,endLine=2,col=33,endColumn=39,title=unknown-action::"
        'no action named "locl"%0Ahelp: use "local"\n'
        "::warning file=gone%2Creally%3A 100%25.conf,line=1,endLine=1,col=1,endColumn=1,title=doubt::"
        "cannot be read\\n\n"
    )


def test_github_gets_no_columns_for_several_lines() -> None:
    """It takes columns only where the place begins and ends on one line; a note is a notice."""
    found = REMARK.at(Span(CONF, 0, len(CONF.text) - 1), "m", notes=("n",))

    assert render_github([found]) == "::notice file=smtpd.conf,line=1,endLine=3,title=remark::m%0Anote: n\n"


def test_sarif_has_the_required_properties() -> None:
    """A log has a version and runs, a run has a tool with a named driver, its results refer to the rules used."""
    log = json.loads(render_sarif([FOUND, WHOLE, FOUND.replace(message="again")]))

    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["name"] == "smtpdsl"
    rules = run["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["helpUri"], rule["defaultConfiguration"]) for rule in rules] == [
        ("unknown-action", "docs/diagnostics/unknown-action.md", {"level": "error"}),
        ("doubt", "docs/diagnostics/doubt.md", {"level": "warning"}),
    ]
    assert all(rule["shortDescription"]["text"] for rule in rules)
    results = run["results"]
    assert [result["level"] for result in results] == ["error", "error", "warning"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert all(result["message"]["text"] and len(result["locations"]) == 1 for result in results)


def test_sarif_places_have_regions() -> None:
    """Columns count from 1 and the end is exclusive; related places have a number and a message."""
    result = only_result(FOUND)

    assert result["locations"][0] == {
        "physicalLocation": {
            "artifactLocation": {"uri": "smtpd.conf"},
            "region": {"startLine": 2, "startColumn": 33, "endLine": 2, "endColumn": 39},
        },
        "message": {"text": "not defined anywhere"},
    }
    (related,) = result["relatedLocations"]
    assert related["id"] == 1
    assert related["message"] == {"text": "a similar name is defined here"}
    assert related["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 8, "endLine": 1, "endColumn": 15}


def test_sarif_fixes_replace_regions() -> None:
    """The edits of a fix are grouped by file."""
    other = Source("other.conf", "abc")
    edits = (Edit(at(CONF, '"locl"'), '"local"'), Edit(at(other, "b"), ""), Edit(Span(CONF, 0, 0), "# fixed\n"))

    (fix,) = only_result(FOUND.replace(fix=Fix(edits=edits, safe=True)))["fixes"]

    assert fix["description"] == {"text": 'use "local"'}
    assert [
        (change["artifactLocation"]["uri"], [edit["insertedContent"]["text"] for edit in change["replacements"]])
        for change in fix["artifactChanges"]
    ] == [("smtpd.conf", ['"local"', "# fixed\n"]), ("other.conf", [""])]
    assert fix["artifactChanges"][0]["replacements"][1]["deletedRegion"] == {
        "startLine": 1,
        "startColumn": 1,
        "endLine": 1,
        "endColumn": 1,
    }


def test_sarif_names_files_as_uris() -> None:
    """Relative names stay relative, absolute ones get a scheme, and octets are escaped; a whole file has no region."""
    locations = [
        only_result(MISTAKE.at(Source(name, "").whole(), "m"))["locations"][0]["physicalLocation"]
        for name in ("a b/c.conf", "/etc/mail/smtpd.conf", "\udcff")
    ]

    assert locations == [
        {"artifactLocation": {"uri": uri}} for uri in ("a%20b/c.conf", "file:///etc/mail/smtpd.conf", "%FF")
    ]


def test_sarif_messages_have_no_placeholders() -> None:
    """Braces are doubled, because single ones would stand for arguments."""
    assert only_result(MISTAKE.at(at(CONF, "any"), "unknown %{0}"))["message"] == {"text": "unknown %{{0}}"}
