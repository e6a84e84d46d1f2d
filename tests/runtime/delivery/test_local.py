"""What an envelope of the queue asks the supervisor to do."""

from __future__ import annotations

import asyncio

import pytest

from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.table_index import TableIndex, is_system_userbase
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.delivery.sharing import Session, each_outcome, sessions_of
from smtpdsl.runtime.interfaces import (
    Attempt,
    CommandWork,
    Envelope,
    Identity,
    InlineContent,
    LmtpWork,
    LocalWork,
    MailboxWork,
    MaildirWork,
    Outcome,
    QueuedMessage,
    Result,
    Route,
    WrappedWork,
)
from tests.worlds import ruleset_of, site_of

LIST = Mailbox.parse("list+tag@here.example")
ANN = Mailbox.parse("ann+tag@here.example")
MESSAGE = QueuedMessage(
    7,
    ReversePath.parse("<eve@away.example>"),
    Client(source="203.0.113.9"),
    1700000000.0,
    InlineContent(b"x: y\n\nz\n"),
)
DONE = Outcome(Result.OK, "Delivered")
CONTENT = InlineContent(b"")
# As whom the server runs.
OWN = Account(name="smtpdsl", uid=990, gid=991, home="/nonexistent")
SEPARATOR = "From eve@away.example Tue Nov 14 22:13:20 2023"


class Workers:
    """A supervisor that only notes what it is asked for."""

    def __init__(self) -> None:
        """Have done nothing."""
        self.works: list[LocalWork] = []

    async def perform(self, work: LocalWork) -> Outcome:
        """Note it."""
        self.works.append(work)
        return DONE

    async def close(self, grace: float) -> None:
        """Have nothing to wait for."""
        del grace


def account(userbase: Table | None, name: str) -> Account | None:
    """Know three users."""
    del userbase
    uid = {"root": 0, "ann": 1001, "ben": 1002}.get(name)
    return None if uid is None else Account(name=name, uid=uid, gid=100, home=f"/home/{name}")


def deliver(
    method: str,
    user: str = "ann",
    *,
    extension: str = "",
    target: str = "",
    file: str = "",
    own: Account | None = OWN,
    was_tried: bool = False,
) -> LocalWork | Outcome:
    """Deliver one envelope, and return the work that was asked for, or the outcome without one."""
    ruleset = ruleset_of(
        'mda wrapper "slow" "nice %{mda}"\nmda wrapper "alone" "procmail %{user.username}"\n'
        f'action "in" {method}\nmatch from any for any action "in"\n'
    )
    rule = ruleset.rules[0]
    assert rule.action is not None
    workers = Workers()
    agent = LocalAgent({"in": rule.action}, site_of(ruleset), account, "/bed{}".format, workers, lambda: own)
    envelope = Envelope(Route.LOCAL, "in", LIST, ANN, user, extension, 60, target, file=file)
    message = MESSAGE._replace(was_tried=was_tried)
    (outcome,) = asyncio.run(agent.deliver(Attempt(message, (envelope,), ("00000007000000a1",))))
    return workers.works[0] if workers.works else outcome


@pytest.mark.parametrize("method", ["maildir", "mda cat", "expand-only", "forward-only"])
def test_a_command_of_the_user_takes_the_place_of_the_method(method: str) -> None:
    """It runs as the user, at home, with the variables of a command but without the sub-address."""
    work = deliver(method, target="~/bin/in %{sender}")

    assert isinstance(work, LocalWork)
    assert work.identity == ("ann", 1001, 100, "/bed/home/ann", "")
    assert isinstance(work.method, CommandWork)
    assert work.method.command == "/bed/home/ann/bin/in eve@away.example"
    assert dict(work.method.environment) == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/bed/home/ann",
        "SHELL": "/bin/sh",
        "USER": "ann",
        "LOGNAME": "ann",
        "LOCAL": "list+tag",
        "DOMAIN": "here.example",
        "RECIPIENT": "ann+tag@here.example",
        "ORIGINAL_RECIPIENT": "list+tag@here.example",
        "SENDER": "eve@away.example",
    }
    assert work.prefix == b"Return-Path: <eve@away.example>\nDelivered-To: list+tag@here.example\n"


def test_a_command_that_another_user_runs_knows_whose_mail_it_is() -> None:
    """At the home of the one that runs it."""
    work = deliver("mda cat user ben")

    assert isinstance(work, LocalWork)
    assert isinstance(work.method, CommandWork)
    environment = dict(work.method.environment)
    assert (environment["USER"], environment["LOGNAME"], environment["HOME"]) == ("ann", "ann", "/bed/home/ben")
    assert work.identity == ("ben", 1002, 100, "/bed/home/ben", "")


def test_a_command_of_the_user_is_wrapped() -> None:
    """Who wrote the configuration decides how commands run."""
    work = deliver('mda cat wrapper "slow"', target="/bin/in")

    assert isinstance(work, LocalWork)
    assert isinstance(work.method, CommandWork)
    assert work.method.command == "nice /bin/in"


def test_without_one_the_method_delivers() -> None:
    """To the maildir of the user, and its folder for the sub-address."""
    work = deliver("maildir", extension="tag")

    assert isinstance(work, LocalWork)
    assert work.method == MaildirWork(
        "/bed/home/ann/Maildir", "1700000000.00000007000000a1.mail.example.org", sub_folder="tag"
    )


@pytest.mark.parametrize(
    ("user", "target", "result", "text"),
    [
        ("root", "/bin/in", Result.PERMANENT, 'the account "root" has user number 0, and nothing is delivered as that'),
        ("gone", "/bin/in", Result.PERMANENT, 'no user "gone" any more'),
        ("ann", "/bin/in %{nothing}", Result.PERMANENT, 'expected the name of a value, found "nothing"'),
    ],
)
def test_commands_that_are_not_run(user: str, target: str, result: Result, text: str) -> None:
    """Nobody does what cannot be done, or as root."""
    outcome = deliver("maildir", user, target=target)

    assert isinstance(outcome, Outcome)
    assert outcome.result is result
    assert text in outcome.text


@pytest.mark.parametrize("method", ["maildir", 'lmtp "/run/store"'])
def test_a_delivery_is_wrapped(method: str) -> None:
    """In the same way, as a part of a command line."""
    plain, work = deliver(method), deliver(f'{method} wrapper "slow"')

    assert isinstance(plain, LocalWork)
    assert isinstance(work, LocalWork)
    assert isinstance(work.method, WrappedWork)
    assert (work.method.command, work.method.inner) == ("nice \0", plain.method)
    assert dict(work.method.environment)["USER"] == "ann"
    assert work._replace(method=plain.method) == plain


def test_a_wrapper_without_a_place_for_the_delivery_is_all_there_is() -> None:
    """As its warning says."""
    work = deliver('maildir wrapper "alone"')

    assert isinstance(work, LocalWork)
    assert isinstance(work.method, CommandWork)
    assert work.method.command == "procmail ann"


# ---------------------------------------------------------------- mailboxes and files


@pytest.mark.parametrize(("user", "uid"), [("ann", 1001), ("root", 0)])
def test_the_mailbox_of_the_system_is_one_file(user: str, uid: int) -> None:
    """Also root has one: that it is appended to as root is the reason why nothing else is done there."""
    work = deliver("mbox", user, was_tried=True)

    assert isinstance(work, LocalWork)
    assert work.identity == (user, uid, 100, f"/bed/home/{user}", "/bed/var/mail")
    assert work.method == MailboxWork(f"/bed/var/mail/{user}", SEPARATOR, is_system=True, may_exist=True)


@pytest.mark.parametrize("method", ["maildir", "mda cat", "mbox", "expand-only"])
def test_a_file_of_the_user_takes_the_place_of_the_method(method: str) -> None:
    """It is appended to in their name, and needs no rights but theirs."""
    work = deliver(method, file="/home/ann/%{sender.user}")

    assert isinstance(work, LocalWork)
    assert work.identity == ("ann", 1001, 100, "/bed/home/ann", "")
    assert work.method == MailboxWork("/bed/home/ann/eve", SEPARATOR)


def test_nowhere_is_the_same_on_every_machine() -> None:
    """A test bed has no devices of its own."""
    work = deliver("maildir", "", file="/dev/null")

    assert isinstance(work, LocalWork)
    assert work.method == MailboxWork("/dev/null", SEPARATOR)


def test_what_an_alias_names_is_done_by_the_server() -> None:
    """With an account that can do nothing else, whatever the method of the action."""
    filed = deliver("mbox", "", file="/var/log/mail")
    piped = deliver("mbox", "", target="logger %{sender}")

    assert isinstance(filed, LocalWork)
    assert isinstance(piped, LocalWork)
    assert filed.identity == piped.identity == ("smtpdsl", 990, 991, "/bed/nonexistent", "")
    assert filed.method == MailboxWork("/bed/var/log/mail", SEPARATOR)
    assert isinstance(piped.method, CommandWork)
    assert piped.method.command == "logger eve@away.example"
    environment = dict(piped.method.environment)
    assert (environment["USER"], environment["HOME"]) == ("smtpdsl", "/bed/nonexistent")
    assert "EXTENSION" not in environment


def test_what_an_alias_names_is_done_by_the_user_of_the_action() -> None:
    """If it names one."""
    for work in (
        deliver("mda cat user ann", "", file="/var/log/mail"),
        deliver("mda cat user ann", "", target="logger"),
    ):
        assert isinstance(work, LocalWork)
        assert work.identity.name == "ann"
    outcome = deliver("mda cat user gone", "", file="/var/log/mail")
    assert isinstance(outcome, Outcome)
    assert (outcome.result, outcome.text) == (Result.PERMANENT, 'no user "gone" any more')


def test_root_does_nothing_that_an_alias_names() -> None:
    """It waits until the action has a `user`."""
    outcome = deliver("maildir", "", target="logger", own=None)

    assert isinstance(outcome, Outcome)
    assert outcome.result is Result.TEMPORARY
    assert outcome.text == 'action "in" has no `user`, and root does nothing that an alias names'


def test_nobody_has_no_home() -> None:
    """What an alias names knows no user."""
    outcome = deliver("maildir", "", target="~/bin/in")

    assert isinstance(outcome, Outcome)
    assert "has no home directory" in outcome.text


# ---------------------------------------------------------------- mail stores


@pytest.mark.parametrize(
    ("method", "work"),
    [
        ('lmtp "/run/store"', LmtpWork("ann", "<eve@away.example>", "mail.example.org", "/bed/run/store", "", 25)),
        ('lmtp "/run/%{dest.domain}" rcpt-to', LmtpWork(str(ANN), "", "", "/bed/run/here.example", "", 25)),
        ("lmtp mx.example:lmtp", LmtpWork("ann", "", "", "", "mx.example", "lmtp")),
        ('lmtp "[2001:db8::1]:24"', LmtpWork("ann", "", "", "", "2001:db8::1", 24)),
    ],
)
def test_a_mail_store_is_told_the_user_or_the_address(method: str, work: LmtpWork) -> None:
    """In the name of the user; the field Return-Path is the business of the store."""
    found = deliver(method)

    assert isinstance(found, LocalWork)
    assert found.method == work._replace(reverse_path="<eve@away.example>", helo="mail.example.org")
    assert found.identity.name == "ann"
    assert found.prefix == b"Delivered-To: list+tag@here.example\n"


@pytest.mark.parametrize(("user", "said"), [("a b", '"a b"'), ("joe@virt.example", "joe@virt.example")])
def test_a_virtual_user_has_any_name(user: str, said: str) -> None:
    """An address is said as one, and anything else as a local part."""
    ruleset = ruleset_of(
        f'action "in" lmtp "/run/store" userbase {{ "{user}" = "1:1:/" }}\nmatch from any for any action "in"\n'
    )
    action, workers = ruleset.rules[0].action, Workers()
    assert action is not None
    known = Account(name=user, uid=1, gid=1, home="/")
    agent = LocalAgent({"in": action}, site_of(ruleset), lambda *_: known, str, workers)
    envelope = Envelope(Route.LOCAL, "in", LIST, ANN, user)
    asyncio.run(agent.deliver(Attempt(MESSAGE, (envelope,), ("00000007000000a1",))))

    (work,) = workers.works
    assert isinstance(work.method, LmtpWork)
    assert work.method.recipient == said


def test_a_place_that_is_none_has_failed_for_good() -> None:
    """No attempt could find it."""
    outcome = deliver('lmtp "%{sender.user}:%{dest.domain}"')

    assert isinstance(outcome, Outcome)
    assert (outcome.result, outcome.status) == (Result.PERMANENT, "5.3.5")


# ---------------------------------------------------------------- several recipients of a mail store

TABLE = '{ "ann" = "5:5:/a", "ben" = "5:5:/b", "sue" = "6:5:/s" }'


class Stuck(Workers):
    """A supervisor that does so many works, and then nothing any more."""

    def __init__(self, works: int) -> None:
        """Do so many *works*."""
        super().__init__()
        self._left = works
        self.is_stuck = asyncio.Event()

    async def perform(self, work: LocalWork) -> Outcome:
        """Do it, or hang."""
        if not self._left:
            self.is_stuck.set()
            await asyncio.Event().wait()
        self._left -= 1
        return await super().perform(work)


def abandoned(works: int) -> list[str]:
    """Give the third session of a delivery up, when so many *works* were done, and return the results."""
    ruleset = ruleset_of('action "in" lmtp "/run/store" user ben\nmatch from any for any action "in"\n')
    action = ruleset.rules[0].action
    assert action is not None

    async def scene() -> list[str]:
        stuck = Stuck(works)
        agent = LocalAgent({"in": action}, site_of(ruleset), account, str, stuck)
        envelopes = (Envelope(Route.LOCAL, "in", LIST, ANN, "ann"),) * 3
        task = asyncio.ensure_future(agent.deliver(Attempt(MESSAGE, envelopes, ("00000007000000a1",) * 3)))
        await stuck.is_stuck.wait()
        task.cancel()
        return [outcome.result.value for outcome in await task]

    return asyncio.run(scene())


def test_what_was_delivered_is_told_though_the_rest_is_abandoned() -> None:
    """Else the next start would deliver it again; of an attempt that has delivered nothing nobody says anything."""
    assert abandoned(works=2) == ["Ok", "Ok", "TempFail"]
    assert abandoned(works=1) == ["Ok", "TempFail", "TempFail"]
    with pytest.raises(asyncio.CancelledError):
        abandoned(works=0)


class Stores(Workers):
    """A supervisor whose mail stores have an answer for each recipient."""

    async def perform(self, work: LocalWork) -> Outcome:
        """Deliver to the first, and refuse the others."""
        await super().perform(work)
        others = len(work.method.others) if isinstance(work.method, LmtpWork) else 0
        return DONE._replace(others=(Outcome(Result.PERMANENT, "no", "5.1.1"),) * others)


def delivered_together(action_text: str, *users: str, target: str = "") -> tuple[list[LocalWork], list[str]]:
    """Deliver a message to *users* as the queue does; return the works, and the result for each user."""
    ruleset = ruleset_of(f'mda wrapper w "w %{{mda}}"\naction "in" {action_text}\nmatch from any for any action "in"\n')
    action, stores = ruleset.rules[0].action, Stores()
    assert action is not None
    index = TableIndex()

    def find(userbase: Table | None, name: str) -> Account | None:
        is_system = userbase is None or is_system_userbase(userbase)
        found = account(None, name) if is_system or userbase is None else index.account(userbase, name)
        assert not isinstance(found, Outage)
        return found

    agent = LocalAgent({"in": action}, site_of(ruleset), find, str, stores)
    envelopes = [Envelope(Route.LOCAL, "in", LIST, ANN, user, target=target) for user in users]
    groups: dict[object, list[Envelope]] = {}
    for position, each in enumerate(envelopes):
        group = agent.group(each)
        groups.setdefault(position if group is None else (group,), []).append(each)
    results = []
    for found in groups.values():
        outcomes = asyncio.run(agent.deliver(Attempt(MESSAGE, tuple(found), ("00000007000000a1",) * len(found))))
        results += [outcome.result.value for outcome in outcomes]
    return stores.works, results


@pytest.mark.parametrize(
    ("action", "users", "sessions"),
    [
        (f'lmtp "/run/store" userbase {TABLE}', ("ann", "ben"), [["ann", "ben"]]),
        (f'lmtp "/run/store" userbase {TABLE}', ("ann", "sue", "ben"), [["ann", "ben"], ["sue"]]),
        ('lmtp "/run/store" user ben', ("ann", "ben"), [["ann", "ben"]]),
        ('lmtp "/run/store"', ("ann", "ben"), [["ann"], ["ben"]]),
        (f'lmtp "/run/%{{user.username}}" userbase {TABLE}', ("ann", "ben"), [["ann"], ["ben"]]),
        (f'lmtp "/run/store" wrapper w userbase {TABLE}', ("ann", "ben"), [["ann"], ["ben"]]),
        (f'lmtp "/run/store" userbase {TABLE}', ("ann", "nobody", "ben"), [["ann", "ben"]]),
    ],
)
def test_users_who_are_one_to_the_system_share_a_session(
    action: str, users: tuple[str, ...], sessions: list[list[str]]
) -> None:
    """With one store and without a wrapper; what one of them gets is no matter of another one."""
    works, results = delivered_together(action, *users)
    found = []
    for work in works:
        method = work.method.inner if isinstance(work.method, WrappedWork) else work.method
        assert isinstance(method, LmtpWork)
        found.append([method.recipient, *method.others])
        assert work.prefix == b"Delivered-To: list+tag@here.example\n"

    assert found == sessions
    expected = [result for each in sessions for result in ["Ok", *["PermFail"] * (len(each) - 1)]]
    assert sorted(results) == sorted(expected + ["PermFail"] * (len(users) - sum(map(len, sessions))))


def test_a_command_of_a_user_is_alone() -> None:
    """It is no session, whatever the action does for others."""
    works, _ = delivered_together(f'lmtp "/run/store" userbase {TABLE}', "ann", "ben", target="cat")

    assert len(works) == 2


def test_an_outcome_that_is_missing_is_no_success() -> None:
    """Whoever forgets somebody has not delivered to them."""
    work = LocalWork(Identity("ann", 5, 5, "/a"), LmtpWork("ann", "<>", "mx", others=("ben",)), b"", CONTENT, 1)

    assert [each.result for each in each_outcome(work, DONE)] == [Result.TEMPORARY] * 2


def test_nobody_hears_of_another_recipient() -> None:
    """A field with one address would be in the mail of all."""
    works = [
        LocalWork(Identity(name, 5, 5, "/"), LmtpWork(name, "<>", "mx"), f"X: {name}@x\n".encode(), CONTENT, 1)
        for name in ("ann", "ben")
    ]
    joined = works[0]._replace(method=LmtpWork("ann", "<>", "mx", others=("ben",)), prefix=b"")

    assert sessions_of(works) == [Session(joined, [0, 1])]
    assert sessions_of([]) == []


def test_who_is_named_twice_gets_it_twice() -> None:
    """A store would take them for one; each outcome is that of its own envelope."""
    works, results = delivered_together(f'lmtp "/run/store" userbase {TABLE}', "ann", "ann", "ben", "ann")

    methods = [work.method for work in works if isinstance(work.method, LmtpWork)]
    assert [(each.recipient, each.others) for each in methods] == [("ann", ("ben",)), ("ann", ()), ("ann", ())]
    assert results == ["Ok", "Ok", "PermFail", "Ok"]
