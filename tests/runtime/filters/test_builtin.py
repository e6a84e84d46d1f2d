"""Every built-in filter that can be written: phases, conditions, decisions."""

from __future__ import annotations

import itertools

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from smtpdsl.ir.resolved import BuiltinFilter, FilterUse, Phase
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.conditions import Tables
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.plan import plan_filters
from smtpdsl.runtime.filters.rulings import JUNK, PROCEED, Refuse, Rewrite, Ruling
from tests.runtime.filters.sessions import FACTS, LISTEN, Elsewhere, Notes, session_of, told
from tests.worlds import compile_text, ruleset_of, site_of

NO = Reply(code=550, enhanced_status="5.7.1", lines=("no",))
STRANGER = Facts(
    client=Client(source="198.51.100.1", helo="stranger.example"),
    reverse_path=ReversePath(),
    recipient=Mailbox.parse("ben@example.org"),
)
# Each holds of FACTS and not of STRANGER.
CONDITIONS = (
    "fcrdns",
    "rdns",
    'rdns "*.client.example"',
    'rdns regex "^mx"',
    "src 203.0.113.0/24",
    'src regex "^203"',
    'helo "client.example"',
    'helo regex "^client"',
    "auth",
    'auth "ann"',
    'auth regex "^ann$"',
    'mail-from "@away.example"',
    'mail-from regex "eve"',
    'rcpt-to "ann@example.org"',
    'rcpt-to regex "^ann@"',
)
# How many of them are known in each phase.
KNOWN = {
    Phase.CONNECT: 6,
    Phase.HELO: 8,
    Phase.EHLO: 8,
    Phase.AUTH: 11,
    Phase.MAIL_FROM: 13,
    Phase.RCPT_TO: 15,
    Phase.DATA: 13,
    Phase.COMMIT: 13,
}
DECISIONS = (
    'reject "550 5.7.1 no"',
    'disconnect "550 5.7.1 no"',
    'rewrite "TEXT"',
    'report "text"',
    "junk",
    "bypass",
)
# As the last two come too late, and the third has nothing to rewrite.
DECISIONS_OF = {Phase.DATA: 5, Phase.COMMIT: 3}


def expected_of(each: BuiltinFilter) -> Ruling:
    """Return what a session hears of *each* if it acts."""
    match each.decision.kind:
        case "reject" | "disconnect" as kind:
            return Refuse(reply=NO, closes=kind == "disconnect", filter=each.name, place=each.span.place)
        case "rewrite" if each.phase is not Phase.CONNECT:
            return Rewrite(text=rewrite_for(each.phase), filter=each.name, place=each.span.place)
        case "junk":
            return JUNK
    return PROCEED


def rewrite_for(phase: Phase) -> str:
    """Return what can stand in the place of the argument of the command of *phase*."""
    return "x.example" if phase in {Phase.HELO, Phase.EHLO} else "<x@y.example>"


def written_for(phase: Phase) -> str:
    """Return a filter a line: each condition, plain and negated, with each decision, as far as there is no error."""
    combinations = itertools.product(CONDITIONS, DECISIONS, ("", "!"))
    lines = [
        f"filter f{number} phase {phase.value} match {negation}{condition} {decision}\n".replace(
            "TEXT", rewrite_for(phase)
        )
        for number, (condition, decision, negation) in enumerate(combinations)
    ]
    findings = compile_text("".join(lines)).findings
    wrong = {each.span.source.position(each.span.start)[0] for each in findings if each.severity is Severity.ERROR}
    return "".join(line for number, line in enumerate(lines, 1) if number not in wrong)


@pytest.mark.parametrize("phase", Phase)
def test_every_filter_that_can_be_written(phase: Phase) -> None:
    """It acts if its condition holds, and with `!` if it does not, and in its phase only."""
    ruleset = ruleset_of(written_for(phase) + "listen on lo\n")
    tables = Tables(site_of(ruleset), Elsewhere())

    assert len(ruleset.filters) == KNOWN[phase] * DECISIONS_OF.get(phase, 6) * 2
    for each in ruleset.filters.values():
        assert isinstance(each, BuiltinFilter)
        plan = plan_filters(FilterUse(span=each.span, filter=each), tables)
        inside, outside = (STRANGER, FACTS) if each.conditions[0].negated else (FACTS, STRANGER)
        for hook in Hook:
            expected = expected_of(each) if hook.value == phase.value else PROCEED
            assert told(plan.session("4f1e", Notes()), hook, inside) == expected, each.span.text
            assert told(plan.session("4f1e", Notes()), hook, outside) == PROCEED, each.span.text


# ---------------------------------------------------------------- what is compared


def acts(condition: str, facts: Facts, phase: str = "rcpt-to") -> bool:
    """Whether *condition* holds of *facts*."""
    text = f'filter f phase {phase} match {condition} reject "550 5.7.1 no"\n{LISTEN} f'
    return told(session_of(text), Hook(phase), facts) != PROCEED


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('mail-from regex "^$"', True),
        ('mail-from "@"', True),
        ('mail-from "@away.example"', False),
        ('mail-from regex "@"', False),
        ('mail-from "eve"', False),
    ],
)
def test_the_null_sender_is_the_empty_text(condition: str, *, expected: bool) -> None:
    """In rules it is `@`."""
    assert acts(condition, STRANGER) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('rdns "*.client.example"', True),
        ('rdns "*.example"', False),
        ('rdns "MX.client.example"', True),
        ('rdns "client.example"', False),
        ('auth { "ANN" }', True),
        ('auth { ann = "ann:secret" }', True),
        ('auth "*"', False),
        ('helo "*.example"', True),
        ('src "203.0.113.9"', True),
        ('src "local"', False),
        ('src regex "^203[.]0[.]113[.]9$"', True),
        ('rcpt-to "ann"', True),
        ('rcpt-to "@*.org"', True),
        ('rcpt-to "@example.*"', True),
        ('rcpt-to regex "^ann@example.org$"', True),
    ],
)
def test_comparisons_are_those_of_the_language(condition: str, *, expected: bool) -> None:
    """Stars in domains and reverse names, networks, sub-addresses; case never matters."""
    assert acts(condition, FACTS) is expected


def test_a_sub_address_belongs_to_its_user() -> None:
    """As in rules."""
    facts = FACTS._replace(recipient=Mailbox.parse("ann+list@example.org"))

    assert acts('rcpt-to "ann@example.org"', facts)
    assert not acts('rcpt-to "ann+other@example.org"', facts)


@pytest.mark.parametrize("condition", ['rdns "*"', 'rdns regex ".*"', 'rdns regex "unknown"', "rdns"])
def test_a_client_without_a_name_is_in_no_table(condition: str) -> None:
    """Which `!` turns into a yes: in a rule it would be no answer."""
    assert not acts(condition, STRANGER)
    assert acts(f"!{condition}", STRANGER)


def test_the_local_socket_counts_as_logged_in() -> None:
    """As in rules; it has no name that could be in a table."""
    facts = STRANGER._replace(client=Client(source="local"))

    assert acts("auth", facts)
    assert not acts('auth "ann"', facts)
    assert acts('src "local"', facts)


# ---------------------------------------------------------------- what cannot be told

NAMELESS = STRANGER._replace(fcrdns=None)
TABLE = "table t db:/etc/t.db\n"


@pytest.mark.parametrize("negation", ["", "!"])
@pytest.mark.parametrize("condition", ["fcrdns", "rdns", 'rdns "x.example"', "src <t>", "rcpt-to <t>"])
@pytest.mark.parametrize(
    "decision", ["junk", "bypass", 'reject "550 no"', 'disconnect "421 no"', 'rewrite "<a@b.test>"']
)
def test_what_cannot_be_told_is_a_refusal_for_now(negation: str, condition: str, decision: str) -> None:
    """Neither the mail nor its sender is guessed about, whatever would have been done."""
    session = session_of(f"{TABLE}filter f phase rcpt-to match {negation}{condition} {decision}\n{LISTEN} f")
    ruling = told(session, Hook.RCPT_TO, NAMELESS)

    assert isinstance(ruling, Refuse)
    status, why = ("4.3.0", "<t> cannot be asked now") if "<t>" in condition else ("4.7.25", "the reverse DNS name")
    assert (ruling.reply.code, ruling.reply.enhanced_status, ruling.closes) == (451, status, False)
    assert ruling.why.startswith(why)
    assert "<t>" not in str(ruling.reply)
    assert (ruling.filter, ruling.place, session.is_junk) == ("f", "smtpd.conf:2", False)


def test_in_place_of_a_greeting_a_refusal_for_now_is_421() -> None:
    """There is no other."""
    text = f'filter f phase connect match !fcrdns reject "550 5.7.1 no"\n{LISTEN} f'
    ruling = told(session_of(text), Hook.CONNECT, NAMELESS)

    assert isinstance(ruling, Refuse)
    assert (ruling.reply.code, ruling.closes) == (421, True)


def test_a_report_is_not_worth_a_refusal() -> None:
    """Nothing depends on it; the next filter is asked."""
    log = Notes()
    first, second = "match !fcrdns report odd", "match src 198.51.100.1 junk"
    text = f"filter f phase connect {first}\nfilter g phase connect {second}\n{LISTEN} {{ f, g }}"

    assert told(session_of(text, log=log), Hook.CONNECT, NAMELESS) == JUNK
    assert log.lines == ["4f1e smtp filter phase=connect filter=g decision=junk rule=smtpd.conf:2"]


@pytest.mark.parametrize("answer", [Answer.YES, Answer.NO])
def test_tables_that_live_elsewhere(answer: Answer) -> None:
    """They are asked for the key, as what the condition says."""
    elsewhere = Elsewhere(answer)
    session = session_of(f"{TABLE}filter f phase helo match helo <t> junk\n{LISTEN} f", elsewhere)

    assert told(session, Hook.HELO) == (JUNK if answer is Answer.YES else PROCEED)
    assert elsewhere.asked == [("t", Service.DOMAIN, "client.example")]


# ---------------------------------------------------------------- several conditions


@pytest.mark.parametrize(
    ("conditions", "facts", "expected"),
    [
        ("fcrdns auth", FACTS, JUNK),
        ("fcrdns !auth", FACTS, PROCEED),
        ("!fcrdns auth", FACTS, PROCEED),
        ("!fcrdns !auth", STRANGER, JUNK),
        ("src 203.0.113.0/24 !src 203.0.113.1", FACTS, JUNK),
        ("src 203.0.113.0/24 !src 203.0.113.9", FACTS, PROCEED),
        # What does not hold decides, whatever the other would say.
        ("!fcrdns auth", NAMELESS, PROCEED),
        ("auth !fcrdns", NAMELESS, PROCEED),
        ("!fcrdns !auth", NAMELESS, None),
        ("src <t> !auth", FACTS, PROCEED),
        ("!src <t> auth", FACTS, None),
    ],
)
def test_all_conditions_must_hold(conditions: str, facts: Facts, expected: Ruling | None) -> None:
    """None expected stands for a refusal for now."""
    session = session_of(f"{TABLE}filter f phase mail-from match {conditions} junk\n{LISTEN} f")
    ruling = told(session, Hook.MAIL_FROM, facts)

    assert ruling == expected or (expected is None and isinstance(ruling, Refuse) and ruling.reply.code == 451)


# ---------------------------------------------------------------- replies


@pytest.mark.parametrize(
    ("text", "reply", "closes"),
    [
        ("550 no", Reply(code=550, lines=("no",)), False),
        ("450 4.7.1 later", Reply(code=450, enhanced_status="4.7.1", lines=("later",)), False),
        ("421 4.7.0 bye", Reply(code=421, enhanced_status="4.7.0", lines=("bye",)), True),
        ("250 fine", Reply(code=421, enhanced_status="4.3.5", lines=("Service not available",)), True),
        ("nope", Reply(code=421, enhanced_status="4.3.5", lines=("Service not available",)), True),
    ],
)
def test_the_reply_is_the_authors(text: str, reply: Reply, *, closes: bool) -> None:
    """What is no refusal becomes a 421, which always ends the session."""
    ruling = told(session_of(f'filter f phase helo match helo "client.example" reject "{text}"\n{LISTEN} f'), Hook.HELO)

    assert ruling == Refuse(reply=reply, closes=closes, filter="f", place="smtpd.conf:1")
