"""Local delivery: from an envelope of the queue to work in its user's name.

    envelope ──action, account──▶ ir.delivery.plan ──▶ LocalWork ──▶ supervisor

The action is looked up by its name at each attempt, and the user in the action's userbase:
whoever mends the configuration frees the mail.  What an alias names, and no user, is done by
the `user` of the action, or by the account of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence

from smtpdsl.ir.answers import Site
from smtpdsl.ir.delivery import Plan, PlanKind, plan
from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.members import Account, Delivery, MemberKind
from smtpdsl.ir.resolved import Action, LocalAction, Mda, Rule, Table
from smtpdsl.ir.system_paths import MAIL_FOLDER
from smtpdsl.ir.table_index import is_system_userbase
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.delivery.headers import delivery_fields, is_looping, read_head, store_fields
from smtpdsl.runtime.delivery.methods import Methods
from smtpdsl.runtime.delivery.sharing import can_be_shared, each_outcome, sessions_of
from smtpdsl.runtime.inquiry import Elsewhere
from smtpdsl.runtime.interfaces import (
    Attempt,
    Envelope,
    Identity,
    LocalWork,
    Outcome,
    QueuedMessage,
    Result,
    Supervisor,
)
from smtpdsl.runtime.own_account import own_account

# What OpenSMTPD gives a delivery.
TIME_LIMIT_SECONDS = 300.0

_ABANDONED = Outcome(Result.TEMPORARY, "stopped before its turn, or in the midst of it", "4.3.2")

# Looks a user up: userbase (None is the system's) and name.
FindAccount = Callable[[Table | None, str], Account | Outage | None]
# Those who have been looked up elsewhere, by the name of the userbase and their own.
_Users = Mapping[tuple[str, str], Account | Outage | None]


class LocalAgent:
    """Delivers to mailboxes, files and programs of this host, those that users and aliases name among them."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        site: Site,
        find_account: FindAccount,
        locate: Callable[[str], str],
        supervisor: Supervisor,
        own_account: Callable[[], Account | None] = own_account,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Deliver by *actions*.

        *locate* turns a path of the configuration into one of this machine; *own_account* knows
        who does what is nobody's, and *elsewhere* the users of tables that live elsewhere.
        """
        self._actions = actions
        self._site = site
        self._find_account = find_account
        self._locate = locate
        self._supervisor = supervisor
        self._own_account = own_account
        self._elsewhere = elsewhere
        self._methods = Methods(site, locate)

    def group(self, envelope: Envelope) -> Hashable | None:
        """Let users go together whom one mail store gets from one user of this system."""
        action = self._actions.get(envelope.action)
        if not isinstance(action, LocalAction) or not can_be_shared(action, envelope):
            return None
        if action.user is not None:
            return envelope.action, action.user.text
        if action.userbase is None or is_system_userbase(action.userbase):
            return None
        account = self._find_account(action.userbase, envelope.user)
        return (envelope.action, account.uid, account.gid) if isinstance(account, Account) else None

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Deliver the envelopes of *attempt*: one, or those of one group."""
        users = await self._users_elsewhere(attempt) if self._elsewhere is not None else {}
        found = [self._work_or_fault(attempt, position, users) for position in range(len(attempt.envelopes))]
        works = [each for each in found if isinstance(each, LocalWork)]
        outcomes: dict[int, Outcome] = {}
        for work, positions in sessions_of(works):
            try:
                outcome = await self._supervisor.perform(work)
            except asyncio.CancelledError:
                if not outcomes:
                    raise
                # What the sessions before it have delivered must not be delivered again.
                break
            outcomes.update(zip(positions, each_outcome(work, outcome), strict=True))
        of_works = iter([outcomes.get(position, _ABANDONED) for position in range(len(works))])
        return [each if isinstance(each, Outcome) else next(of_works) for each in found]

    async def _users_elsewhere(self, attempt: Attempt) -> _Users:
        """Look up the users of *attempt* whose userbases live elsewhere, all at once."""
        elsewhere = self._elsewhere
        assert elsewhere is not None, "nobody else knows them"
        asked: dict[tuple[str, str], Table] = {}
        for envelope in attempt.envelopes:
            action = self._actions.get(envelope.action)
            userbase = action.userbase if isinstance(action, LocalAction) else None
            if userbase is not None and envelope.user and elsewhere.has(userbase):
                asked[userbase.name, envelope.user] = userbase
        found = await asyncio.gather(*(elsewhere.account(table, name) for (_, name), table in asked.items()))
        return dict(zip(asked, found, strict=True))

    def _work_or_fault(self, attempt: Attempt, position: int, users: _Users) -> LocalWork | Outcome:
        try:
            return self._work(attempt.message, attempt.envelopes[position], attempt.envelope_ids[position], users)
        except ContentError as error:
            return _temporary(str(error), "4.3.0")

    def _work(self, message: QueuedMessage, envelope: Envelope, envelope_id: str, users: _Users) -> LocalWork | Outcome:
        """Work out what is to be done, or why nothing is."""
        action = self._actions.get(envelope.action)
        if not isinstance(action, LocalAction):
            what = "delivers to no user" if action else "does not exist"
            return _temporary(f'action "{envelope.action}" {what} in this configuration', "4.3.5")
        account = self._account(action.userbase, envelope.user, users) if envelope.user else None
        agent = self._account(None, action.user.text, users) if action.user else None
        problem = next((each for each in (account, agent) if isinstance(each, Outcome)), None)
        if problem is not None:
            return problem
        if is_looping(read_head(message.content), envelope.dest):
            return Outcome(Result.PERMANENT, "Loop detected", "5.4.6")
        planned = self._plan(message, envelope, action, _known(account), _known(agent))
        if planned.what is None or planned.problem:
            return Outcome(Result.PERMANENT, planned.problem, "5.3.5")
        doer = _known(agent) or _known(account) or self._own_account()
        if doer is None:
            text = f'action "{envelope.action}" has no `user`, and root does nothing that an alias names'
            return _temporary(text, "4.3.5")
        identity = self._identity(doer, planned)
        method = self._methods.of(planned, message, envelope, envelope_id, identity)
        if isinstance(method, Outcome):
            return method
        is_final = planned.kind is not PlanKind.LMTP
        fields = delivery_fields(message.reverse_path, envelope.recipient)
        prefix = fields if is_final else store_fields(envelope.recipient)
        return LocalWork(identity, method, prefix, message.content, TIME_LIMIT_SECONDS)

    def _account(self, userbase: Table | None, name: str, users: _Users) -> Account | Outcome:
        key = userbase.name if userbase is not None else "", name
        found = users[key] if key in users else self._find_account(userbase, name)
        if found is None:
            return Outcome(Result.PERMANENT, f'no user "{name}" any more', "5.1.1")
        if isinstance(found, Outage):
            return _temporary(f'the user "{name}" cannot be looked up now', "4.3.0")
        return found

    def _plan(
        self,
        message: QueuedMessage,
        envelope: Envelope,
        action: LocalAction,
        account: Account | None,
        agent: Account | None,
    ) -> Plan:
        """Ask `ir.delivery` what `explain` asks it, too."""
        delivery = Delivery(
            kind=_kind(envelope),
            rule=Rule(span=action.span, conditions=(), action=action),
            dest=envelope.dest,
            account=self._at_home(account, envelope, action),
            extension=envelope.extension or None,
            target=envelope.target or envelope.file,
        )
        asked = AskedEnvelope(client=message.client, reverse_path=message.reverse_path, recipient=envelope.recipient)
        return plan(delivery, asked, self._site, self._at_home(agent, envelope, action))

    def _at_home(self, account: Account | None, envelope: Envelope, action: LocalAction) -> Account | None:
        """Give commands the home directory as it is on this machine; a path is located when it is whole."""
        is_command = isinstance(action.method, Mda) and not envelope.file
        if account is None or not account.home or not (is_command or envelope.target):
            return account
        return account.replace(home=self._locate(account.home))

    def _identity(self, doer: Account, planned: Plan) -> Identity:
        home = self._locate(doer.home) if doer.home else ""
        mail_folder = self._locate(MAIL_FOLDER) if planned.kind is PlanKind.MBOX else ""
        return Identity(doer.name, doer.uid, doer.gid, home, mail_folder)


def _kind(envelope: Envelope) -> MemberKind:
    if envelope.file:
        return MemberKind.FILE
    return MemberKind.COMMAND if envelope.target else MemberKind.USER


def _known(account: Account | Outcome | None) -> Account | None:
    return account if isinstance(account, Account) else None


def _temporary(text: str, status: str) -> Outcome:
    return Outcome(Result.TEMPORARY, text, status)
