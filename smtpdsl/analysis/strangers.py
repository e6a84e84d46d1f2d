"""What strangers can do: clients elsewhere that have not logged in, and whom nobody names.

A *stranger* has an address that no network of a rule names, unless the network is so wide
that it names nobody.  HELO, the sender, the listener's tag and TLS are for the client to choose
and keep nobody out, and so is the reverse DNS name of a client that owns its address.

A domain is *ours* if a rule names it, or a pattern does that has two labels at least
(`*.example.org`, not `*.org`); every other one is foreign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from smtpdsl.analysis.candidates import OUTSIDERS, entries_of
from smtpdsl.analysis.networks import is_home, is_wide, network_of
from smtpdsl.analysis.questions import Variable
from smtpdsl.ir.answers import Site
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.matching import domain_matches, fold, service_matches, split_mailaddr
from smtpdsl.ir.network import Network, parse_network
from smtpdsl.ir.resolved import InTable, Ruleset, Subject
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.envelope import LOCAL, Envelope

_LABELS = 2
# RFC 6761, 6762, 7686, 8375 and what ICANN keeps free: the first label of a name below these is no registry's.
_SPECIAL = frozenset({"onion", "local", "internal", "lan", "home", "corp", "test", "localhost", "invalid", "example"})


class Strangers:
    """Who is a stranger to some rules, and which domains are theirs."""

    def __init__(self, ruleset: Ruleset, site: Site) -> None:
        """Look at what the rules of *ruleset* name."""
        self.site = site
        self.conditions = [each for rule in ruleset.rules for each in rule.conditions if not each.negated]
        tags = {is_socket: set[str]() for is_socket in (True, False)}
        for listener in ruleset.listeners:
            tags[listener.is_socket].add(fold(listener.tag.value))
        self._of_the_socket = tags[True] - tags[False] - {""}

    # ------------------------------------------------------------ clients

    @cached_property
    def _networks(self) -> list[Network]:
        """The networks that name somebody."""
        entries = self._entries(Subject.SOURCE, Service.NETADDR)
        networks = (parse_network(entry) for entry in entries)
        return sorted({each for each in networks if each is not None and not is_wide(each)}, key=lambda n: n.first)

    @cached_property
    def _by_prefix(self) -> dict[tuple[int, int], set[int]]:
        found: dict[tuple[int, int], set[int]] = {}
        for each in self._networks:
            found.setdefault((each.bits, each.prefix_length), set()).add(each.first)
        return found

    @cached_property
    def _expressions(self) -> list[str]:
        """Regular expressions for addresses that leave some strangers out."""
        entries = dict.fromkeys(self._entries(Subject.SOURCE, Service.REGEX))
        return [entry for entry in entries if not _matches(entry, OUTSIDERS[0])]

    def is_stranger(self, envelope: Envelope) -> bool:
        """Whether the client of *envelope* has an address by which nobody knows it."""
        source = envelope.client.source
        if source == LOCAL or envelope.is_internal or source in self.site.addresses:
            return False
        address = network_of(source)
        if address is None or is_home(address) or self._is_named(address):
            return False
        return not any(_matches(entry, source) for entry in self._expressions)

    def _is_named(self, address: Network) -> bool:
        for (bits, length), firsts in self._by_prefix.items():
            host_bits = bits - length
            if bits == address.bits and address.first >> host_bits << host_bits in firsts:
                return True
        return False

    def can_have_tag(self, envelope: Envelope) -> bool:
        """Whether strangers can come in by a listener with the tag of *envelope*; the local socket is for programs."""
        return fold(envelope.client.tag) not in self._of_the_socket

    # ------------------------------------------------------------ domains

    @cached_property
    def _domains(self) -> tuple[set[str], list[str]]:
        """The domains that rules name, and the patterns that name some."""
        entries = {fold(each) for each in self._entries(Subject.DOMAIN, Service.DOMAIN)}
        entries |= {split_mailaddr(fold(each))[1] for each in self._entries(Subject.FORWARD_PATH, Service.MAILADDR)}
        names = {each for each in entries if each and "*" not in each} | set(map(fold, self.site.domains))
        patterns = [each for each in entries if "*" in each and _has_labels(each)]
        return names, patterns

    def is_foreign(self, envelope: Envelope) -> bool:
        """Whether the recipient of *envelope* is of a domain that no rule names."""
        domain = fold(envelope.recipient.domain)
        names, patterns = self._domains
        return domain not in names and not any(domain_matches(each, domain) for each in patterns)

    def _entries(self, subject: Subject, service: Service) -> Iterator[str]:
        told: set[int] = set()
        for each in self.conditions:
            question = each.question
            if not isinstance(question, InTable) or id(question.table) in told:
                continue
            if question.subject is subject and question.service is service:
                told.add(id(question.table))
                yield from entries_of(question, self.site)

    # ------------------------------------------------------------ searches

    @property
    def foreign_mail(self) -> dict[Aspect, Callable[[Envelope], bool]]:
        """Mail of strangers for foreign domains, to be looked for."""
        return {Aspect.SOURCE: self.is_stranger, Aspect.RECIPIENT: self.is_foreign, Aspect.TAG: self.can_have_tag}

    def assumes(self, variable: Variable, given: Answer) -> bool:
        """Whether a table whose content nobody knows here may answer so about a stranger and a foreign domain.

        One that says which clients may do something is taken for what it should be: it
        names no strangers; and one of domains names no foreign ones.
        """
        if given is not Answer.YES or not isinstance(variable.question, InTable):
            return True
        question = variable.question
        if question.service is Service.REGEX:
            return question.subject is not Subject.SOURCE or not self._keeps_out(question)
        return question.subject not in {Subject.SOURCE, Subject.DOMAIN, Subject.FORWARD_PATH}

    def _keeps_out(self, question: InTable) -> bool:
        entries = question.table.entries if question.table else ()
        return not any(_matches(entry.key, OUTSIDERS[0]) for entry in entries)


def _has_labels(pattern: str) -> bool:
    labels = [each for each in pattern.rpartition("*")[2].split(".") if each]
    return len(labels) >= _LABELS or bool(_SPECIAL.intersection(labels))


def _matches(entry: str, source: str) -> bool:
    return service_matches(Service.REGEX, entry, source, "")
