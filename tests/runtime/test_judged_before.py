"""A policy that remembers says what one says that remembers nothing, whatever has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.members import Account
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client, Envelope
from smtpdsl.mail.srs import Srs
from smtpdsl.runtime.judged_before import JudgedBefore, Notes
from smtpdsl.runtime.policy import Accepted, Judgement, Policy, Refused
from tests.runtime.policies import OUTSIDER, Outside, policy_of
from tests.worlds import ruleset_of, site_of

HERE = """table people { "team" = "ann, ben", "away" = "ann@far.example", "listed" = ":include:/etc/list" }
action "in" maildir alias <people>
action "out" relay host "smtp+notls://127.0.0.1:2526" ttl 1h
match from any mail-from "eve@away.example" for domain "here.example" action "in"
match from src 192.0.2.1 for domain "here.example" action "out"
match from local for any action "out"
"""
EVERYBODY = """table everybody { "@" = "ann" }
action "in" maildir virtual <everybody>
action "out" relay host "smtp+notls://127.0.0.1:2526"
match from any for domain "here.example" action "in"
match from local for any action "out"
"""
INSIDER = Client(source="192.0.2.1", helo="inside.example")
SENDERS = ("<eve@away.example>", "<joe@away.example>", "<>")
NAMES = ("ann", "ben", "Ann+lists", "team", "away", "listed", "nobody")


class Changing(Outside):
    """Accounts and files that come and go."""

    def __init__(self) -> None:
        """Have two accounts."""
        super().__init__({"/etc/list": ("ann",)})
        self.accounts = {name: Account(name=name, uid=1000, gid=1000, home=f"/home/{name}") for name in ("ann", "ben")}

    def system_account(self, name: str) -> Account | None:
        """Look an account up."""
        return self.accounts.get(name)

    def move(self, name: str, home: str) -> None:
        """Give an account another home."""
        self.accounts[name] = Account(name=name, uid=1000, gid=1000, home=home)


Change: TypeAlias = Callable[[Changing], object]
CHANGES: tuple[Change, ...] = (
    lambda _: None,
    lambda world: world.accounts.pop("ben", None),
    lambda world: world.move("ben", "/srv/ben"),
    lambda world: world.forwards.update(ann="ben"),
    lambda world: world.forwards.update(ann="ann@far.example"),
    lambda world: world.forwards.clear(),
    lambda world: world.files.update({"/etc/list": ("ben", "ann@far.example")}),
    lambda world: world.files.clear(),
)


def judged(policy: Policy, sender: str, name: str, client: Client) -> Judgement:
    """Judge a recipient of here."""
    found = policy.judge(client, ReversePath.parse(sender), Mailbox.parse(f"{name}@here.example"))
    assert isinstance(found, Accepted | Refused)
    return found


def asked_for(name: str) -> Envelope:
    """Return what is asked about a recipient of here."""
    return Envelope(client=OUTSIDER, reverse_path=ReversePath(), recipient=Mailbox.parse(f"{name}@here.example"))


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(CHANGES),
            st.sampled_from(SENDERS),
            st.sampled_from(NAMES),
            st.sampled_from((OUTSIDER, INSIDER)),
        ),
        max_size=12,
    )
)
def test_what_was_judged_before_makes_no_difference(steps: list[tuple[Change, str, str, Client]]) -> None:
    """Accounts, lists and `.forward` files change, and so do sender and client."""
    world = Changing()
    old = policy_of(HERE, world)

    for change, sender, name, client in steps:
        change(world)
        assert judged(old, sender, name, client) == judged(policy_of(HERE, world), sender, name, client)


def test_an_address_of_srs_is_read_anew_each_time() -> None:
    """For a report it stands for another one, until it is too old; for other mail it is what it looks like."""
    text = f"srs key new\nsrs ttl 2d\n{EVERYBODY}"
    ruleset, moment = ruleset_of(text), [1_795_351_597.0]
    policy = Policy(emit(ruleset, Source("smtpd.conf", text)), site_of(ruleset), Changing(), clock=lambda: moment[0])
    address = Srs(key="new", days=2).encode(Mailbox.parse("joe@far.example"), "here.example", moment[0])

    def actions(sender: str) -> list[str]:
        found = judged(policy, sender, address.local_part, OUTSIDER)
        assert isinstance(found, Accepted)
        return [each.action for each in found.envelopes]

    assert [actions(sender) for sender in 2 * ("<eve@away.example>", "<>")] == 2 * [["in"], ["out"]]
    moment[0] += 3 * 24 * 3600
    assert actions("<>") == ["in"]


def test_a_judgement_is_the_same_object_again() -> None:
    """So it costs the questions, and no walk."""
    policy = policy_of(HERE, Changing())

    first = judged(policy, "<eve@away.example>", "team", OUTSIDER)

    assert judged(policy, "<eve@away.example>", "team", OUTSIDER) is first


def test_nobody_can_fill_the_memory() -> None:
    """With many recipients, or with one that asks for much."""
    before: JudgedBefore[str] = JudgedBefore()
    names = [f"user{number}" for number in range(10_000)]
    for name in names:
        before.note(asked_for(name).recipient, Notes([], []), name)
    before.note(asked_for("team").recipient, Notes([], [(repr, "") for _ in range(100)]), "team")

    policy = policy_of(HERE)
    assert before.find(asked_for(names[-1]), policy) == names[-1]
    assert sum(before.find(asked_for(name), policy) is not None for name in names) <= 1024
    assert before.find(asked_for("team"), policy) is None
