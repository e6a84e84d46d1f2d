"""Where the ``.forward`` of a user leads: copies, commands, circles, limits, and what replies do not tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.expansion import MAX_DEPTH, MAX_FORWARD_MEMBERS, Outage
from smtpdsl.ir.forward_file import ForwardProblem
from smtpdsl.ir.members import Account, Delivery, Expansion, MemberKind
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Verdict
from tests.town import Town, mapping, walk
from tests.worlds import ruleset_of

RULES = """
match from any for domain "here.example" action "in"
match from local for domain "hosted.example" action "hosted"
match from local for any action "out"
action "out" relay
action "hosted" mbox virtual { "known" = "ben" }
"""
Forwards = Mapping[str, str | ForwardProblem]


def town(forwards: Forwards, aliases: Mapping[str, str] | None = None, method: str = "mbox") -> Town:
    """Build a town whose users have these ``.forward`` files."""
    alias = f" alias {mapping(aliases)}" if aliases else ""
    return Town(ruleset_of(f'action "in" {method}{alias}\n{RULES}'), forwards=forwards)


def arrive(
    forwards: Forwards, recipient: str = "ann", aliases: Mapping[str, str] | None = None, method: str = "mbox"
) -> Expansion:
    """Expand a recipient."""
    return walk(town(forwards, aliases, method), f"{recipient}@here.example")


def ends(expansion: Expansion) -> list[str]:
    """Name the deliveries."""
    assert expansion.failure is None, expansion.failure
    return sorted(map(_end, expansion.deliveries))


def _end(each: Delivery) -> str:
    if each.kind is MemberKind.ADDRESS:
        return f"relay {each.dest}"
    who = each.account.name if each.account else "nobody"
    tag = f"+{each.extension}" if each.extension else ""
    return f"{who}{tag}" if each.kind is MemberKind.USER else f"{each.kind.value} {each.target} of {who}"


def refusal(expansion: Expansion) -> str:
    """Return the reply to a recipient that is refused; its verdict is that of its code."""
    assert expansion.failure is not None, ends(expansion)
    assert not expansion.deliveries
    is_for_now = expansion.failure.reply.startswith("4")
    assert expansion.failure.verdict is (Verdict.TEMPFAIL if is_for_now else Verdict.REJECT)
    return expansion.failure.reply


@pytest.mark.parametrize(
    ("forwards", "recipient", "expected"),
    [
        ({}, "ann", ["ann"]),
        ({"ann": "ben"}, "ann", ["ben"]),
        ({"ann": "ben"}, "ANN+Tag", ["ben"]),
        ({"ann": "ann, ben"}, "ann", ["ann", "ben"]),
        ({"ann": "\\ann, ben"}, "ann", ["ann", "ben"]),
        ({"ann": "ann, ben"}, "ann+tag", ["ann", "ben"]),
        ({"ann": "ann+kept, ben"}, "ann", ["ann+kept", "ben"]),
        ({"ann": "ann+kept, ben"}, "ann+tag", ["ann+kept", "ben"]),
        ({"ann": "ben+lists"}, "ann", ["ben+lists"]),
        ({"ann": "ben", "ben": "vmail"}, "ann", ["vmail"]),
        ({"ann": "ben, ann", "ben": "ann, ben"}, "ann", ["ann", "ben"]),
        ({"ann": "ben, joe@away.example", "ben": "ann, ben"}, "ann", ["ben", "relay joe@away.example"]),
        ({"ann": "joe@away.example"}, "ann", ["relay joe@away.example"]),
        ({"ann": "ben@here.example"}, "ann", ["ben"]),
        ({"ann": "known@hosted.example"}, "ann", ["ben"]),
        ({"ann": "list"}, "ann", ["ben", "vmail"]),
        ({"ann": "vmail", "ben": "ann"}, "list", ["vmail"]),
        ({"ann": "ann, |/bin/in 1"}, "ann", ["ann", "command /bin/in 1 of ann"]),
        ({"ann": '"|/bin/in 1", /var/x'}, "ann", ["command /bin/in 1 of ann", "file /var/x of ann"]),
        ({"ann": "|/bin/in", "ben": "|/bin/in"}, "both", ["command /bin/in of ann", "command /bin/in of ben"]),
        ({"ann": "piped"}, "ann", ["command /bin/alias of nobody"]),
        ({"root": "ben"}, "root", ["ben"]),
        ({"ann": ""}, "ann", ["ann"]),
        ({"ann": "# nobody\n"}, "ann+tag", ["ann+tag"]),
        ({"ann": ":include:/staff"}, "ann", ["ann"]),
        ({"ann": ":include:/staff, ben"}, "ann", ["ben"]),
    ],
)
def test_a_forward_file_takes_the_place_of_its_user(forwards: Forwards, recipient: str, expected: list[str]) -> None:
    """Whoever names themselves keeps a copy; commands and files belong to whose file it is; nothing is included."""
    aliases = {"list": "ben, vmail", "piped": "|/bin/alias", "both": "ann, ben"}

    assert ends(arrive(forwards, recipient, aliases)) == expected


def test_whoever_names_themselves_is_no_alias_any_more() -> None:
    """The alias has been asked before the file was."""
    assert ends(arrive({"ann": "ann, ben"}, "ann", {"ann": "ann"})) == ["ann", "ben"]
    assert ends(arrive({"ann": "ann+x, ben"}, "both", {"both": "ann, ann+x"})) == ["ann+x", "ben"]


def test_a_command_knows_its_user_and_no_sub_address() -> None:
    """It runs as them, for the address that led to them."""
    found = arrive({"ann": "|/bin/in"}, "list+tag", {"list": "ann+more"})

    (delivery,) = found.deliveries
    assert delivery.account is not None
    assert (delivery.account.name, delivery.extension, str(delivery.dest)) == ("ann", None, "list+tag@here.example")


@pytest.mark.parametrize(("user", "expected"), [("vmail", ["ann"]), ("ann", ["ben"])])
def test_an_action_with_a_user_reads_the_file_of_that_user_only(user: str, expected: list[str]) -> None:
    """Deliveries as somebody else are not for the recipient to send elsewhere."""
    assert ends(arrive({"ann": "ben"}, method=f"maildir user {user}")) == expected


def test_a_user_without_a_home_has_no_forward_file() -> None:
    """Nobody looks for it anywhere else."""

    class Homeless(Town):
        def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
            found = super().account(userbase, name)
            return found.replace(home="") if isinstance(found, Account) else found

    place = Homeless(town({}).ruleset, forwards={"ann": "ben"})

    assert ends(walk(place, "ann@here.example")) == ["ann"]


@pytest.mark.parametrize(
    ("forwards", "recipient", "expected"),
    [
        ({"ann": "no one"}, "ann", "451 4.3.0 Temporary failure: <ann@here.example>"),
        ({"ann": "no one"}, "list", "451 4.3.0 Temporary failure: <list@here.example> (member: ann)"),
        (
            {"ann": "ben", "ben": "no one"},
            "ann",
            "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)",
        ),
        ({"ann": ForwardProblem(why="is a link")}, "ann", "451 4.3.0 Temporary failure: <ann@here.example>"),
        (
            {"ann": ForwardProblem(why="is being edited", is_passing=True)},
            "ann",
            "424 4.2.4 Mailing list expansion problem: <ann@here.example>",
        ),
        (
            {"ann": "secret"},
            "ann",
            "550 5.1.1 Invalid recipient: <ann@here.example> (member: the .forward of ann)",
        ),
        (
            {"ann": "ben", "ben": "secret"},
            "list",
            "550 5.1.1 Invalid recipient: <list@here.example> (member: the .forward of ann)",
        ),
        (
            {"ann": "secret@here.example"},
            "ann",
            "550 5.1.1 Invalid recipient: <ann@here.example> (member: the .forward of ann)",
        ),
        (
            {"ann": "secret@hosted.example"},
            "ann",
            "524 5.2.4 Mailing list expansion problem: <ann@here.example> (member: the .forward of ann)",
        ),
        ({"ann": "error:550 Gone away"}, "ann", "550 Gone away: <ann@here.example>"),
        ({"ann": "error:450 On holiday"}, "list", "450 On holiday: <list@here.example> (member: ann)"),
        (
            {"ann": "ben", "ben": "error:550 Gone"},
            "ann",
            "550 Gone: <ann@here.example> (member: the .forward of ann)",
        ),
        (
            {"root": "|/bin/secret"},
            "root",
            "451 4.3.0 Temporary failure: <root@here.example> (member: the .forward of root)",
        ),
        (
            {"root": "/var/secret"},
            "root",
            "451 4.3.0 Temporary failure: <root@here.example> (member: the .forward of root)",
        ),
        (
            {"ann": "|/bin/in %{secret}"},
            "ann",
            "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)",
        ),
    ],
)
def test_what_is_wrong_with_it_refuses_the_recipient(forwards: Forwards, recipient: str, expected: str) -> None:
    """What its owner can mend waits; and no reply tells a stranger what stands in it."""
    found = arrive(forwards, recipient, {"list": "ann, vmail"})

    assert refusal(found) == expected


@pytest.mark.parametrize(
    ("forwards", "expected"),
    [
        ({"ann": "ben", "ben": "ann"}, "451 4.3.0 Temporary failure: <ann@here.example>"),
        (
            {"ann": "ann@here.example"},
            "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)",
        ),
        (
            {"ann": "ann, ben@here.example", "ben": "ann@here.example"},
            "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)",
        ),
        (
            {"ann": "n0"},
            "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)",
        ),
    ],
)
def test_what_leads_nowhere_waits_for_its_owner(forwards: Forwards, expected: str) -> None:
    """Circles and endless chains of aliases alone are refused for good."""
    aliases = {f"n{number}": f"n{number + 1}" for number in range(MAX_DEPTH)}

    assert refusal(arrive(forwards, aliases=aliases)) == expected


@pytest.mark.parametrize(
    ("method", "forward", "expected"),
    [
        ("forward-only", None, "424 4.2.4 "),
        ("forward-only", "# nobody", "424 4.2.4 "),
        ("forward-only", "joe@away.example", ["relay joe@away.example"]),
        ("forward-only", "ann, joe@away.example", "424 4.2.4 "),
        ("forward-only", "|/bin/in", "451 4.3.0 "),
        ("forward-only", "/var/x", "451 4.3.0 "),
        ("forward-only", "error:550 no", "451 4.3.0 "),
        ("expand-only", None, "524 5.2.4 "),
        ("expand-only", ":include:/x", "524 5.2.4 "),
        ("expand-only", "joe@away.example", ["relay joe@away.example"]),
        ("expand-only", "ann, joe@away.example", "451 4.3.0 "),
        ("expand-only", "|/bin/in", ["command /bin/in of ann"]),
        ("expand-only", "/var/x", ["file /var/x of ann"]),
        ("expand-only", "error:550 no", "550 no"),
    ],
)
def test_actions_that_have_no_mailboxes(method: str, forward: str | None, expected: list[str] | str) -> None:
    """They follow a file as they follow aliases, and keep no copy."""
    found = arrive({} if forward is None else {"ann": forward}, method=method)

    if isinstance(expected, str):
        assert refusal(found).startswith(expected)
    else:
        assert ends(found) == expected


@pytest.mark.parametrize("others", [0, 50])
def test_the_number_of_members_has_a_lower_limit(others: int) -> None:
    """A hundred in all, the recipient included, when somebody's file is one of them."""
    aliases = {"list": ", ".join(["ann", *(f"u{number}@away.example" for number in range(others))])}
    above = len(["the recipient", "list", "ann"]) + others

    def with_members(count: int) -> Expansion:
        text = "\n".join(f"f{number}@away.example" for number in range(count))
        return arrive({"ann": text}, "list", aliases)

    assert len(ends(with_members(MAX_FORWARD_MEMBERS - above))) == MAX_FORWARD_MEMBERS - above + others
    assert refusal(with_members(MAX_FORWARD_MEMBERS - above + 1)).startswith("424 4.2.4 ")


def test_steps_show_the_file() -> None:
    """Whose it is, where it is, and what it says; and below it what that became."""
    found = arrive({"ann": 'ann, # me\n"|/bin/in 1"\n'})

    assert [(step.member.text, step.note, step.member.parent and step.member.parent.text) for step in found.steps] == [
        ("ann@here.example", 'action "in"', None),
        ("ann", 'user "ann" of the accounts of this system', "ann@here.example"),
        ("ann", '.forward of ann (/home/ann/.forward): ann, "|/bin/in 1"', "ann@here.example"),
        ("ann", 'user "ann" of the accounts of this system', "ann"),
        ("/bin/in 1", "gets the message", "ann"),
    ]


USERS = st.sampled_from(["ann", "ben", "root"])
TARGETS = st.sampled_from(
    ["ann", "ben", "root", "ann+x", "nobody", "a", "ann@here.example", "joe@away.example", "|/bin/in", "/x", "error:4"]
)
TEXTS = st.lists(TARGETS, max_size=4).map(", ".join)


@given(
    forwards=st.dictionaries(USERS, TEXTS | st.builds(ForwardProblem, why=st.just("x"), is_passing=st.booleans())),
    aliases=st.dictionaries(st.sampled_from(["a", "ann"]), TEXTS.filter(bool), min_size=1),
    recipient=st.sampled_from(["ann", "ben", "ben+x", "root", "a"]),
    method=st.sampled_from(["mbox", "maildir user ann", "forward-only", "expand-only"]),
)
def test_every_expansion_ends(
    forwards: dict[str, str | ForwardProblem], aliases: dict[str, str], recipient: str, method: str
) -> None:
    """There are deliveries or one failure; none twice, none as root, none that the action has no method for."""
    found = arrive(forwards, recipient, aliases, method)

    kinds = {each.kind for each in found.deliveries}
    assert (found.failure is None) is bool(found.deliveries)
    assert len(set(map(repr, found.deliveries))) == len(found.deliveries)
    if method == "forward-only":
        assert kinds <= {MemberKind.ADDRESS}
    if method == "expand-only":
        assert MemberKind.USER not in kinds
    commands = [each for each in found.deliveries if each.kind is MemberKind.COMMAND]
    assert not any(each.account and each.account.uid == 0 for each in commands)
