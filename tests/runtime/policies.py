"""Policies of configurations, compiled on the bench of `tests.worlds`, and what lies outside of them."""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.runtime.policy import Accepted, Judgement, Policy, Refused
from tests.worlds import ruleset_of, site_of

OUTSIDER = Client(source="203.0.113.9", helo="client.example")
ACCOUNTS = {
    name: Account(name=name, uid=uid, gid=uid, home=f"/home/{name}") for uid, name in enumerate(("root", "ann", "ben"))
}


class Outside:
    """Three accounts, and the files that a test puts there."""

    def __init__(
        self,
        files: Mapping[str, tuple[str, ...]] | None = None,
        forwards: Mapping[str, str | ForwardProblem] | None = None,
    ) -> None:
        """Hold *files*, absolute path to lines, and *forwards*, user to ``.forward`` or what is wrong with it."""
        self.files = dict(files or {})
        self.forwards = dict(forwards or {})

    def system_account(self, name: str) -> Account | None:
        """Look an account up."""
        return ACCOUNTS.get(name)

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Read a file."""
        return self.files.get(path)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read a ``.forward``."""
        found = self.forwards.get(account.name)
        return ForwardFile(path=f"{account.home}/.forward", text=found) if isinstance(found, str) else found


def policy_of(text: str, outside: Outside | None = None, files: Mapping[str, str] | None = None) -> Policy:
    """Return the policy of *text*."""
    ruleset = ruleset_of(text, files)
    return Policy(emit(ruleset, Source("smtpd.conf", text)), site_of(ruleset), outside or Outside())


def judge(policy: Policy, recipient: str, client: Client = OUTSIDER) -> Judgement:
    """Ask *policy* about a recipient."""
    judgement = policy.judge(client, ReversePath.parse("<eve@away.example>"), Mailbox.parse(recipient))
    assert isinstance(judgement, Accepted | Refused), "nobody else has to be asked"
    return judgement
