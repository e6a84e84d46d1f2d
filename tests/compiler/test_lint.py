"""Leftovers: declarations that nothing refers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.diagnostics.fixes import apply_fixes
from tests.checking import check_text, codes, shown

WORKING = 'listen on lo\naction "out" relay\nmatch from local for any action "out"\n'


def check(text: str, root: Path, files: dict[str, str] | None = None) -> list[Diagnostic]:
    """Check *text* before statements that work."""
    return check_text(text + WORKING, root, files, options=["--static"])


DECLARATIONS = [
    ('name = "value"', "1:1 warning unused-macro 'name'"),
    ("table name { a, b }", "1:7 warning unused-table 'name'"),
    ('action "name" mbox', "1:8 warning unused-action '\"name\"'"),
    ("filter name phase connect match !rdns junk", "1:8 warning unused-filter 'name'"),
    ("filter name proc-exec x", "1:8 warning unused-filter 'name'"),
    ("proc name x", "1:6 warning unused-proc 'name'"),
    ('ca name cert "/x"', "1:4 warning unused-ca 'name'"),
    ('mda wrapper name "x %{mda}"', "1:13 warning unused-wrapper 'name'"),
]


@pytest.mark.parametrize(("text", "finding"), DECLARATIONS)
def test_declaration_that_nothing_refers_to(text: str, finding: str, tmp_path: Path) -> None:
    """Each kind of name is told where it is declared, and the fix takes its line away."""
    findings = check(f"{text}\n", tmp_path)

    assert shown(findings) == [finding]
    assert apply_fixes(findings, unsafe=True).changes[0].after == WORKING


def test_certificate_that_nothing_refers_to(tmp_path: Path) -> None:
    """A pki may be made of several statements, so its fix is left to the author."""
    findings = check('pki A.org cert "/c"\npki a.org key "/k"\n', tmp_path)

    assert shown(findings) == ["1:5 warning unused-pki 'A.org'"]
    assert findings[0].fix is None


@pytest.mark.parametrize(
    "text",
    [
        'name = "lo"\nlisten on $name port 26\n',
        'pki "*" cert "/c" key "/k"\n',
        "filter a phase connect match !rdns junk\nfilter b proc p\nproc p x\nlisten on eth0 filter { a, b }\n",
        'table t { a = b }\naction "in" mbox alias <t>\nmatch for local action "in"\n',
        'mda wrapper w "x %{mda}"\naction "in" mda "x" wrapper w\nmatch for local action "in"\n',
        'pki Mail.example.org cert "/c" key "/k"\nca Home cert "/x"\nlisten on eth0 tls pki mail.example.org ca home\n',
        'pki a cert "/c" key "/k"\nca b cert "/x"\naction in relay pki A ca B\nmatch for local action in\n',
    ],
)
def test_names_that_are_referred_to(text: str, tmp_path: Path) -> None:
    """A name is used by any statement, above or below."""
    assert shown(check(text, tmp_path)) == []


def test_before_6_4_every_certificate_is_offered(tmp_path: Path) -> None:
    """A client chose among all entries by the name that it asked for."""
    text = 'pki other.example.org certificate "/c" key "/k"\nlisten on lo\naccept for any relay\n'

    assert codes(check_text(text, tmp_path, options=["--static"])) == []


def test_nothing_is_said_of_half_a_file(tmp_path: Path) -> None:
    """The use may be in the statement that could not be read."""
    assert codes(check("table t { a }\nmatch from <t> reject\n", tmp_path)) == ["syntax-error"]


def test_misspelt_reference_is_one_mistake(tmp_path: Path) -> None:
    """What a misspelt name means is not called unused too."""
    text = 'action "local" mbox\nmatch for local action "locl"\n'

    assert codes(check(text, tmp_path)) == ["unknown-action"]
    text = "table aliases { a = b }\naction in mbox alias <alaises>\nmatch for local action in\n"
    assert codes(check(text, tmp_path)) == ["unknown-table"]


def test_replaced_program_is_one_mistake(tmp_path: Path) -> None:
    """A `proc` that a `proc-exec` has replaced is told as that."""
    text = "proc p x\nfilter p proc-exec y\nlisten on eth0 filter p\n"

    assert codes(check(text, tmp_path)) == ["replaced-proc"]


def test_macro_that_no_reference_can_spell_is_one_mistake(tmp_path: Path) -> None:
    """A macro with a hyphen in its name is told as that."""
    assert codes(check('a-b = "x"\n', tmp_path)) == ["unreachable-macro"]


def test_macro_in_quotes(tmp_path: Path) -> None:
    """A reference where nothing is replaced is told at its place, and the macro is not called unused too."""
    text = 'name = "mail.example.org"\nlisten on eth0 hostname "$name"\n'

    findings = check(text, tmp_path)
    [finding] = [each for each in findings if each.code.name == "unexpanded-macro"]
    assert shown([finding]) == ["2:26 warning unexpanded-macro '$name'"]
    assert [place.span.text for place in finding.related] == ["name"]
    assert "unused-macro" not in codes(findings)


def test_dollar_in_quotes_without_a_macro(tmp_path: Path) -> None:
    """A shell variable of a command is nobody's macro."""
    text = 'name = "lo"\nlisten on $name\naction "a" mda "/bin/deliver $HOME"\nmatch for local action "a"\n'

    assert "unexpanded-macro" not in codes(check(text, tmp_path))


def test_comment_that_hides_a_line(tmp_path: Path) -> None:
    """A comment that goes on after a backslash is told with the line that it hides."""
    [finding] = [each for each in check("# off: \\\nmatch for any reject\n", tmp_path) if "comment" in each.code.name]

    assert shown([finding]) == ["1:8 warning continued-comment '\\\\'"]
    assert [place.span.text for place in finding.related] == ["match for any reject"]


def test_comment_continued_by_a_comment(tmp_path: Path) -> None:
    """A backslash in front of another comment line hides nothing."""
    assert "continued-comment" not in codes(check("# one \\\n# two\nlisten on lo\n", tmp_path))


def test_statement_with_a_comment_is_left_to_its_author(tmp_path: Path) -> None:
    """A fix does not take a remark away with the statement."""
    [finding] = check("table t { a } # the relays\n", tmp_path)

    assert finding.fix is None


def test_statement_of_an_include(tmp_path: Path) -> None:
    """A leftover is told in the file that it is in."""
    [finding] = check('include "/etc/more.conf"\n', tmp_path, {"/etc/more.conf": "\n  table t { a,\n b }\n"})

    place = finding.span.written().span
    assert (place.source.name, place.source.position(place.start)) == (str(tmp_path / "etc/more.conf"), (2, 9))
    [change] = apply_fixes([finding], unsafe=True).changes
    assert change.after == "\n"
