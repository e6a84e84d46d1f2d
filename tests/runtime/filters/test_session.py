"""Chains of filters, asked about one session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.hooks import Facts, Hook
from smtpdsl.runtime.filters.plan import FilterPlan
from smtpdsl.runtime.filters.rulings import BYPASS, JUNK, PROCEED, Bypass, Refuse, Report, Rewrite, Ruling, Said
from tests.runtime.filters.sessions import FACTS, LISTEN, Notes, plan_of, session_of, told

REFUSE = Refuse(reply=Reply(code=550, lines=("no",)), closes=False, filter="x", place="smtpd.conf:1")
REWRITE = Rewrite(text="<x@y.example>", filter="x", place="smtpd.conf:1")
REPORT = Report(text="odd")


class Scripted:
    """A filter that says what it was told to say, at once or later, in every phase that it knows."""

    place = "smtpd.conf:1"
    kind = "builtin"

    def __init__(self, name: str, says: Said, hooks: Sequence[Hook] = tuple(Hook), *, is_slow: bool = False) -> None:
        """Say *says* at *hooks*."""
        self.name = name
        self.hooks = frozenset(hooks)
        self.asked: list[Hook] = []
        self._says = says
        self._is_slow = is_slow

    def decide(self, hook: Hook, facts: Facts) -> Said | Awaitable[Said]:
        """Say it."""
        assert facts is FACTS
        self.asked.append(hook)
        return self._later() if self._is_slow else self._says

    async def _later(self) -> Said:
        await asyncio.sleep(0)
        return self._says


def filters_of(*says: Said, is_slow: bool = False) -> list[Scripted]:
    """Return filters that say these things, named by letters."""
    return [Scripted(chr(ord("a") + number), each, is_slow=is_slow) for number, each in enumerate(says)]


# ---------------------------------------------------------------- order


@pytest.mark.parametrize(
    ("says", "ruling", "asked"),
    [
        ((PROCEED, PROCEED), PROCEED, 2),
        ((REPORT, REFUSE), REFUSE, 2),
        ((JUNK, REFUSE), JUNK, 1),
        ((REWRITE, REFUSE), REWRITE, 1),
        ((REFUSE, JUNK), REFUSE, 1),
        ((BYPASS, REFUSE), PROCEED, 1),
        ((), PROCEED, 0),
    ],
)
@pytest.mark.parametrize("is_slow", [False, True])
def test_the_first_decision_is_the_last(says: Sequence[Said], ruling: Ruling, asked: int, *, is_slow: bool) -> None:
    """Only who goes on, or reports, lets the next one be asked; waiting changes nothing."""
    filters = filters_of(*says, is_slow=is_slow)

    async def run() -> Ruling:
        found = FilterPlan(filters).session("4f1e", Notes()).ask(Hook.EHLO, FACTS)
        assert isinstance(found, Awaitable) is (is_slow and bool(filters))
        return await found if isinstance(found, Awaitable) else found

    assert asyncio.run(run()) == ruling
    assert [len(each.asked) for each in filters] == [1] * asked + [0] * (len(filters) - asked)


class World(NamedTuple):
    """Filters, each with the hooks it knows and what it says, and the moments of a session."""

    filters: Sequence[tuple[frozenset[Hook], Said]]
    moments: Sequence[Hook]


SAID = st.sampled_from([PROCEED, REPORT, JUNK, REFUSE, REWRITE, BYPASS])
HOOKS = st.frozensets(st.sampled_from(Hook))
WORLDS = st.builds(World, st.lists(st.tuples(HOOKS, SAID), max_size=5), st.lists(st.sampled_from(Hook), max_size=12))


def expected_of(world: World) -> list[Ruling]:
    """Return what a session hears, by the words of the reference."""
    heard: list[Ruling] = []
    is_bypassed = False
    for hook in world.moments:
        decisions = [says for hooks, says in world.filters if hook in hooks and says not in {PROCEED, REPORT}]
        decision = PROCEED if is_bypassed or not decisions else decisions[0]
        if isinstance(decision, Bypass):
            is_bypassed, decision = True, PROCEED
        is_void = isinstance(decision, Rewrite) and hook is Hook.CONNECT
        heard.append(PROCEED if is_void or isinstance(decision, Report) else decision)
    return heard


@given(world=WORLDS, slow=st.booleans())
def test_a_chain_does_what_the_reference_says(world: World, *, slow: bool) -> None:
    """Whichever filters there are, and whenever they are asked."""
    filters = [Scripted(f"f{n}", says, tuple(hooks), is_slow=slow) for n, (hooks, says) in enumerate(world.filters)]
    session = FilterPlan(filters).session("4f1e", Notes())

    async def run() -> list[Ruling]:
        heard = []
        for hook in world.moments:
            found = session.ask(hook, FACTS)
            heard.append(await found if isinstance(found, Awaitable) else found)
        return heard

    assert asyncio.run(run()) == expected_of(world)


@given(hooks=st.lists(HOOKS, max_size=4), moments=st.lists(st.sampled_from(Hook)))
def test_where_no_filter_acts_nothing_changes(hooks: Sequence[frozenset[Hook]], moments: Sequence[Hook]) -> None:
    """No ruling, no mark, no line of the log."""
    log = Notes()
    session = FilterPlan([Scripted(f"f{n}", PROCEED, tuple(each)) for n, each in enumerate(hooks)]).session("4", log)

    assert {told(session, hook) for hook in moments} <= {PROCEED}
    assert (session.is_junk, log.lines) == (False, [])


# ---------------------------------------------------------------- what is remembered


def test_a_message_is_marked_until_the_next_one_begins() -> None:
    """A mark from before MAIL is for all of them."""
    for hook in (Hook.RCPT_TO, Hook.DATA):
        session = FilterPlan([Scripted("f", JUNK, [hook])]).session("4f1e", Notes())
        for _ in range(2):
            told(session, Hook.MAIL_FROM)
            assert not session.is_junk
            told(session, hook)
            told(session, Hook.COMMIT)
            assert session.is_junk
    for hook in (Hook.CONNECT, Hook.HELO, Hook.EHLO, Hook.AUTH):
        session = FilterPlan([Scripted("f", JUNK, [hook])]).session("4f1e", Notes())
        told(session, hook)
        told(session, Hook.MAIL_FROM)
        assert session.is_junk


def test_a_bypass_is_for_the_rest_of_the_session() -> None:
    """As the manual says; what was marked before stays so."""
    text = (
        "filter a phase connect match rdns junk\n"
        'filter b phase ehlo match helo "client.example" bypass\n'
        'filter c phase rcpt-to match rcpt-to "ann" reject "550 5.7.1 no"\n'
        f"{LISTEN} {{ a, b, c }}"
    )
    session = session_of(text)

    assert told(session, Hook.CONNECT) == JUNK
    assert isinstance(told(session, Hook.RCPT_TO), Refuse)
    assert told(session, Hook.EHLO) == PROCEED
    assert told(session, Hook.RCPT_TO) == PROCEED
    assert session.is_junk


@pytest.mark.parametrize(("hook", "lasts"), [(Hook.CONNECT, True), (Hook.EHLO, False)])
def test_what_was_said_in_the_clear_is_forgotten(hook: Hook, *, lasts: bool) -> None:
    """RFC 3207 §4.2: TLS begins a session anew, but for what its address has decided."""
    junk = FilterPlan([Scripted("f", JUNK, [hook])]).session("4f1e", Notes())
    bypass = FilterPlan([Scripted("f", BYPASS, [hook]), Scripted("g", REFUSE, [Hook.DATA])]).session("4f1e", Notes())
    for session in (junk, bypass):
        told(session, hook)
        session.secured()

    assert junk.is_junk is lasts
    assert told(bypass, Hook.DATA) == (PROCEED if lasts else REFUSE)


def test_a_mark_of_the_address_outlasts_another_one() -> None:
    """The first one counts."""
    session = FilterPlan([Scripted("f", JUNK, [Hook.CONNECT, Hook.EHLO])]).session("4f1e", Notes())
    told(session, Hook.CONNECT)
    told(session, Hook.EHLO)
    session.secured()

    assert session.is_junk


# ---------------------------------------------------------------- what is told


def test_what_filters_do_is_logged() -> None:
    """A refusal is logged with the command that it answers, by who answers it."""
    log = Notes()
    session = FilterPlan(filters_of(REPORT, REWRITE)).session("4f1e", log)
    for hook in (Hook.EHLO, Hook.AUTH):
        told(session, hook)
    told(FilterPlan(filters_of(BYPASS)).session("4f1f", log), Hook.CONNECT)
    told(FilterPlan(filters_of(REFUSE)).session("4f20", log), Hook.CONNECT)

    assert log.lines == [
        "4f1e smtp filter phase=ehlo filter=a decision=report text=odd rule=smtpd.conf:1",
        "4f1e smtp filter phase=ehlo filter=b decision=rewrite text=<x@y.example> rule=smtpd.conf:1",
        "4f1e smtp filter phase=auth filter=a decision=report text=odd rule=smtpd.conf:1",
        "4f1e smtp filter phase=auth filter=b decision=rewrite rule=smtpd.conf:1",
        "4f1f smtp filter phase=connect filter=a decision=bypass rule=smtpd.conf:1",
    ]


# ---------------------------------------------------------------- plans


def test_a_listener_without_filters_has_nothing_to_ask() -> None:
    """Its sessions skip every question."""
    plan = plan_of("listen on lo")

    assert (plan.hooks, plan.needs_reverse_name) == (frozenset(), False)


@pytest.mark.parametrize(
    ("members", "hooks"),
    [
        ("{ a }", {Hook.CONNECT, Hook.MAIL_FROM}),
        ("{ a, b }", {Hook.CONNECT, Hook.RCPT_TO, Hook.MAIL_FROM}),
        ("b", {Hook.RCPT_TO, Hook.MAIL_FROM}),
        ("both", {Hook.CONNECT, Hook.RCPT_TO, Hook.MAIL_FROM}),
    ],
)
def test_a_plan_knows_when_there_is_something_to_ask(members: str, hooks: set[Hook]) -> None:
    """MAIL always, where a message begins whose marks are its own."""
    text = (
        "filter a phase connect match rdns junk\n"
        'filter b phase rcpt-to match rcpt-to "ann" junk\n'
        "filter both chain { a, b }\n"
        f"{LISTEN} {members}"
    )

    assert plan_of(text).hooks == hooks


@pytest.mark.parametrize(
    ("condition", "needs"), [("fcrdns", True), ("!rdns", True), ('rdns "x.y"', True), ("src 192.0.2.1", False)]
)
def test_a_plan_knows_whether_the_name_of_a_client_matters(condition: str, *, needs: bool) -> None:
    """Where it does not, nobody has to wait for it."""
    assert plan_of(f"filter f phase connect match {condition} junk\n{LISTEN} f").needs_reverse_name is needs
