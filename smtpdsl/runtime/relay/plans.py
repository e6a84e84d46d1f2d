"""The plans of actions, each worked out once for as long as its action stays the same.

attempt ──name of its action──▶ Plan, or why there is none
                             └─ changed since? it is worked out anew
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.runtime.interfaces import Attempt
from smtpdsl.runtime.relay.plan import NoPlan, Plan, plan_relay

_MAX_KNOWN = 1000


class Plans:
    """By action; where a table says where mail for a domain goes, also by domain."""

    def __init__(self, actions: Mapping[str, Action], server_name: str, smtp_port: int) -> None:
        """Look into *actions*, which may change; exchangers listen at *smtp_port*."""
        self._actions = actions
        self._server_name = server_name
        self._smtp_port = smtp_port
        self._known: dict[tuple[str, str], tuple[Action | None, Plan | NoPlan]] = {}

    def of(self, attempt: Attempt) -> Plan | NoPlan:
        """Return how the first envelope of *attempt* leaves this server."""
        envelope = attempt.envelopes[0]
        action = self._actions.get(envelope.action)
        by_domain = isinstance(action, RelayAction) and action.domain is not None
        key = envelope.action, envelope.dest.domain if by_domain else ""
        known, plan = self._known.get(key, (None, None))
        if plan is None or known is not action:
            plan = plan_relay(action, attempt.message, envelope, self._server_name, self._smtp_port)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = (action, plan)
        return plan
