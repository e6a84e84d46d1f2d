"""How a recipient becomes deliveries: aliases, virtual users, circles, limits, and members that fail."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.expansion import MAX_DEPTH, MAX_MEMBERS, expand
from smtpdsl.ir.members import Delivery, Expansion, MemberKind
from smtpdsl.ir.semantics import Verdict
from smtpdsl.mail.address import Mailbox
from tests.town import Town, envelope, mapping, walk
from tests.worlds import ruleset_of

RULES = """
match from any for domain "here.example" action "in"
match from local for any action "out"
action "out" relay
"""


def town(entries: Mapping[str, str], action: str = "mbox alias <t>", **files: tuple[str, ...]) -> Town:
    """Build a town whose aliases are *entries*, under an *action* that asks the table <t>."""
    table = f"table t {mapping(entries)}\n" if entries else ""
    options = action if entries else action.replace(" alias <t>", "")
    ruleset = ruleset_of(f'{table}action "in" {options}\n{RULES}')
    return Town(ruleset, {f"/{name}": lines for name, lines in files.items()})


def ends(expansion: Expansion) -> list[str]:
    """Name the deliveries: an address, a user (with the address if it is not the recipient's), a file, a command."""
    return sorted(_end(each) for each in expansion.deliveries)


def _end(each: Delivery) -> str:
    match each.kind:
        case MemberKind.ADDRESS:
            return f"relay {each.dest}"
        case MemberKind.USER:
            assert each.account is not None
            tag = f"+{each.extension}" if each.extension else ""
            return f"{each.account.name}{tag} for {each.dest.local_part}"
    return f"{each.kind.value} {each.target}"


def reply(expansion: Expansion) -> str:
    """Return the reply to a recipient that is refused."""
    assert expansion.failure is not None, ends(expansion)
    assert not expansion.deliveries
    return expansion.failure.reply


@pytest.mark.parametrize(
    ("entries", "recipient", "expected"),
    [
        ({}, "ann", ["ann for ann"]),
        ({}, "ANN+Tag", ["ann+tag for ANN+Tag"]),
        ({}, "ann+", ["ann for ann+"]),
        ({"list": "ann, ben"}, "list", ["ann for list", "ben for list"]),
        ({"LIST": "Ann"}, "List", ["ann for List"]),
        ({"list": "list2", "list2": "ann"}, "list", ["ann for list"]),
        ({"list": "ann, ann"}, "list", ["ann for list"]),
        ({"list": "ann, other", "other": "ann, ben"}, "list", ["ann for list", "ben for list"]),
        ({"ann": "ann, ben"}, "ann", ["ann for ann", "ben for ann"]),
        ({"ann": "ben"}, "ann+tag", ["ben for ann+tag"]),
        ({"ann": "ben", "ann+tag": "vmail"}, "ann+tag", ["vmail for ann+tag"]),
        ({"list": "ann+lists"}, "list", ["ann+lists for list"]),
        ({"list": "joe@away.example"}, "list", ["relay joe@away.example"]),
        ({"list": "ann@here.example"}, "list", ["ann for ann"]),
        ({"list": "ann, ann@here.example"}, "list", ["ann for ann", "ann for list"]),
        ({"list": "/var/mail/archive, |/bin/true x"}, "list", ["command /bin/true x", "file /var/mail/archive"]),
        ({"list": "a, b", "a": "/var/x", "b": "/var/x"}, "list", ["file /var/x"]),
        ({"list": ":include:/staff"}, "list", ["ann for list", "ben for list"]),
        ({"list": ":include:/nested, ann"}, "list", ["ann for list", "ben for list"]),
        ({"list": ":include:/missing, ann"}, "list", ["ann for list"]),
    ],
)
def test_aliases_lead_to_users_addresses_files_and_commands(
    entries: Mapping[str, str], recipient: str, expected: list[str]
) -> None:
    """A key with its sub-address comes before the one without, case does not matter, and equal members are one."""
    place = town(entries, staff=("ann, ben",), nested=(":include:/staff", "ben"))

    assert ends(walk(place, f"{recipient}@here.example")) == expected


@pytest.mark.parametrize(
    ("entries", "recipient", "expected"),
    [
        ({"a": "b", "b": "a, ann"}, "a", ["ann for a"]),
        ({"a": "a, ann"}, "a", "550 5.1.1 Invalid recipient: <a@here.example> (member: a)"),
        ({"a": "b", "b": "a"}, "a", "524 5.2.4 Mailing list expansion problem: <a@here.example>"),
        (
            {"a": "a@here.example, ann"},
            "a",
            "524 5.2.4 Mailing list expansion problem: <a@here.example> (member: a@here.example)",
        ),
        (
            {"a": "b@here.example", "b": "a@here.example, ann"},
            "a",
            "524 5.2.4 Mailing list expansion problem: <a@here.example> (member: a@here.example)",
        ),
    ],
)
def test_circles(entries: Mapping[str, str], recipient: str, expected: list[str] | str) -> None:
    """A circle of names ends by itself; one of addresses would go round for ever, and refuses the recipient."""
    found = walk(town(entries), f"{recipient}@here.example")

    assert (ends(found) if isinstance(expected, list) else reply(found)) == expected


def test_an_address_that_reaches_another_rule_the_second_time_is_no_circle() -> None:
    """Mail for the list comes from outside, what the list makes of it from here: two rules, two meanings."""
    ruleset = ruleset_of(
        'action "list" mbox alias { "ann" = "ann@here.example, ben" }\naction "box" mbox\n'
        'match from local for domain "here.example" action "box"\n'
        'match from any for domain "here.example" action "list"\n'
    )

    assert ends(walk(Town(ruleset), "ann@here.example")) == ["ann for ann", "ben for ann"]


@pytest.mark.parametrize(
    ("members", "is_refused"),
    [(MAX_DEPTH - 2, False), (MAX_DEPTH - 1, True)],
)
def test_depth_has_a_limit(members: int, *, is_refused: bool) -> None:
    """A member ten steps from the recipient refuses it; the recipient's own name is the first step."""
    entries = {f"n{number}": f"n{number + 1}" for number in range(members - 1)} | {f"n{members - 1}": "ann"}

    found = walk(town(entries), "n0@here.example")

    assert (found.failure is not None) is is_refused
    if is_refused:
        assert reply(found).startswith("524 5.2.4 ")


def test_the_number_of_members_has_a_limit() -> None:
    """One recipient cannot fill the queue."""
    crowd = tuple(f"user{number}" for number in range(MAX_MEMBERS + 1))

    found = walk(town({"list": ":include:/crowd"}, crowd=crowd), "list@here.example")

    assert reply(found).startswith("424 4.2.4 ")


@pytest.mark.parametrize(
    ("entries", "recipient", "verdict", "expected"),
    [
        ({}, "nobody", Verdict.REJECT, "550 5.1.1 Invalid recipient: <nobody@here.example>"),
        (
            {"list": "ann, nobody"},
            "list",
            Verdict.REJECT,
            "550 5.1.1 Invalid recipient: <list@here.example> (member: nobody)",
        ),
        (
            {"list": "ann, nobody@here.example"},
            "list",
            Verdict.REJECT,
            "550 5.1.1 Invalid recipient: <list@here.example> (member: nobody@here.example)",
        ),
        (
            {"list": "ann, other", "other": "no one"},
            "list",
            Verdict.TEMPFAIL,
            "424 4.2.4 Mailing list expansion problem: <list@here.example> (member: other)",
        ),
        ({"gone": "error:550 No such user"}, "gone", Verdict.REJECT, "550 No such user: <gone@here.example>"),
        ({"later": "error:450 Not yet"}, "later", Verdict.TEMPFAIL, "450 Not yet: <later@here.example>"),
        (
            {"list": "ann, gone", "gone": "error:550 No such user"},
            "list",
            Verdict.REJECT,
            "550 No such user: <list@here.example> (member: gone)",
        ),
        ({"empty": "ann", "list": ":include:/nothing"}, "list", Verdict.REJECT, "524 5.2.4 "),
    ],
)
def test_one_broken_member_refuses_the_recipient(
    entries: Mapping[str, str], recipient: str, verdict: Verdict, expected: str
) -> None:
    """All or nothing: no delivery is made, and the reply names the member that is to blame."""
    found = walk(town(entries, nothing=()), f"{recipient}@here.example")

    assert found.failure is not None
    assert found.failure.verdict is verdict
    assert reply(found).startswith(expected)


def test_private_members_are_not_told_to_strangers() -> None:
    """A reply is read by whoever sent the mail; commands and paths are none of their business."""
    found = walk(town({"list": "|/opt/secret --key 123"}, "forward-only alias <t>"), "list@here.example")

    assert reply(found) == "451 4.3.0 Temporary failure: <list@here.example> (member: a command)"


@pytest.mark.parametrize(
    ("method", "recipient", "expected"),
    [
        ("forward-only", "away", ["relay joe@away.example"]),
        ("forward-only", "ann", "424 4.2.4 "),
        ("forward-only", "nobody", "550 "),
        ("forward-only", "file", "451 "),
        ("forward-only", "command", "451 "),
        ("forward-only", "error", "451 "),
        ("expand-only", "away", ["relay joe@away.example"]),
        ("expand-only", "ann", "524 5.2.4 "),
        ("expand-only", "nobody", "550 "),
        ("expand-only", "file", ["file /var/x"]),
        ("expand-only", "command", ["command /bin/true"]),
        ("expand-only", "error", "550 go away"),
    ],
)
def test_actions_that_only_expand(method: str, recipient: str, expected: list[str] | str) -> None:
    """`forward-only` takes addresses, `expand-only` whatever an alias names; neither has mailboxes."""
    entries = {"away": "joe@away.example", "file": "/var/x", "command": "|/bin/true", "error": "error:550 go away"}

    found = walk(town(entries, f"{method} alias <t>"), f"{recipient}@here.example")

    if isinstance(expected, str):
        assert reply(found).startswith(expected)
    else:
        assert ends(found) == expected


@pytest.mark.parametrize(
    ("entries", "recipient", "expected"),
    [
        ({"ann@here.example": "ben"}, "ann", ["ben for ann"]),
        ({"ann@here.example": "ben"}, "Ann+tag", ["ben for Ann+tag"]),
        ({"ann+tag@here.example": "ben", "ann@here.example": "vmail"}, "ann+tag", ["ben for ann+tag"]),
        ({"ann": "ben", "@here.example": "vmail"}, "ann", ["ben for ann"]),
        ({"ann+tag": "ben", "ann": "vmail"}, "ann+tag", ["ben for ann+tag"]),
        ({"@here.example": "vmail", "@": "ben"}, "anybody", ["vmail for anybody"]),
        ({"@": "ben"}, "anybody", ["ben for anybody"]),
        ({"ann@here.example": "ann"}, "ann", ["ann for ann"]),
        ({"list@here.example": "all", "all": "ann, ben"}, "list", ["ann for list", "ben for list"]),
        ({"list@here.example": "all", "all@": "ann", "all": "ben"}, "list", ["ann for list"]),
        ({"list@here.example": "ann", "@": "ben"}, "list", ["ann for list"]),
        ({"list@here.example": "joe@away.example"}, "list", ["relay joe@away.example"]),
    ],
)
def test_virtual_users(entries: Mapping[str, str], recipient: str, expected: list[str]) -> None:
    """The most precise key wins; a name that comes out is looked up once more, without domain and catch-all."""
    assert ends(walk(town(entries, "mbox virtual <t>"), f"{recipient}@here.example")) == expected


def test_virtual_keys_are_asked_in_order() -> None:
    """First the address with its sub-address, last the entry for everybody."""
    place = town({"else": "ann"}, "mbox virtual <t>")

    found = walk(place, "joe+tag@here.example")

    assert place.keys == [
        "joe+tag@here.example",
        "joe@here.example",
        "joe+tag",
        "joe",
        "@here.example",
        "@",
    ]
    assert reply(found) == "524 5.2.4 Mailing list expansion problem: <joe+tag@here.example>"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("mbox alias <ext>", "451 4.3.0 Temporary failure: <ann@here.example>"),
        ("mbox virtual <ext>", "451 4.3.0 Temporary failure: <ann@here.example>"),
        ("mbox userbase <ext>", "451 4.3.0 Temporary failure: <ann@here.example>"),
    ],
)
def test_a_table_that_does_not_answer_is_a_temporary_failure(action: str, expected: str) -> None:
    """A look-up that fails is never taken for a user who does not exist."""
    ruleset = ruleset_of(f'table ext db:/etc/t.db\naction "in" {action}\n{RULES}', {"/etc/t.db": ""})

    assert reply(walk(Town(ruleset), "ann@here.example")) == expected


@pytest.mark.parametrize(
    ("rules", "recipient", "verdict", "expected"),
    [
        ("match from any for any reject", "ann", Verdict.REJECT, "550 5.1.1 Invalid recipient: <ann@here.example>"),
        (
            'match from any for domain "here.example" action "in"\nmatch from any for any reject',
            "list",
            Verdict.REJECT,
            "550 5.1.1 Invalid recipient: <list@here.example> (member: joe@away.example)",
        ),
        (
            'match from any for domain "here.example" action "in"\nmatch from any for domain <ext> action "in"',
            "list",
            Verdict.TEMPFAIL,
            "451 4.3.0 Temporary failure: <list@here.example> (member: joe@away.example)",
        ),
    ],
)
def test_the_rules_may_refuse_a_member(rules: str, recipient: str, verdict: Verdict, expected: str) -> None:
    """An address of an expansion goes back through all rules, and what they refuse is refused."""
    text = f'table ext db:/etc/t.db\naction "in" mbox alias {{ "list" = "ann, joe@away.example" }}\n{rules}\n'

    found = walk(Town(ruleset_of(text, {"/etc/t.db": ""})), f"{recipient}@here.example")

    assert found.failure is not None
    assert (found.failure.verdict, found.failure.reply) == (verdict, expected)


def test_steps_tell_how_the_recipient_became_its_ends() -> None:
    """Each member has its step, and each step the member it came from."""
    found = walk(town({"list": "ann, ann2", "ann2": "ann"}), "list@here.example")

    told = [(step.member.text, step.note, step.member.parent and step.member.parent.text) for step in found.steps]
    assert told == [
        ("list@here.example", 'action "in"', None),
        ("list", "<t> has list: ann, ann2", "list@here.example"),
        ("ann", 'user "ann" of the accounts of this system', "list"),
        ("ann2", "<t> has ann2: ann", "list"),
        ("ann", "is there already", "ann2"),
    ]


NAMES = st.sampled_from(["a", "b", "c", "ann", "ben", "ann+x", "nobody"])
TARGETS = st.one_of(
    NAMES,
    NAMES.map(lambda name: f"{name}@here.example"),
    st.sampled_from(["joe@away.example", "/var/x", "|/bin/true", ":include:/f", "error:550 no", "error:4 no", '"', ""]),
)
GRAPHS = st.dictionaries(NAMES, st.lists(TARGETS, min_size=1, max_size=4).map(", ".join), min_size=1)


@given(
    graph=GRAPHS,
    recipient=NAMES,
    action=st.sampled_from(["mbox alias <t>", "mbox virtual <t>", "forward-only alias <t>", "expand-only alias <t>"]),
    lines=st.lists(TARGETS, max_size=3).map(tuple),
)
def test_every_expansion_ends(graph: dict[str, str], recipient: str, action: str, lines: tuple[str, ...]) -> None:
    """Whatever the aliases say, there are deliveries or one failure, within the limits, and no user twice."""
    found = walk(town(graph, action, f=lines), f"{recipient}@here.example")

    users = [each for each in found.deliveries if each.kind is MemberKind.USER]
    assert (found.failure is None) is bool(found.deliveries)
    assert len({_end(each) for each in users}) == len(users)
    assert all(step.member.depth <= MAX_DEPTH for step in found.steps)
    assert len(found.steps) <= MAX_MEMBERS


# ---------------------------------------------------------------- addresses that SRS has made

SIGNED: Mapping[str, Mailbox | str] = {
    "SRS0=one@here.example": Mailbox.parse("joe@away.example"),
    "SRS0=two@here.example": Mailbox.parse("ann@here.example"),
    "SRS0=no@away.example": "its hash was not made with a key of this server",
    "SRS1=one@here.example": Mailbox.parse("SRS0=one@here.example"),
    "SRS1=no@here.example": Mailbox.parse("SRS0=no@away.example"),
    "SRS0=ann@here.example": "parts of it are missing",
}


def returned(entries: Mapping[str, str], recipient: str, sender: str = "<>") -> Expansion:
    """Expand *recipient* where the addresses of SIGNED are known."""

    def decode(address: Mailbox) -> Mailbox | str | None:
        return SIGNED.get(str(address))

    return expand(envelope(recipient, sender), town(entries), "+", decode)


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("SRS0=one@here.example", ["relay joe@away.example"]),
        ("SRS0=two@here.example", ["ann for ann"]),
        ("SRS1=one@here.example", ["relay joe@away.example"]),
        ("SRS1=no@here.example", ["relay SRS0=no@away.example"]),
        ("list@here.example", ["ann for list", "relay joe@away.example"]),
    ],
)
def test_an_address_of_srs_stands_for_another_one(recipient: str, expected: list[str]) -> None:
    """Which the rules see as mail of this host, as often as it takes; aliases may name one."""
    found = returned({"list": "ann, SRS0=one@here.example"}, recipient)

    assert (ends(found), found.warnings) == (expected, ())


def test_what_srs_has_not_made_is_taken_as_it_is() -> None:
    """With a warning; the hash of another server's is no news where our own is around it."""
    found = returned({"srs0=ann": "ann"}, "SRS0=ann@here.example")
    outside = returned({}, "SRS0=no@away.example")

    assert ends(found) == ["ann for SRS0=ann"]
    assert found.warnings == ("<SRS0=ann@here.example> is no SRS address of this server: parts of it are missing",)
    assert reply(outside) == "550 5.1.1 Invalid recipient: <SRS0=no@away.example>"


def test_only_reports_come_back() -> None:
    """Whoever has a sender is told that there is no such address."""
    found = returned({}, "SRS0=one@here.example", "<joe@away.example>")

    assert (reply(found), found.warnings) == ("550 5.1.1 Invalid recipient: <SRS0=one@here.example>", ())
