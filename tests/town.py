"""A small world for expansions: root and three users, some files, and what a ruleset says."""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.ir.answers import answer
from smtpdsl.ir.expansion import Outage, expand
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Account, Entry, Expansion
from smtpdsl.ir.resolved import Ruleset, Table
from smtpdsl.ir.semantics import Answer, Decision, evaluate
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client, Envelope
from tests.worlds import site_of

USERS = {"root": 0, "ann": 1000, "ben": 1000, "vmail": 1000}


class Town:
    """Answers from a ruleset, some users and some files; the table <ext> is never there."""

    def __init__(
        self,
        ruleset: Ruleset,
        files: Mapping[str, tuple[str, ...]] | None = None,
        forwards: Mapping[str, str | ForwardProblem] | None = None,
    ) -> None:
        """Hold what is asked; *forwards* has the text of the ``.forward`` of a user, or what is wrong with it."""
        self.ruleset = ruleset
        self.files = files or {}
        self.forwards = forwards or {}
        self.keys: list[str] = []

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Fail: no table of these tests is elsewhere but <ext>."""
        del table, service, key
        return Answer.UNAVAILABLE

    def decide(self, envelope: Envelope) -> Decision:
        """Evaluate the rules."""
        site = site_of(self.ruleset)
        return evaluate(self.ruleset.rules, lambda question: answer(question, envelope, site, self).answer)

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look a key up, and remember that it was asked."""
        self.keys.append(key)
        if not table.is_known:
            return Outage.UNAVAILABLE
        found = [each for each in table.entries if fold(each.key) == key]
        return Entry(key=found[0].key, value=found[0].value or "") if found else None

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Know the users; a userbase elsewhere is never there."""
        if userbase is not None and userbase.backend != "built-in":
            return Outage.UNAVAILABLE
        uid = USERS.get(name)
        return None if uid is None else Account(name=name, uid=uid, gid=uid, home=f"/home/{name}")

    def included(self, path: str) -> tuple[str, ...] | None:
        """Read a file."""
        return self.files.get(path)

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read a ``.forward``."""
        found = self.forwards.get(account.name)
        return ForwardFile(path=f"{account.home}/.forward", text=found) if isinstance(found, str) else found


def quoted(text: str) -> str:
    """Quote *text* for the language."""
    return '"' + text.replace('"', '\\"') + '"'


def mapping(entries: Mapping[str, str]) -> str:
    """Write an inline mapping."""
    return "{ " + ", ".join(f"{quoted(key)} = {quoted(value)}" for key, value in entries.items()) + " }"


def envelope(recipient: str, sender: str = "eve@away.example") -> Envelope:
    """Build the envelope of a client from outside."""
    return Envelope(
        client=Client(source="203.0.113.9"),
        reverse_path=ReversePath.parse(sender),
        recipient=Mailbox.parse(recipient),
    )


def walk(town: Town, recipient: str) -> Expansion:
    """Expand *recipient*, named by a client from outside."""
    return expand(envelope(recipient), town, "+")
