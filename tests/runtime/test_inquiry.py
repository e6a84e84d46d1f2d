"""A policy that has to ask others: nothing is judged before everything is known, and nobody is asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.bounces.routing import PolicyRouter
from smtpdsl.runtime.interfaces import Envelope, NoReport
from smtpdsl.runtime.policy import Accepted, Judgement, Policy, Refused
from tests.runtime.policies import OUTSIDER, Outside, policy_of
from tests.worlds import ruleset_of, site_of

CONFIGURATION = """
table users { ann = "1000:1000:/home/ann", ben = "1001:1001:/home/ben", cid = "1002:1002:/home/cid" }
table aliases { both = "ann, ben", listed = ":include:/etc/list" }
listen on 127.0.0.1
action "in" maildir alias <aliases> userbase <users>
match from any for any action "in"
"""
Found = ForwardFile | ForwardProblem | None


class Asked:
    """Others, who know some files and remember what they were asked."""

    def __init__(self, forwards: Mapping[str, str | ForwardProblem], lines: tuple[str, ...] | None = None) -> None:
        """Know *forwards*, and the *lines* of every list."""
        self._forwards = forwards
        self._lines = lines
        self.rounds: list[set[str]] = []
        self._is_new = True

    def may_have_forward(self, account: Account) -> bool:
        """Anybody can see that cid has none."""
        return account.name != "cid"

    async def forward(self, account: Account) -> Found:
        """Answer after a while, so that whoever is asked at once is asked together."""
        self._note(account.name)
        await asyncio.sleep(0)
        self._is_new = True
        found = self._forwards.get(account.name)
        return ForwardFile(path=f"{account.home}/.forward", text=found) if isinstance(found, str) else found

    def may_have_lines(self, path: str) -> bool:
        """There may be every list."""
        del path
        return True

    async def lines(self, path: str) -> tuple[str, ...] | None:
        """Answer."""
        self._note(path)
        self._is_new = True
        return self._lines

    def _note(self, name: str) -> None:
        if self._is_new:
            self.rounds.append(set())
            self._is_new = False
        self.rounds[-1].add(name)


def policy_with(asked: Asked) -> Policy:
    """Return the policy of the configuration."""
    ruleset = ruleset_of(CONFIGURATION)
    return Policy(emit(ruleset, Source("smtpd.conf", CONFIGURATION)), site_of(ruleset), Outside(), asked)


def judge(asked: Asked, name: str) -> Judgement:
    """Judge a recipient, which may take time."""

    async def run() -> Judgement:
        found = policy_with(asked).judge(OUTSIDER, ReversePath(), Mailbox.parse(f"{name}@a.example"))
        return found if isinstance(found, Accepted | Refused) else await found

    return asyncio.run(run())


def users(judgement: Judgement) -> list[str]:
    """Return those who get the mail."""
    assert isinstance(judgement, Accepted), judgement
    return sorted(each.user for each in judgement.envelopes)


def test_what_is_known_needs_no_waiting() -> None:
    """Where anybody can see that there is nothing to ask."""
    found = policy_with(Asked({})).judge(OUTSIDER, ReversePath(), Mailbox.parse("cid@a.example"))

    assert isinstance(found, Accepted)


def test_a_forward_is_waited_for() -> None:
    """And what it leads to, one step after the other."""
    asked = Asked({"ann": "ben\n", "ben": "cid, ben\n"})

    assert users(judge(asked, "ann")) == ["ben", "cid"]
    assert asked.rounds == [{"ann"}, {"ben"}]


def test_all_that_is_lacking_is_asked_at_once() -> None:
    """A list of a thousand users is not a thousand rounds."""
    asked = Asked({})

    assert users(judge(asked, "both")) == ["ann", "ben"]
    assert asked.rounds == [{"ann", "ben"}]


def test_a_list_is_waited_for() -> None:
    """And then its members."""
    asked = Asked({"ann": "cid"}, ("ann", "cid"))

    assert users(judge(asked, "listed")) == ["cid"]
    assert asked.rounds == [{"/etc/list"}, {"ann"}]


def test_a_list_that_nobody_can_read_adds_nobody() -> None:
    """As without others."""
    found = judge(Asked({}), "listed")

    assert isinstance(found, Refused)
    assert found.why == "nothing is left to deliver to"


def test_a_forward_that_cannot_be_read_refuses_for_now() -> None:
    """With what the others say of it."""
    found = judge(Asked({"ann": ForwardProblem(why="nobody answers")}), "ann")

    assert isinstance(found, Refused)
    assert (found.reply.code, found.why) == (451, "nobody answers")


def test_the_judgement_is_that_of_a_policy_that_reads_by_itself() -> None:
    """However it comes to know what it knows."""
    forwards = {"ann": "ben, cid, ann\n", "ben": "|command\nann"}
    own = policy_of(CONFIGURATION, Outside(forwards=forwards))

    for name in ("ann", "ben", "cid", "both", "ann+tag"):
        judged = judge(Asked(forwards), name)
        assert judged == own.judge(OUTSIDER, ReversePath(), Mailbox.parse(f"{name}@a.example"))


def test_a_report_waits_too() -> None:
    """Its route is that of any other mail."""
    router = PolicyRouter(policy_with(Asked({"ann": "ben"})), "mx.example")

    async def run() -> tuple[Envelope, ...] | NoReport:
        found = router.route(Mailbox.parse("ann@a.example"))
        assert isinstance(found, Awaitable)
        return await found

    found = asyncio.run(run())
    assert not isinstance(found, NoReport)
    assert [each.user for each in found] == ["ben"]
