"""The plans of actions, each worked out once for as long as its action stays the same.

attempt ──name of its action──▶ Plan, or why there is none
                             └─ changed since? it is worked out anew
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Mapping

from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.runtime.interfaces import Attempt
from smtpdsl.runtime.relay.plan import NoPlan, Plan, plan_relay
from smtpdsl.runtime.relay.table_answers import NoAnswerError, RelayTables, answered, asks_elsewhere

_MAX_KNOWN = 1000


class Plans:
    """By action; where a table says where mail for a domain goes, also by domain; and by what is said elsewhere."""

    def __init__(self, actions: Mapping[str, Action], server_name: str, smtp_port: int) -> None:
        """Look into *actions*, which may change; exchangers listen at *smtp_port*."""
        self._actions = actions
        self._server_name = server_name
        self._smtp_port = smtp_port
        self.tables: RelayTables | None = None
        """Who answers for tables that live elsewhere."""
        self._known: dict[Hashable, tuple[Action | None, Plan | NoPlan]] = {}

    def of(self, attempt: Attempt) -> Plan | NoPlan | Awaitable[Plan | NoPlan]:
        """Return how the first envelope of *attempt* leaves this server; an awaitable if somebody has to be asked."""
        envelope = attempt.envelopes[0]
        action = self._actions.get(envelope.action)
        if self.tables is not None and isinstance(action, RelayAction) and asks_elsewhere(action, self.tables):
            return self._ask(action, attempt, self.tables)
        by_domain = isinstance(action, RelayAction) and action.domain is not None
        return self._plan((envelope.action, envelope.dest.domain if by_domain else ""), action, action, attempt)

    async def _ask(self, action: RelayAction, attempt: Attempt, tables: RelayTables) -> Plan | NoPlan:
        """Return the plan by what *tables* say now; equal answers make the same plan."""
        dest = attempt.envelopes[0].dest
        try:
            found = await answered(action, dest, tables)
        except NoAnswerError as error:
            return NoPlan(f'action "{action.name}": {error}')
        asked = (found.hosts, found.domain, found.auth, found.src, found.helo_src)
        said = tuple((each.key, each.value) for table in asked if table is not None for each in table.entries)
        return self._plan((action.name, dest.domain, said), action, found, attempt)

    def _plan(self, key: Hashable, action: Action | None, meant: Action | None, attempt: Attempt) -> Plan | NoPlan:
        """Return the plan of *action*, which comes to *meant*, unless it is known by its *key*."""
        known, plan = self._known.get(key, (None, None))
        if plan is None or known is not action:
            envelope = attempt.envelopes[0]
            plan = plan_relay(meant, attempt.message, envelope, self._server_name, self._smtp_port)
            if isinstance(plan, Plan) and isinstance(action, RelayAction):
                plan = plan._replace(action=action)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = (action, plan)
        return plan
