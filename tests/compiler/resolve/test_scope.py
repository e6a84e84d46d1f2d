"""Names: what they refer to, in any order, and what is said about those that refer to nothing."""

from __future__ import annotations

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from tests.worlds import Compiled, compile_text, describe, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


def found_in(text: str) -> Compiled:
    """Compile *text* after a rule, so that its first line is line 3."""
    return compile_text(RULE + text)


@pytest.mark.parametrize(
    ("text", "message", "pointed"),
    [
        ("match from src <lan> for any reject", '3:17 unknown-table: no table named "lan"', "lan"),
        ('match for any action "inn"', '3:22 unknown-action: no action named "inn"', '"inn"'),
        ("listen on lo filter f", '3:21 unknown-filter: no filter named "f"', "f"),
        ("filter f proc p\nlisten on lo filter f", '3:15 unknown-proc: no proc named "p"', "p"),
        ("listen on lo tls pki c1", '3:22 unknown-pki: no pki named "c1"', "c1"),
        ("listen on lo ca c1", '3:17 unknown-ca: no ca named "c1"', "c1"),
        ('action "x" maildir wrapper w\nmatch for any action "x"', '3:28 unknown-wrapper: no wrapper named "w"', "w"),
        ('action "x" relay pki c1\nmatch for any action "x"', '3:22 unknown-pki: no pki named "c1"', "c1"),
        ('action "x" relay ca c1\nmatch for any action "x"', '3:21 unknown-ca: no ca named "c1"', "c1"),
    ],
)
def test_a_name_nobody_declares(text: str, message: str, pointed: str) -> None:
    """One error at the name, and nothing else about what needs it."""
    compiled = found_in(text)
    (error,) = [each for each in compiled.findings if each.severity is Severity.ERROR]

    assert (describe(error), pointed_at(error)) == (message, pointed)
    assert error.label == "not defined anywhere"


@pytest.mark.parametrize(
    ("text", "help_text", "replacement"),
    [
        ('match for any action "im"', 'use "in"', '"in"'),
        ("table lans { 192.0.2.0/24 }\nmatch from src <lan> for any reject", 'use "lans"', '"lans"'),
        ('action "out" relay\nmatch for any action "elsewhere"', "define it, or use one of: in, out", None),
        ("match from src <lan> for any reject", "define it: `table lan file:/etc/mail/lan`", None),
    ],
)
def test_what_may_have_been_meant(text: str, help_text: str, replacement: str | None) -> None:
    """A similar name is offered as a fix; else what there is, or how to declare it."""
    found = next(each for each in found_in(text).findings if each.code.name.startswith("unknown-"))

    assert found.help == help_text
    assert (found.fix.edits[0].replacement if found.fix else None) == replacement
    assert found.fix is None or not found.fix.safe


def test_a_similar_name_is_shown_with_its_quotes() -> None:
    """The reader sees both names, each as it is written."""
    (found,) = found_in('match for any action "im"').findings

    assert [(other.span.text, other.message) for other in found.related] == [('"in"', "a similar name is defined here")]


def test_a_name_that_is_also_a_keyword_is_found_behind_it() -> None:
    """`action "action"` declares the second word."""
    (found,) = compile_text('action "action" mbox\nmatch for local action "actoin"\n').findings

    assert found.related[0].span.start == len("action ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table t { a }\ntable t { b }", '4:7 duplicate-name: table "t" is declared twice'),
        ('action "in" mbox', '3:8 duplicate-name: action "in" is declared twice'),
        ("proc p /a\nproc p /b".replace("/a", '"/a"').replace("/b", '"/b"'), "4:6 duplicate-name: proc"),
        ('mda wrapper w "a %{mda}"\nmda wrapper w "b %{mda}"', '4:13 duplicate-name: wrapper "w" is declared twice'),
        (
            "filter f phase connect match rdns junk\nfilter f phase connect match fcrdns junk",
            '4:8 duplicate-name: filter "f" is declared twice',
        ),
        (
            "filter f chain { g }\nfilter f phase connect match rdns junk\nfilter g phase connect match rdns junk",
            '4:8 duplicate-name: filter "f" is declared twice',
        ),
        (
            'table "<localhost>" { a }',
            '3:7 duplicate-name: the table "<localhost>" is there already: every configuration has it',
        ),
    ],
)
def test_a_name_declared_twice(text: str, message: str) -> None:
    """The later declaration is reported, whichever of the two was read first."""
    duplicates = [each for each in found_in(text).messages if "duplicate-name" in each]

    assert len(duplicates) == 1
    assert duplicates[0].startswith(message)


def test_a_file_included_twice_declares_everything_twice() -> None:
    """The two declarations are one place, so what is said is why."""
    text = 'include "/etc/t.conf"\ninclude "/etc/t.conf"\n' + RULE
    compiled = compile_text(text, {"/etc/t.conf": "table t { a }\n"})

    (found,) = compiled.findings
    assert found.message == 'table "t" is declared twice, because its file is included twice'
    assert found.help == "include the file once"


def test_order_does_not_matter() -> None:
    """A name may be used before the statement that declares it; other releases hear of it."""
    compiled = compile_text('match from src <t> for any action "x"\naction "x" relay\ntable t { 192.0.2.1 }\n')

    assert compiled.messages == []
    assert [(each.kind, each.name) for each in compiled.ruleset.early_uses] == [("table", "t"), ("action", "x")]


def test_a_discarded_statement_still_declares_its_name() -> None:
    """One mistake, one diagnostic: the rule that names a broken action is no second one."""
    compiled = compile_text('action "in" mbox alias\nmatch for local action "in"\n')

    assert [each.code.name for each in compiled.findings] == ["syntax-error"]


def test_a_file_that_cannot_be_read_may_declare_anything() -> None:
    """Behind a missing include no name is unknown."""
    compiled = compile_text('include "/etc/gone.conf"\nmatch from src <t> for any action "x"\n')

    assert [each.code.name for each in compiled.findings] == ["unreadable-include"]


def test_certificate_names_ignore_case() -> None:
    """Names of pki and ca are host names."""
    ruleset = compile_text(RULE + "pki MX.example.org dhe none\nlisten on lo tls pki mx.Example.org\n").ruleset

    assert [pki.name for pki in ruleset.listeners[0].pki] == ["mx.example.org"]


def test_what_is_referred_to_is_remembered() -> None:
    """The findings about leftovers ask which names were used."""
    ruleset = compile_text(RULE + "table t { 192.0.2.1 }\nmatch from src <t> for any reject\n").ruleset

    assert {("action", "in"), ("table", "t")} <= ruleset.used
