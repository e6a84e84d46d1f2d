"""What tables of aliases and virtual users lead to, followed as the server would follow it.

ann: ann@example.net        leaves: its sender is somebody else's
ben: bne                    nobody of that name
cleo: dora   dora: cleo     a circle, and nobody in it
@example.org: ann           hides the mailbox of everybody else
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from smtpdsl.analysis.implied_local import is_public
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.search import Goal, OverBudgetError
from smtpdsl.analysis.space import NETWORK, SOCKET, STRANGER, Axes
from smtpdsl.analysis.walk import Walker
from smtpdsl.analysis.witness import Witness
from smtpdsl.ir.alias_value import AddressTarget, TargetError, UserTarget, parse_targets
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.expansion import expand
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Expansion, MemberKind
from smtpdsl.ir.resolved import LocalAction, RelayAction, Rule, Table
from smtpdsl.ir.semantics import Verdict
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import TableEntry
from smtpdsl.mail.address import AddressError, Mailbox

# Entries that are followed, and entries times rules: each address that an entry names is decided by the reference.
_FOLLOWED = 2_000
_WORK = 20_000


class Circle(NamedTuple):
    """The recipient of *witness* leads to itself, by *entry* of *table*."""

    table: Table
    entry: TableEntry
    witness: Witness


class Dangling(NamedTuple):
    """*entry* of *table* leads to something that is not there: *member*, and *why*."""

    table: Table
    entry: TableEntry
    member: str
    why: str
    witness: Witness


class Unasked(NamedTuple):
    """No recipient of the domain of *entry* gets to an action that has *table*; *rule* has one that does."""

    table: Table
    entry: TableEntry
    domain: str
    rule: Rule


class Forward(NamedTuple):
    """*entry* of *table* sends the mail of strangers on, by the relay of *rule*; so do *others* more."""

    table: Table
    entry: TableEntry
    rule: Rule
    target: str
    others: int
    witness: Witness


class Hidden(NamedTuple):
    """*entry*, a catch-all of *table*, takes the mail of the user *name*; so it does with *others* more."""

    table: Table
    entry: TableEntry
    name: str
    others: int
    witness: Witness


AliasFinding = Circle | Dangling | Unasked | Forward | Hidden


class AliasGraph:
    """Follows the tables of each local action."""

    def __init__(self, asked: AskedRules, walker: Walker) -> None:
        """Follow the tables of the rules of *asked*; *walker* knows the accounts."""
        self.asked = asked
        self.walker = walker
        # There may be many entries; what is told in the end is followed by the reference.
        self.quick = Walker(asked.ruleset, asked.site, walker.accounts, decide=asked.decide)
        self.is_public = any(map(is_public, asked.ruleset.listeners))
        self.forwards: dict[int, list[tuple[Table, TableEntry, Rule, str, Witness]]] = {}
        self.left = _WORK // max(1, len(asked.rules))
        self.is_cut = False
        """Whether some entries were not followed."""

    def is_so(self, found: AliasFinding) -> bool:
        """Whether the reference comes to the same end with the mail that shows *found*."""
        if isinstance(found, Unasked):
            return True
        quick = self._end_of(found.witness, self.quick)
        return quick == self._end_of(found.witness, self.walker)

    def _end_of(self, witness: Witness, walker: Walker) -> object:
        expansion = expand(witness.envelope, walker, self.asked.site.delimiter)
        failure = expansion.failure
        deliveries = [(each.kind, each.dest, id(each.rule)) for each in expansion.deliveries]
        return failure.why if failure is not None else deliveries

    def findings(self) -> Iterator[AliasFinding]:
        """Yield what is wrong with the tables, each entry once."""
        told: set[int] = set()
        for number, rule in enumerate(self.asked.rules):
            action = rule.action
            if not isinstance(action, LocalAction) or id(action) in told:
                continue
            start = self._example(number)
            if start is None:
                continue
            told.add(id(action))
            for table in dict.fromkeys((action.alias, action.virtual)):
                if table is not None and table.is_known and id(table) not in told:
                    told.add(id(table))
                    yield from self._table(table, rule, start, is_virtual=table is action.virtual)
        yield from self._forwards()

    def _example(self, number: int) -> Witness | None:
        """Return mail about which the rule *number* decides; that of strangers, if there is some."""
        rule = self.asked.rules[number]
        for kinds in (STRANGER, NETWORK | SOCKET):
            goal = Goal.deciding(number, kinds=kinds)
            found = self.asked.look((2 << number) - 1, goal, proves=lambda decision: decision.rule is rule).witness
            if found is not None:
                return found
        return None

    # ------------------------------------------------------------ one table

    def _table(self, table: Table, rule: Rule, start: Witness, *, is_virtual: bool) -> Iterator[AliasFinding]:
        keys = {fold(entry.key) for entry in table.entries}
        suspects = [entry for entry in table.entries if self._is_suspect(entry, keys, rule)]
        if is_virtual:
            yield from self._unasked(table)
            yield from self._hidden(table, rule, start)
        for entry in suspects:
            if self.left <= 0:
                self.is_cut = True
                return
            self.left -= 1
            witness = self._addressed(entry, start, rule, is_virtual=is_virtual)
            if witness is not None:
                yield from self._followed(table, entry, witness)

    def _is_suspect(self, entry: TableEntry, keys: set[str], rule: Rule) -> bool:
        """Whether *entry* may lead to a circle, to nobody, or away; what leads to users who exist does not."""
        try:
            targets = parse_targets(entry.value or "")
        except TargetError:
            return False
        for target in targets:
            if isinstance(target, AddressTarget):
                return True
            if isinstance(target, UserTarget):
                name = fold(target.name).partition(self.asked.site.delimiter)[0]
                if fold(target.name) in keys or name in keys or not self._has_account(name, rule):
                    return True
        return False

    def _has_account(self, name: str, rule: Rule) -> bool:
        assert isinstance(rule.action, LocalAction)
        return self.walker.account(rule.action.userbase, name) is not None

    def _addressed(self, entry: TableEntry, start: Witness, rule: Rule, *, is_virtual: bool) -> Witness | None:
        """Return mail for the key of *entry* that the same action gets; None if there is none like that."""
        usual = start.envelope.recipient
        user, at, domain = entry.key.rpartition("@") if "@" in entry.key else (entry.key, "", "")
        if at and not is_virtual:
            return None
        recipient = _mailbox(user or usual.local_part, domain or usual.domain)
        if recipient is None:
            return None
        witness = Witness(start.envelope.replace(recipient=recipient), start.assumed)
        decided = self.asked.decide(witness.envelope, witness.assumed).rule
        return witness if decided is not None and decided.action is rule.action else None

    def _followed(self, table: Table, entry: TableEntry, witness: Witness) -> Iterator[AliasFinding]:
        expansion = expand(witness.envelope, self.quick, self.asked.site.delimiter)
        failure = expansion.failure
        if failure is None:
            self._note_forward(table, entry, witness, expansion)
            return
        named = failure.member.named
        if failure.verdict is not Verdict.REJECT or failure.member.kind is MemberKind.ERROR:
            return
        if named is None or named.entry is None:
            if "nothing is left" in failure.why or "itself" in failure.why:
                yield Circle(table, entry, witness)
            return
        is_circle = "itself" in failure.why or "steps from" in failure.why
        if is_circle:
            yield Circle(table, entry, witness)
        elif named.entry.span == entry.span:
            yield Dangling(table, entry, named.text, failure.why, witness)

    # ------------------------------------------------------------ what leaves

    def _note_forward(self, table: Table, entry: TableEntry, witness: Witness, expansion: Expansion) -> None:
        ruleset = self.asked.ruleset
        client = witness.envelope.client
        is_strangers = client.login is None and not client.is_socket and self.is_public
        if not is_strangers or ruleset.dialect is Dialect.LEGACY:
            return
        for delivery in expansion.deliveries:
            action = delivery.rule.action
            if not isinstance(action, RelayAction) or action.srs or action.mail_from or _is_inside(action):
                continue
            ours = (witness.envelope.recipient.domain, ruleset.server_name)
            if not any(_are_related(delivery.dest.domain, each) for each in ours):
                found = table, entry, delivery.rule, str(delivery.dest), witness
                self.forwards.setdefault(id(action), []).append(found)

    def _forwards(self) -> Iterator[Forward]:
        for found in self.forwards.values():
            table, entry, rule, target, witness = found[0]
            yield Forward(table, entry, rule, target, len({id(each[1]) for each in found}) - 1, witness)

    # ------------------------------------------------------------ what nobody asks for

    def _unasked(self, table: Table) -> Iterator[Unasked]:
        """Find entries of domains whose mail goes elsewhere."""
        users = [n for n, rule in enumerate(self.asked.rules) if _has_table(rule, table)]
        domains: dict[str, TableEntry] = {}
        for entry in table.entries:
            domain = fold(entry.key.rpartition("@")[2]) if "@" in entry.key else ""
            if domain and "*" not in domain:
                domains.setdefault(domain, entry)
        for domain, entry in islice(domains.items(), _FOLLOWED):
            recipient = _mailbox(entry.key.rpartition("@")[0] or "somebody", domain)
            try:
                if recipient is not None and not self._is_reached(recipient, users):
                    yield Unasked(table, entry, domain, self.asked.rules[users[0]])
            except OverBudgetError:
                self.is_cut = True
                return
        self.is_cut = self.is_cut or len(domains) > _FOLLOWED

    def _is_reached(self, recipient: Mailbox, users: Iterable[int]) -> bool:
        """Whether mail for *recipient* can get to one of the rules *users*."""
        space = self.asked.space
        dimension = space.dimension(Aspect.RECIPIENT)
        alive = space.questions.every
        if dimension is not None:
            from smtpdsl.ir.envelope_examples import OUTSIDER  # noqa: PLC0415 - only where there are virtual domains

            alive &= dimension.mask(OUTSIDER.replace(recipient=recipient))
        others = Axes(
            tuple(
                axis for axis in space.bounds.axes if axis.variable is not None or axis.aspect is not Aspect.RECIPIENT
            ),
            space.bounds.is_exact,
        )
        for number in users:
            bit = 1 << number
            if alive & bit:
                goal = Goal.deciding(number)
                if self.asked.search(others, alive & ((bit << 1) - 1), goal) is not None:
                    return True
        return False

    def _hidden(self, table: Table, rule: Rule, start: Witness) -> Iterator[Hidden]:
        """Find users of a table of users whom no entry names, and whose mail an entry for everybody takes."""
        action = rule.action
        assert isinstance(action, LocalAction)
        catch_all = next((entry for entry in table.entries if entry.key.startswith("@")), None)
        userbase = action.userbase
        if catch_all is None or userbase is None or not userbase.is_known or not userbase.entries:
            return
        named = {fold(name) for entry in table.entries for name in _users(entry)}
        found: list[tuple[str, Witness]] = []
        for each in islice(userbase.entries, _FOLLOWED):
            name = fold(each.key)
            witness = self._hiding(name, catch_all, start, rule) if name not in named else None
            if witness is not None:
                found.append((each.key, witness))
        if found:
            yield Hidden(table, catch_all, found[0][0], len(found) - 1, found[0][1])

    def _hiding(self, name: str, catch_all: TableEntry, start: Witness, rule: Rule) -> Witness | None:
        usual = start.envelope.recipient
        recipient = _mailbox(name, catch_all.key[1:] or usual.domain)
        if recipient is None:
            return None
        witness = Witness(start.envelope.replace(recipient=recipient), start.assumed)
        decided = self.asked.decide(witness.envelope, witness.assumed).rule
        if decided is None or decided.action is not rule.action:
            return None
        expansion = expand(witness.envelope, self.quick, self.asked.site.delimiter)
        reached = {each.account.name for each in expansion.deliveries if each.account is not None}
        return witness if expansion.deliveries and name not in reached else None


def _users(entry: TableEntry) -> Iterator[str]:
    try:
        yield from (each.name for each in parse_targets(entry.value or "") if isinstance(each, UserTarget))
    except TargetError:
        return


def _has_table(rule: Rule, table: Table) -> bool:
    action = rule.action
    return isinstance(action, LocalAction) and (action.virtual is table or action.alias is table)


def _mailbox(user: str, domain: str) -> Mailbox | None:
    try:
        return Mailbox.parse(f"{user}@{domain}", utf8=True)
    except AddressError:
        return None


def _are_related(one: str, other: str) -> bool:
    """Whether one of two domains is in the other; then one organisation has both."""
    first, second = sorted((fold(one), fold(other)), key=len)
    return second == first or second.endswith(f".{first}") or _organisation(first) == _organisation(second)


def _organisation(domain: str) -> str:
    return ".".join(domain.rsplit(".", 2)[-2:])


def _is_inside(action: RelayAction) -> bool:
    """Whether the next hop is a program of this host."""
    hosts = [smarthost.url.host for smarthost in action.smarthosts]
    return bool(hosts) and all(host.strip("[]") in {"localhost", "127.0.0.1", "::1"} for host in hosts)
