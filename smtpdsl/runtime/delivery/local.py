"""Local delivery: from an envelope of the queue to work in its user's name.

    envelope ──action, account──▶ ir.delivery.plan ──▶ LocalWork ──▶ supervisor

The action is looked up by its name at each attempt, and the user in the action's userbase:
whoever mends the configuration frees the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smtpdsl.ir.answers import Site
from smtpdsl.ir.delivery import Plan, PlanKind, plan
from smtpdsl.ir.expansion import Outage
from smtpdsl.ir.members import Account, Delivery, MemberKind
from smtpdsl.ir.resolved import Action, LocalAction, Maildir, Rule, Table
from smtpdsl.mail.envelope import Envelope as AskedEnvelope
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.delivery.environment import command_environment
from smtpdsl.runtime.delivery.headers import delivery_fields, is_looping, read_head
from smtpdsl.runtime.interfaces import (
    Attempt,
    CommandWork,
    Envelope,
    Identity,
    LocalWork,
    MaildirWork,
    Outcome,
    QueuedMessage,
    Result,
    Supervisor,
)

# What OpenSMTPD gives a delivery.
TIME_LIMIT_SECONDS = 300.0

# Looks a user up: userbase (None is the system's) and name.
FindAccount = Callable[[Table | None, str], Account | Outage | None]


class LocalAgent:
    """Delivers to maildirs and to programs of this host, those that users name in their .forward among them."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        site: Site,
        find_account: FindAccount,
        locate: Callable[[str], str],
        supervisor: Supervisor,
    ) -> None:
        """Deliver by *actions*; *locate* turns a path of the configuration into one of this machine."""
        self._actions = actions
        self._site = site
        self._find_account = find_account
        self._locate = locate
        self._supervisor = supervisor

    async def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Deliver the one envelope of *attempt*."""
        envelope, envelope_id = attempt.envelopes[0], attempt.envelope_ids[0]
        try:
            work = self._work(attempt.message, envelope, envelope_id)
        except ContentError as error:
            return [_temporary(str(error), "4.3.0")]
        return [work if isinstance(work, Outcome) else await self._supervisor.perform(work)]

    def _work(self, message: QueuedMessage, envelope: Envelope, envelope_id: str) -> LocalWork | Outcome:
        """Work out what is to be done, or why nothing is."""
        action = self._actions.get(envelope.action)
        if not isinstance(action, LocalAction):
            what = "delivers to no user" if action else "does not exist"
            return _temporary(f'action "{envelope.action}" {what} in this configuration', "4.3.5")
        account = self._account(action.userbase, envelope.user)
        agent = self._account(None, action.user.text) if action.user else None
        problem = next((each for each in (account, agent) if isinstance(each, Outcome)), None)
        if problem is not None:
            return problem
        assert isinstance(account, Account), "everything else is an outcome"
        if is_looping(read_head(message.content), envelope.dest):
            return Outcome(Result.PERMANENT, "Loop detected", "5.4.6")
        planned = self._plan(message, envelope, action, account, agent if isinstance(agent, Account) else None)
        if planned.what is None or planned.problem:
            return Outcome(Result.PERMANENT, planned.problem, "5.3.5")
        doer = agent if isinstance(agent, Account) else account
        identity = Identity(doer.name, doer.uid, doer.gid, self._locate(doer.home) if doer.home else "")
        return self._local_work(message, envelope, envelope_id, planned, identity)

    def _account(self, userbase: Table | None, name: str) -> Account | Outcome:
        found = self._find_account(userbase, name)
        if found is None:
            return Outcome(Result.PERMANENT, f'no user "{name}" any more', "5.1.1")
        if isinstance(found, Outage):
            return _temporary(f'the user "{name}" cannot be looked up now', "4.3.0")
        return found

    def _plan(
        self, message: QueuedMessage, envelope: Envelope, action: LocalAction, account: Account, agent: Account | None
    ) -> Plan:
        """Ask `ir.delivery` what `explain` asks it, too."""
        delivery = Delivery(
            kind=MemberKind.COMMAND if envelope.target else MemberKind.USER,
            rule=Rule(span=action.span, conditions=(), action=action),
            dest=envelope.dest,
            account=self._at_home(account, envelope, action),
            extension=envelope.extension or None,
            target=envelope.target,
        )
        asked = AskedEnvelope(client=message.client, reverse_path=message.reverse_path, recipient=envelope.recipient)
        return plan(delivery, asked, self._site, self._at_home(agent, envelope, action) if agent else None)

    def _at_home(self, account: Account, envelope: Envelope, action: LocalAction) -> Account:
        """Give commands the home directory as it is on this machine; a path is located when it is whole."""
        is_path = isinstance(action.method, Maildir) and not envelope.target
        if is_path or not account.home:
            return account
        return account.replace(home=self._locate(account.home))

    def _local_work(
        self, message: QueuedMessage, envelope: Envelope, envelope_id: str, planned: Plan, identity: Identity
    ) -> LocalWork | Outcome:
        method: MaildirWork | CommandWork
        assert planned.what is not None, "nothing that failed to be planned is carried out"
        match planned.kind:
            case PlanKind.MAILDIR:
                action = planned.delivery.rule.action
                assert isinstance(action, LocalAction), "only these have methods"
                assert isinstance(action.method, Maildir), "its kind says so"
                method = MaildirWork(
                    folder=self._locate(planned.what),
                    file_name=self._file_name(message, envelope_id),
                    sub_folder=planned.sub_folder,
                    sorts_junk=action.method.junk,
                    may_exist=message.was_tried,
                )
            case PlanKind.MDA | PlanKind.COMMAND:
                environment = command_environment(
                    identity,
                    envelope.recipient,
                    envelope.dest,
                    message.reverse_path,
                    envelope.extension,
                )
                method = CommandWork(planned.what, environment)
            case kind:
                return _temporary(f'action "{envelope.action}" delivers by {kind.value}, which is not served', "4.3.5")
        prefix = delivery_fields(message.reverse_path, envelope.recipient)
        return LocalWork(identity, method, prefix, message.content, TIME_LIMIT_SECONDS)

    def _file_name(self, message: QueuedMessage, envelope_id: str) -> str:
        """Return the name of the file in a maildir: the same at each attempt, and nobody else's."""
        host = self._site.server_name.replace("/", r"\057").replace(":", r"\072")
        return f"{int(message.created)}.{envelope_id}.{host}"


def _temporary(text: str, status: str) -> Outcome:
    return Outcome(Result.TEMPORARY, text, status)
