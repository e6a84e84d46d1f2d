"""Filters: programs, built-in ones, and chains of them."""

from __future__ import annotations

import pytest

from smtpdsl.ir.resolved import (
    BuiltinFilter,
    ConfirmedReverseName,
    FilterChain,
    HasReverseName,
    InTable,
    IsAuthenticated,
    Phase,
    ProgramFilter,
    Subject,
)
from smtpdsl.ir.table_file import Service
from tests.worlds import Compiled, compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'
A_AND_B = "filter a phase connect match !rdns junk\nfilter b phase connect match !fcrdns junk\n"


def compiled(text: str) -> Compiled:
    """Compile filters after a rule."""
    return compile_text(f"{RULE}{text}\n")


def conflicts(text: str) -> Compiled:
    """Compile filters without the findings about programs that are not installed."""
    found = compiled(text)
    return found._replace(findings=[each for each in found.findings if each.code.name != "missing-file"])


@pytest.mark.parametrize(
    ("condition", "question", "subject"),
    [
        ("!rdns", HasReverseName(), None),
        ("fcrdns", ConfirmedReverseName(), None),
        ("auth", IsAuthenticated(), None),
        ('rdns "*.example.org"', Service.DOMAIN, Subject.RDNS),
        ("src 192.0.2.1", Service.NETADDR, Subject.SOURCE),
        ('helo "x.example"', Service.DOMAIN, Subject.HELO),
        ('mail-from "x@y.example"', Service.MAILADDR, Subject.REVERSE_PATH),
        ('mail-from regex "x"', Service.REGEX, Subject.REVERSE_PATH),
    ],
)
def test_built_in_filters_ask_one_thing(condition: str, question: object, subject: Subject | None) -> None:
    """The words of `match` without `from`, and in a phase."""
    found = compiled(f"filter f phase mail-from match {condition} junk").ruleset.filters["f"]

    assert isinstance(found, BuiltinFilter)
    (only,) = found.conditions
    assert (found.phase, only.negated, found.decision.kind) == (Phase.MAIL_FROM, condition.startswith("!"), "junk")
    asked = only.question
    assert ((asked.service, asked.subject) if isinstance(asked, InTable) else (asked, None)) == (question, subject)


def test_a_filter_may_ask_several_things() -> None:
    """In the order in which they stand; one thing may be asked twice."""
    found = compiled("filter f phase mail-from match !auth src 192.0.2.1 !src 192.0.2.2 junk").ruleset.filters["f"]

    assert isinstance(found, BuiltinFilter)
    assert [(each.subject, each.negated) for each in found.conditions] == [
        ("auth", True),
        ("src", False),
        ("src", True),
    ]
    assert [each.span.text for each in found.conditions] == ["!auth", "src 192.0.2.1", "!src 192.0.2.2"]


def test_programs() -> None:
    """`proc-exec` is a `proc` and a filter in one."""
    filters = compiled('proc p "/bin/p" user a\nfilter f proc p\nfilter g proc-exec "/bin/g" group b').ruleset.filters

    shown = [
        (each.proc.command.text, each.proc.user and each.proc.user.text, each.proc.group and each.proc.group.text)
        for each in filters.values()
        if isinstance(each, ProgramFilter) and each.proc
    ]
    assert shown == [("/bin/p", "a", None), ("/bin/g", None, "b")]


def test_a_filter_takes_the_place_of_a_program() -> None:
    """`proc-exec` silently replaces a `proc` of its name with OpenSMTPD; here it is a warning, and still so."""
    found = conflicts('proc p "/bin/old"\nfilter f proc p\nfilter p proc-exec "/bin/new"\nlisten on lo filter f')

    assert found.messages == ['5:8 replaced-proc: filter "p" replaces the `proc` of that name']
    program = found.ruleset.filters["f"]
    assert isinstance(program, ProgramFilter)
    assert program.proc is not None
    assert program.proc.command.text == "/bin/new"


@pytest.mark.parametrize("use", ["filter c chain { a, b }\nlisten on lo filter c", "listen on lo filter { a, b }"])
def test_chains_are_named_or_inline(use: str) -> None:
    """A listener's filter is a chain either way."""
    listener = compiled(A_AND_B + use).ruleset.listeners[0]

    assert listener.filter is not None
    assert isinstance(listener.filter.filter, FilterChain)
    assert [member.name for member in listener.filter.filter.members] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message", "help_text"),
    [
        (
            "filter c chain { a, a }\nlisten on lo filter c",
            '5:21 duplicate-name: filter "a" stands twice in one chain',
            "remove one of them",
        ),
        (
            "filter c chain { a, b }\nfilter d chain { c }\nlisten on lo filter d",
            '6:18 conflicting-options: "c" is a chain, and chains do not nest',
            "name its members instead: a, b",
        ),
        (
            "filter c chain { a, q }\nlisten on lo filter c",
            '5:21 unknown-filter: no filter named "q"',
            "define it, or use one of: a, b",
        ),
        ("listen on lo filter { b, b }", '5:26 duplicate-name: filter "b" stands twice in one chain', "remove one"),
    ],
)
def test_what_a_chain_cannot_have(text: str, message: str, help_text: str) -> None:
    """One error at the member."""
    found = conflicts(A_AND_B + text)

    assert found.messages == [message]
    assert found.findings[0].help.startswith(help_text)
    assert len(pointed_at(found.findings[0])) == 1
