"""Rules that say nothing about clients, and probably meant all of them.

    listen on eth0
    match for domain example.org action "in"       `from local` is implied: nobody else can write to example.org

A rule without `from` is for clients on this host.  If the host listens to the world, names
a domain, and no rule takes mail of strangers for it, somebody has forgotten two words.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from smtpdsl.analysis.candidates import entries_of
from smtpdsl.analysis.networks import is_home
from smtpdsl.analysis.rules import AskedRules
from smtpdsl.analysis.search import Goal
from smtpdsl.analysis.space import STRANGER
from smtpdsl.analysis.strangers import Strangers
from smtpdsl.analysis.witness import Witness, replay
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.matching import fold
from smtpdsl.ir.network import parse_network
from smtpdsl.ir.resolved import InTable, Listener, LocalSource, Rule, Ruleset, Slot, Subject
from smtpdsl.ir.semantics import Verdict
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox

# Domains of one rule that are tried.
_TRIED = 50
_LOOPBACK_NAMES = frozenset({"lo", "lo0", "localhost"})


class ImpliedLocal(NamedTuple):
    """*rule* names a domain for which strangers cannot write: *witness* does, in vain."""

    rule: Rule
    domain: str
    witness: Witness
    listener: Listener


def implied_locals(asked: AskedRules) -> Iterator[ImpliedLocal]:
    """Yield the rules that probably meant ``from any``."""
    listener = next(filter(is_public, asked.ruleset.listeners), None)
    if listener is None:
        return
    strangers = Strangers(asked.ruleset, asked.site)
    told = set()
    for rule in asked.rules:
        if rule.span in told or not _names_domains(rule) or _takes_strangers(rule, asked.ruleset):
            continue
        told.add(rule.span)
        found = _refused(rule, asked, strangers)
        if found is not None:
            yield ImpliedLocal(rule, found.envelope.recipient.domain, found, listener)


def is_public(listener: Listener) -> bool:
    """Whether strangers can connect to *listener*, and need no login there."""
    if listener.interface is None or (listener.auth is not None and listener.auth.is_required):
        return False
    if not listener.endpoints:
        network = parse_network(listener.interface.text)
        is_home_address = network is not None and is_home(network)
        return not is_home_address and fold(listener.interface.text) not in _LOOPBACK_NAMES
    networks = (parse_network(endpoint.address) for endpoint in listener.endpoints)
    return any(network is not None and not is_home(network) for network in networks)


def _names_domains(rule: Rule) -> bool:
    source, destination = rule.condition(Slot.FROM), rule.condition(Slot.FOR)
    if rule.action is None or source is None or destination is None or not source.is_implied:
        return False
    question = destination.question
    if not isinstance(question, InTable) or question.subject is not Subject.DOMAIN or destination.negated:
        return False
    is_plain = question.service is Service.DOMAIN and rule.condition(Slot.AUTH) is None
    return is_plain and isinstance(source.question, LocalSource)


def _takes_strangers(rule: Rule, ruleset: Ruleset) -> bool:
    """Whether the statement of *rule* has another line, for clients of the network."""
    return any(
        each.span == rule.span and each.condition(Slot.AUTH) is None for each in ruleset.rules if each is not rule
    )


def _refused(rule: Rule, asked: AskedRules, strangers: Strangers) -> Witness | None:
    """Return mail of a stranger for a domain of *rule* that is refused; None if some rule takes such mail."""
    destination = rule.condition(Slot.FOR)
    assert destination is not None
    domains = [fold(each) for each in islice(entries_of(destination.question, asked.site), _TRIED) if "*" not in each]
    witness = None
    for domain in domains:
        recipient = Mailbox(local_part="somebody", domain=domain)
        if fold(domain) in map(fold, asked.site.domains):
            continue
        found = _look(recipient, asked, strangers)
        if found is None:
            return None
        witness = witness or found
    return witness


def _look(recipient: Mailbox, asked: AskedRules, strangers: Strangers) -> Witness | None:
    """Return mail of a stranger for *recipient* if no mail of strangers for its domain is taken."""
    domain = fold(recipient.domain)
    dimension = asked.space.dimension(Aspect.RECIPIENT)
    assert dimension is not None
    goal = Goal(
        lambda alive: bool(alive) and asked.rules[(alive & -alive).bit_length() - 1].action is not None,
        kinds=STRANGER,
        allowed={
            Aspect.SOURCE: strangers.is_stranger,
            Aspect.RECIPIENT: lambda envelope: (
                fold(envelope.recipient.domain) == domain
                or dimension.answers(envelope) == dimension.answers(envelope.replace(recipient=recipient))
            ),
        },
    )
    found = asked.search(asked.space.bounds, asked.space.questions.every, goal)
    if found is not None:
        return None
    witness = Witness(_stranger(asked, strangers).envelope.replace(recipient=recipient))
    return witness if replay(asked.rules, witness, asked.site).verdict is Verdict.REJECT else None


def _stranger(asked: AskedRules, strangers: Strangers) -> Witness:
    goal = Goal(lambda _: True, kinds=STRANGER, allowed={Aspect.SOURCE: strangers.is_stranger})
    found = asked.search(asked.space.examples, 0, goal)
    assert found is not None, "the addresses of nobody are strangers"
    return asked.witness(found)
