"""What becomes of a recipient whose rules, aliases and users are in tables that live elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.policy import Accepted, Policy, Refused
from tests.runtime.policies import OUTSIDER
from tests.runtime.tables.elsewhere import FAILS, Tables, judged, policy_with
from tests.worlds import ruleset_of

EVERYTHING = """
table domains db:/etc/t.db
table blocked db:/etc/t.db
table aliases db:/etc/t.db
table users db:/etc/t.db
action "in" maildir alias <aliases> userbase <users>
action "out" relay
match from src <blocked> for any reject
match from any for domain <domains> action "in"
match from local for any action "out"
"""
ENTRIES = {
    "domains": {"here.example": ""},
    "blocked": {},
    "aliases": {"team": "ann, ben", "away": "ann@far.example", "odd": "a@b@c, |"},
    "users": {"ann": "1000:1000:/home/ann", "ben": "1001:1001:/home/ben", "cid": "nonsense"},
}


def with_entry(table: str, key: str, value: str) -> Tables:
    """Return the entries with another one."""
    return Tables({name: {**entries, key: value} if name == table else entries for name, entries in ENTRIES.items()})


@pytest.mark.parametrize("walks_diagram", [False, True])
def test_everything_may_live_elsewhere(*, walks_diagram: bool) -> None:
    """Rules, aliases and users are asked in their order, and each question once."""
    tables = Tables(ENTRIES)

    found = judged(policy_with(EVERYTHING, tables, walks_diagram=walks_diagram), "Team@Here.example")

    assert isinstance(found, Accepted)
    assert [(each.user, each.action) for each in found.envelopes] == [("ann", "in"), ("ben", "in")]
    assert tables.rounds == [
        ["blocked netaddr 203.0.113.9"],
        ["domains domain Here.example"],
        ["aliases alias team"],
        ["aliases alias ann", "aliases alias ben"],
        ["users userinfo ann", "users userinfo ben"],
    ]


def test_what_an_alias_names_goes_through_the_rules_again() -> None:
    """And those ask what lives elsewhere, too."""
    tables = Tables(ENTRIES)
    found = judged(policy_with(EVERYTHING, tables), "away@here.example")

    assert isinstance(found, Accepted)
    assert [(each.route, str(each.dest)) for each in found.envelopes] == [(Route.RELAY, "ann@far.example")]
    assert tables.asked[-2:] == ["blocked netaddr local", "domains domain far.example"]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("blocked", "203.0.113.9"),
        ("domains", "here.example"),
        ("aliases", "team"),
        ("aliases", "ben"),
        ("users", "ben"),
    ],
)
@pytest.mark.parametrize("walks_diagram", [False, True])
def test_a_look_up_that_fails_is_a_451(table: str, key: str, *, walks_diagram: bool) -> None:
    """Wherever it is, and whatever the others would say."""
    policy = policy_with(EVERYTHING, with_entry(table, key, FAILS), walks_diagram=walks_diagram)
    found = judged(policy, "team@here.example")

    assert isinstance(found, Refused)
    assert str(found.reply).startswith("451 4.3.0 Temporary failure: <team@here.example>")


def test_a_user_that_cannot_be_read_is_a_451() -> None:
    """Somebody has to mend the entry."""
    found = judged(policy_with(EVERYTHING, Tables(ENTRIES)), "cid@here.example")

    assert isinstance(found, Refused)
    assert (found.reply.code, found.why) == (451, "<users> cannot be asked now")


def test_a_failure_behind_the_decision_does_not_matter() -> None:
    """A rule that decides before a table is needed, decides."""
    text = EVERYTHING.replace("match from src", 'match from any for domain "first.example" action "in"\nmatch from src')
    policy = policy_with(text, with_entry("blocked", "203.0.113.9", FAILS))

    assert isinstance(judged(policy, "ann@first.example"), Accepted)


def test_a_long_list_takes_as_many_rounds_as_a_short_one() -> None:
    """All members are asked for at once, those that are addresses too."""
    names = [f"u{number}" for number in range(60)]
    users = dict.fromkeys(names, "1000:1000:/home/ann")
    members = ", ".join(f"{name}, {name}@{name}.example" for name in names)
    tables = Tables({**ENTRIES, "aliases": {"all": members}, "users": users})
    found = judged(policy_with(EVERYTHING, tables), "all@here.example")

    assert isinstance(found, Accepted)
    assert len(found.envelopes) == 120
    assert len(tables.rounds) < 10


def test_nothing_is_remembered_of_what_lives_elsewhere() -> None:
    """What somebody changes there holds from the next recipient on."""
    entries = {name: dict(each) for name, each in ENTRIES.items()}
    policy = policy_with(EVERYTHING, Tables(entries))
    before = judged(policy, "team@here.example")
    entries["aliases"]["team"] = "ann"
    after = judged(policy, "team@here.example")

    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert [len(before.envelopes), len(after.envelopes)] == [2, 1]


def test_where_everything_is_known_nobody_waits() -> None:
    """A server with such tables still decides at once what does not need them."""
    text = 'table users db:/etc/t.db\naction "in" maildir userbase <users>\naction "out" relay\n'
    text += 'match from any for domain "here.example" action "in"\nmatch from any for any action "out"\n'
    policy = policy_with(text, Tables({"users": {}}))

    assert isinstance(policy.judge(OUTSIDER, ReversePath(), Mailbox.parse("joe@far.example")), Accepted)


RELAY = 'table owners db:/etc/t.db\naction "out" relay\nmatch from any for any action "out"\n'
SENDERS = ruleset_of(RELAY, {"/etc/t.db": ""}).tables["owners"]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("ann@here.example, @there.example", Answer.YES),
        ("ann@there.example", Answer.NO),
        ('ann@here.example, "', Answer.UNAVAILABLE),
        (FAILS, Answer.UNAVAILABLE),
    ],
)
def test_senders_may_live_elsewhere(value: str, answer: Answer) -> None:
    """The login is looked up as a list of addresses."""
    tables = Tables({"owners": {"ann": value}})
    policy = policy_with(RELAY, tables)

    assert may_send(policy, "Ann") is answer
    assert may_send(policy, "eve") is Answer.NO
    assert tables.asked == ["owners mailaddrmap Ann", "owners mailaddrmap eve"]


def may_send(policy: Policy, login: str) -> Answer:
    """Ask whether *login* may send as ann."""

    async def run() -> Answer:
        found = policy.may_send_as(SENDERS, login, ReversePath.parse("<ann@here.example>"))
        return found if isinstance(found, Answer) else await found

    return asyncio.run(run())


def test_reverse_names_are_asked_for_as_the_original_does() -> None:
    """Programs that serve OpenSMTPD register for that, and answer it."""
    tables = with_entry("blocked", "mx.far.example", "")
    policy = policy_with(EVERYTHING.replace("from src <blocked>", "from rdns <blocked>"), tables)

    assert isinstance(judged(policy, "ann@here.example", OUTSIDER.replace(rdns="mx.far.example")), Refused)
    assert tables.asked == ["blocked netaddr mx.far.example"]
