"""A first look at rules: somebody for each of them, found by trying.

    match from any mail-from <bad> for any reject       x@bad.example to anybody
    match from any for domain <ours> action "in"        anybody to x@ours.example

Most rules of most files are reached, and make a difference, in the plainest way there is.  To
see that takes no index and no search.  What does not show here is left to `analysis.reachability`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from smtpdsl.ir.answers import Site, answer, built_in_entries
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import (
    Action,
    Condition,
    HasReverseName,
    InTable,
    IsAuthenticated,
    LocalAction,
    LocalDestination,
    LocalSource,
    RelayAction,
    Rule,
    Slot,
    SocketSource,
    Subject,
    Table,
    UsesTls,
)
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import AddressError, Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope

# More of either, and the search is faster than trying.
_MOST_RULES = 60
_MOST_ENTRIES = 300
# Entries of one table that are tried, and rules that are got out of the way of one.
_TRIED = 3
_ESCAPES = 6

_FRESH = "fresh.domain.invalid"
_SOMEBODY = Envelope(
    client=Client(source="203.0.113.9", helo=_FRESH),
    reverse_path=ReversePath(mailbox=Mailbox(local_part="somebody", domain=_FRESH)),
    recipient=Mailbox(local_part="somebody", domain=_FRESH),
)


def every_rule_matters(rules: Sequence[Rule], site: Site) -> bool:
    """Whether it shows at once that each of *rules* decides something, and that it makes a difference."""
    if len(rules) > _MOST_RULES or any(map(_is_beyond, rules)):
        return False
    if len({rule.span for rule in rules}) < len(rules):
        # Two lines stand for one statement of the old language.
        return False
    world = _World(site)
    return all(world.shows(number, rules) for number in range(len(rules)))


def _is_beyond(rule: Rule) -> bool:
    """Whether *rule* asks what is not tried here: large tables, and those that can fail."""
    tables = [each.question.table for each in rule.conditions if isinstance(each.question, InTable)]
    return any(table is None or table.is_fallible or len(table.entries) > _MOST_ENTRIES for table in tables)


class _World:
    """Tables whose content is not known here have one entry each, of which nobody else has heard."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.names: dict[str, str] = {}

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Have the entry of *table*, in every form."""
        del service
        return Answer.YES if self.names.get(table.name) in {key, key.rpartition("@")[2]} else Answer.NO

    # ------------------------------------------------------------ one rule

    def shows(self, number: int, rules: Sequence[Rule]) -> bool:
        """Whether somebody is decided by the rule *number*, and would be treated otherwise without it."""
        return any(self._tries(envelope, number, rules) for envelope in self._fulfilling(rules[number]))

    def _tries(self, envelope: Envelope, number: int, rules: Sequence[Rule]) -> bool:
        rule = rules[number]
        fixed = {each.slot for each in rule.conditions if not _says_nothing(each)}
        for _ in range(_ESCAPES):
            client = envelope.client
            is_possible = not client.is_socket or (client.login is None and not client.tls)
            if not is_possible or not self._holds(rule, envelope):
                return False
            before = next((each for each in rules[:number] if self._holds(each, envelope)), None)
            obstacle = before
            if before is None:
                after = next((each for each in rules[number + 1 :] if self._holds(each, envelope)), None)
                if rule.action is None or after is None or surely_differ(rule.action, after.action):
                    return True
                obstacle = after
            assert obstacle is not None
            escaped = next(self._escapes(envelope, obstacle, rule, fixed), None)
            if escaped is None:
                return False
            envelope = escaped
        return False

    def _holds(self, rule: Rule, envelope: Envelope) -> bool:
        for each in rule.conditions:
            found = answer(each.question, envelope, self.site, self).answer
            if (found.negate() if each.negated else found) is not Answer.YES:
                return False
        return True

    # ------------------------------------------------------------ envelopes

    def _fulfilling(self, rule: Rule) -> Iterator[Envelope]:
        """Yield envelopes that may fulfil *rule*."""
        found = [_SOMEBODY]
        for each in rule.conditions:
            if not each.negated:
                found = [changed for envelope in found for changed in self._changes(envelope, each)] or found
        yield from islice(found, 2 * _TRIED)

    def _escapes(self, envelope: Envelope, rule: Rule, kept: Rule, fixed: set[Slot]) -> Iterator[Envelope]:
        """Yield envelopes like *envelope* that fulfil *kept* and not *rule*."""
        for each in rule.conditions:
            if each.negated and each.slot not in fixed:
                for changed in self._changes(envelope, each):
                    if not self._holds(rule, changed) and self._holds(kept, changed):
                        yield changed

    def _changes(self, envelope: Envelope, condition: Condition) -> Iterator[Envelope]:
        """Yield envelopes for which the question of *condition* is answered yes."""
        client = envelope.client
        match condition.question:
            case LocalSource():
                home = next((each for each in self.site.addresses), LOCAL)
                yield envelope.replace(client=client.replace(source=home))
            case SocketSource():
                yield envelope.replace(client=client.replace(source=LOCAL, login=None, rdns=self.site.server_name))
            case HasReverseName():
                yield envelope.replace(client=client.replace(rdns=_FRESH))
            case IsAuthenticated():
                yield envelope.replace(client=client.replace(login="somebody", tls=True))
            case UsesTls():
                yield envelope.replace(client=client.replace(tls=True))
            case LocalDestination():
                yield envelope.replace(recipient=envelope.recipient.replace(domain=self.site.server_name))
            case InTable(subject=subject, table=table, service=service) if table is not None:
                for key in islice(self._keys(table, service), _TRIED):
                    yield from _with_key(envelope, subject, key)
            case _:
                yield envelope

    def _keys(self, table: Table, service: Service) -> Iterator[str]:
        entries = built_in_entries(table, self.site)
        if entries is None and not table.is_known:
            yield self.names.setdefault(table.name, f"entry{len(self.names)}.domain.invalid")
            return
        keys = (each.key for each in table.entries) if entries is None else iter(entries)
        for key in keys:
            if service is Service.NETADDR and "/" in key:
                from smtpdsl.analysis.networks import address_in  # noqa: PLC0415 - not every file names networks
                from smtpdsl.ir.network import parse_network  # noqa: PLC0415

                network = parse_network(key)
                yield address_in(network) if network is not None else key
            else:
                yield fold(key).replace("*", "any-name")


def _says_nothing(condition: Condition) -> bool:
    return condition.words in {"from any", "for any"}


def _with_key(envelope: Envelope, subject: Subject, key: str) -> Iterator[Envelope]:
    """Yield *envelope* with *key* as what *subject* is."""
    client = envelope.client
    match subject:
        case Subject.TAG:
            yield envelope.replace(client=client.replace(tag=key))
        case Subject.SOURCE:
            is_address = key.replace(".", "").isdigit() or key.startswith("[")
            if is_address:
                yield envelope.replace(client=client.replace(source=key))
        case Subject.RDNS:
            yield envelope.replace(client=client.replace(rdns=key))
        case Subject.HELO if key:
            yield envelope.replace(client=client.replace(helo=key))
        case Subject.LOGIN:
            yield envelope.replace(client=client.replace(login=key, tls=True))
        case Subject.DOMAIN | Subject.REVERSE_PATH | Subject.FORWARD_PATH:
            user, at, domain = key.rpartition("@") if "@" in key else ("", "", key)
            if not at and subject is not Subject.DOMAIN and "." not in key:
                user, domain = key, ""
            usual = envelope.recipient if subject is not Subject.REVERSE_PATH else _SOMEBODY.recipient
            try:
                mailbox = Mailbox.parse(f"{user or usual.local_part}@{domain or usual.domain}", utf8=True)
            except AddressError:
                return
            if subject is Subject.REVERSE_PATH:
                yield envelope.replace(reverse_path=ReversePath(mailbox=mailbox))
            else:
                yield envelope.replace(recipient=mailbox)


# ---------------------------------------------------------------- actions

_FLAGS = ("backup", "helo", "mail_from", "auth", "src", "helo_src", "pki", "domain", "hosts")


def surely_differ(one: Action, other: Action | None) -> bool:
    """Whether two actions do different things, as far as it shows without reading their tables."""
    if other is None or type(one) is not type(other):
        return True
    if isinstance(one, LocalAction) and isinstance(other, LocalAction):
        is_same_kind = type(one.method) is type(other.method)
        return not is_same_kind or any(
            (getattr(one, n) is None) != (getattr(other, n) is None) for n in ("alias", "virtual")
        )
    if isinstance(one, RelayAction) and isinstance(other, RelayAction):
        if any((getattr(one, name) is None) != (getattr(other, name) is None) for name in _FLAGS):
            return True
        return (one.tls, one.srs) != (other.tls, other.srs) or (one.helo is not None and one.helo != other.helo)
    return False
