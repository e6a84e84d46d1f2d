"""Rules: eight slots, what is implied, and what is asked twice."""

from __future__ import annotations

import pytest

from smtpdsl.ir.resolved import AnySource, Condition, InTable, IsAuthenticated, LocalDestination, LocalSource, Slot
from smtpdsl.ir.table_file import Service
from tests.worlds import compile_text, pointed_at, ruleset_of

ACTION = 'action "a" relay\n'


def conditions(criteria: str) -> tuple[Condition, ...]:
    """Resolve one rule."""
    return ruleset_of(f'{ACTION}match {criteria} action "a"\n').rules[0].conditions


def shown(condition: Condition) -> str:
    """Write a condition with its slot."""
    implied = "implied " if condition.is_implied else ""
    return f"{condition.slot.name}: {implied}{condition.words}"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("", ["FROM: implied from local", "FOR: implied for local"]),
        ("for any", ["FROM: implied from local", "FOR: for any"]),
        ("auth for any", ["FROM: implied from local", "FOR: for any", "AUTH: auth"]),
        ('mail-from "x@y"', ["FROM: implied from local", "FOR: implied for local", 'MAIL_FROM: mail-from "x@y"']),
        ("from auth", ["FROM: from any", "FOR: implied for local", "AUTH: from auth"]),
        ("from mail-from x for any", ["FROM: from any", "FOR: for any", "MAIL_FROM: from mail-from x"]),
        ("from any for rcpt-to x", ["FROM: from any", "FOR: for any", "RCPT_TO: for rcpt-to x"]),
    ],
)
def test_slots_and_what_is_implied(criteria: str, expected: list[str]) -> None:
    """Without `from` a rule means local clients, without `for` local domains, whatever else it asks."""
    assert [shown(each) for each in conditions(criteria)] == expected


@pytest.mark.parametrize(
    ("criteria", "negated"),
    [
        ("!from local for any", [Slot.FROM]),
        ("!from auth for any", [Slot.AUTH]),
        ("!from mail-from x for any", [Slot.MAIL_FROM]),
        ("from any !for rcpt-to x", [Slot.RCPT_TO]),
        ("from any !for local !auth", [Slot.FOR, Slot.AUTH]),
    ],
)
def test_negation_is_of_the_last_slot(criteria: str, negated: list[Slot]) -> None:
    """`!from auth` is everybody who is not authenticated, not nobody."""
    assert [each.slot for each in conditions(criteria) if each.negated] == negated


@pytest.mark.parametrize(
    ("criteria", "service"),
    [
        ("from src 192.0.2.1", Service.NETADDR),
        ("from rdns x.example", Service.DOMAIN),
        ("for domain x.example", Service.DOMAIN),
        ("helo x.example", Service.DOMAIN),
        ("tag x", Service.STRING),
        ("auth x", Service.STRING),
        ("mail-from x", Service.MAILADDR),
        ("rcpt-to x", Service.MAILADDR),
        ('for domain regex "x"', Service.REGEX),
        ('from rdns regex "x"', Service.REGEX),
    ],
)
def test_each_criterion_asks_its_service(criteria: str, service: Service) -> None:
    """A table is asked in the way of the criterion, and every `regex` as regular expressions."""
    questions = [each.question for each in conditions(criteria)]

    assert [each.service for each in questions if isinstance(each, InTable)] == [service]


@pytest.mark.parametrize(
    ("criteria", "message", "help_text"),
    [
        ("from any from local", "a rule with two `from` conditions", "write two rules"),
        ("from any from any", "a rule with two `from` conditions", "remove one of them"),
        ("for any for local", "a rule with two `for` conditions", "write two rules"),
        ("tag a tag b", "a rule with two `tag` conditions", "write two rules"),
        ("from auth auth", "a rule with two `auth` conditions", "remove one of them"),
        ("from any from auth", "a rule with two `from` conditions", "remove `from any`: `from auth` is for any"),
        ("for rcpt-to x rcpt-to y", "a rule with two `rcpt-to` conditions", "write two rules"),
    ],
)
def test_a_slot_asked_twice(criteria: str, message: str, help_text: str) -> None:
    """One error at the second criterion, with the first one beside it."""
    compiled = compile_text(f'{ACTION}match {criteria} action "a"\n')
    (found,) = [each for each in compiled.findings if each.code.name.endswith("-criterion")]

    assert (found.code.name, found.message) == ("duplicate-criterion", message)
    assert found.help.startswith(help_text)
    assert f"{found.related[0].span.text} {pointed_at(found)}" == criteria


@pytest.mark.parametrize(
    "criteria",
    ["mail-from x from mail-from y", "auth from auth", "rcpt-to x for rcpt-to y"],
)
def test_a_criterion_that_overwrites(criteria: str) -> None:
    """These run, and ask only what is written last: a warning."""
    compiled = compile_text(f'{ACTION}match {criteria} action "a"\n')
    overwritten = [each for each in compiled.findings if each.code.name == "overwritten-criterion"]

    assert len(overwritten) == 1
    assert criteria.endswith(pointed_at(overwritten[0]))
    slots = [each.slot for each in compiled.ruleset.rules[0].conditions]
    assert len(slots) == len(set(slots))


def test_a_rule_without_action_rejects() -> None:
    """`reject` is no action, and a rule with an unknown one is not taken for it."""
    compiled = compile_text(f'{ACTION}match from any for any reject\nmatch for any action "b"\n')

    assert [(rule.action, rule.is_broken) for rule in compiled.ruleset.rules] == [(None, False), (None, True)]


def test_a_rule_that_asks_an_unknown_table_is_broken() -> None:
    """Nobody can tell what it matches."""
    compiled = compile_text(f'{ACTION}match from src <t> for any action "a"\n')

    assert [rule.is_broken for rule in compiled.ruleset.rules] == [True]


def test_implied_conditions_stand_at_the_first_word() -> None:
    """What is not written is shown where the rule begins, in both languages."""
    modern = ruleset_of(f'{ACTION}match for any action "a"\n').rules[0]
    earlier = ruleset_of("accept for any relay\n").rules[0]

    assert [each.span.text for each in (modern.conditions[0], earlier.conditions[0])] == ["match", "accept"]


def test_a_rule_of_the_earlier_language_may_be_two() -> None:
    """Up to 6.3 `from local` takes whoever logged in: a rule of its own, with words of its own."""
    text = "pki x certificate /c\npki x key /k\nlisten on lo tls pki x auth\naccept from local for any relay\n"
    compiled = compile_text(text.replace("/c", '"/c"').replace("/k", '"/k"'))

    rules = compiled.ruleset.rules
    assert [[each.words for each in rule.conditions] for rule in rules] == [
        ["from local", "for any"],
        ["from any", "for any", "from auth"],
    ]
    assert rules[0].action is rules[1].action


def test_questions_are_values() -> None:
    """Equal conditions are equal, wherever they stand."""
    first, second = conditions("from auth for any"), conditions("from  any  auth for any")

    assert [each.question for each in first] == [each.question for each in second]
    assert {AnySource(), IsAuthenticated()} <= {each.question for each in first}
    assert {LocalSource(), LocalDestination()} == {each.question for each in conditions("")}


def test_from_auth_keeps_the_table_before_it() -> None:
    """`auth <t> from auth` lets in who is in the table, as in OpenSMTPD, and not every login."""
    [auth] = [each for each in conditions('auth "joe" from auth') if each.slot is Slot.AUTH]

    assert isinstance(auth.question, InTable)
