"""The values of an envelope's dimensions, sorted into classes.

    dimension   recipient                       rules
    value       joe@example.org                 1  for domain example.org
    questions   {for domain example.org}        2  for local
    class       0b101                           3  for any

A class is what the rules know of a value: the rules it allows, bit *n* for rule *n*.
Two values that allow the same rules are one class, however different they look.  A
dimension works its classes out from its tables when it is built (`Dimension.masks`);
a value that fits none of them, such as one that several patterns with stars match, has
the number `UNLISTED`, and its mask is worked out when somebody asks.

What a question is answered stays the business of `ir.answers`: a value that is no key of
a table is asked there, and `ir.class_index` finds the same entries as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import reduce
from itertools import islice
from operator import or_
from typing import NamedTuple

from smtpdsl.ir.answers import Site, answer, built_in_entries, key_of, service_of
from smtpdsl.ir.aspects import STATES, SUBJECTS, VALUES, Aspect, recipient_domain
from smtpdsl.ir.class_index import Index, examples, index_for
from smtpdsl.ir.number_sets import NONE, Numbers
from smtpdsl.ir.resolved import InTable, LocalDestination, LocalSource, Question, Subject, Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.envelope import LOCAL, Envelope

# The number of a value whose class was not foreseen.
UNLISTED = -1
# Values whose class is remembered; what strangers send must not fill the memory.
_REMEMBERED = 8192
# Entries of an index that are tried, where all would have to be.
_EXAMPLES = 20_000


class NoLookup:
    """Stands where no question can need a table of another place."""

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Fail: questions that are fallible are no business of classes."""
        raise AssertionError(table, service, key)


_NO_LOOKUP = NoLookup()


class Answers(NamedTuple):
    """The questions of a dimension that hold of a value, and those that have no meaning for it; all others do not."""

    holding: Numbers
    senseless: Numbers = NONE


_NO_ANSWERS = Answers(NONE)


class Uses(NamedTuple):
    """A question, how a rule puts it, and the rules that ask it, as it stands and with `!`."""

    question: Question
    words: str
    plain: int
    negated: int


class _Asked:
    """The tables of one subject that are asked in one way, in an index for each service that this comes to."""

    def __init__(self, sample: InTable, site: Site) -> None:
        self.sample = sample
        self.numbers: set[int] = set()
        # Logins are the ones whose look decides how tables are asked.
        services = {service_of(sample, "user"), service_of(sample, "user@domain")}
        self.indexes: dict[Service, Index] = {each: index_for(each, site.delimiter) for each in services}

    def add(self, number: int, entries: tuple[str, ...]) -> None:
        self.numbers.add(number)
        for index in self.indexes.values():
            for entry in entries:
                index.add(entry, number)

    @property
    def find(self) -> Callable[[str], Numbers]:
        """What finds a key."""
        if len(self.indexes) > 1:
            return self._find
        return next(iter(self.indexes.values())).find

    def _find(self, key: str) -> Numbers:
        return self.indexes[service_of(self.sample, key)].find(key)


class Dimension:
    """One aspect of envelopes, the questions that rules ask about it, and its classes.

    A regular expression is a dimension of its own, with two classes: which values it
    matches is only known by trying.
    """

    def __init__(self, aspect: Aspect, uses: list[Uses], rules: int, site: Site) -> None:
        """Sort *uses*, questions about *aspect*, into indexes; *rules* is the mask of all rules."""
        self.aspect = aspect
        self.uses = uses
        self.asking = 0
        """The rules that ask something here."""
        self._site = site
        self._rules = rules
        self._asked: list[_Asked] = []
        self._others: list[int] = []
        self._index()
        only_domains = all(each.sample.subject is not Subject.FORWARD_PATH for each in self._asked)
        is_short = aspect is Aspect.RECIPIENT and only_domains
        self.value: Callable[[Envelope], Hashable] = recipient_domain if is_short else VALUES[aspect]
        self._lookups = [(each, each.sample.subject, each.find) for each in self._asked]
        self._plain: dict[Hashable, Answers] = {}
        self._alone, self._together = self._needs()
        # Rules that only ask with `!`, or not at all.
        self._undemanding = rules & ~sum_of(use.plain for use in uses)
        self.masks: list[int] = []
        """The rules that each class allows, by the number of the class."""
        self.meanings: list[list[Answers]] = []
        """What the values of each class are answered; different answers may allow the same rules."""
        self._class_of: dict[tuple[Numbers, Numbers], int] = {}
        self._by_mask: dict[int, int] = {}
        self._remembered: dict[Hashable, int] = {}

    # ------------------------------------------------------------ building

    @property
    def is_regex(self) -> bool:
        """Whether this is one regular expression, or a table of them."""
        return any(each.sample.service is Service.REGEX for each in self._asked)

    @property
    def is_complete(self) -> bool:
        """Whether every value is of a listed class."""
        if self.is_regex:
            return True
        # Two sets of tables that are asked about one value meet in ways that no example of either shows.
        indexes = [index for each in self._asked for index in each.indexes.values()]
        return len(indexes) <= 1 and all(each.is_complete for each in indexes)

    def _index(self) -> None:
        asked: dict[object, _Asked] = {}
        for number, use in enumerate(self.uses):
            self.asking |= use.plain | use.negated
            found = _table_of(use.question, self._site)
            if found is None:
                self._others.append(number)
                continue
            key, entries = found
            asked.setdefault((key.subject, key.service), _Asked(key, self._site)).add(number, entries)
        self._asked = list(asked.values())

    def _needs(self) -> tuple[list[int], list[list[tuple[int, Numbers]]]]:
        """Return, by question, the rules that need it alone, and those that need others too.

        Each of the latter stands at the one of its questions that the fewest rules need, with all of them.
        """
        once = twice = 0
        for use in self.uses:
            twice |= once & use.plain
            once |= use.plain
        needs: dict[int, list[int]] = {}
        for number, use in enumerate(self.uses):
            for rule in bits(use.plain & twice):
                needs.setdefault(rule, []).append(number)
        popularity = [use.plain.bit_count() for use in self.uses]
        together: list[list[tuple[int, Numbers]]] = [[] for _ in self.uses]
        for rule, numbers in needs.items():
            together[min(numbers, key=popularity.__getitem__)].append((1 << rule, frozenset(numbers)))
        return [use.plain & ~twice for use in self.uses], together

    def list_class(self, answers: Answers) -> int:
        """Make the class of a value with these *answers* one that the dimension knows, and return its number."""
        number = self._class_of.get(answers)
        if number is None:
            mask = self.mask_of(answers)
            number = self._by_mask.setdefault(mask, len(self.masks))
            if number == len(self.masks):
                self.masks.append(mask)
                self.meanings.append([])
            self.meanings[number].append(answers)
            self._class_of[answers] = number
        return number

    def examples(self) -> Iterator[tuple[Subject, str]]:
        """Yield keys of the tables: one at least for each set of tables that some entry alone leads to."""
        # Where two subjects are one value, it matters for every entry of the one where it is in the other.
        is_single = len({each.sample.subject for each in self._asked}) == 1
        for asked in self._asked:
            for index in asked.indexes.values():
                keys = examples(index) if is_single else islice(index.keys(), _EXAMPLES)
                yield from ((asked.sample.subject, key) for key in keys)

    # ------------------------------------------------------------ asking

    def classify(self, envelope: Envelope) -> int:
        """Return the number of the class of *envelope*, or `UNLISTED`."""
        value = self.value(envelope)
        number = self._remembered.get(value)
        if number is None:
            number = self._class_of.get(self._answers(envelope), UNLISTED)
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[value] = number
        return number

    def forget(self) -> None:
        """Forget the values that were asked about."""
        self._remembered.clear()

    def mask(self, envelope: Envelope) -> int:
        """Return the rules that *envelope* allows as far as this dimension goes."""
        return self.mask_of(self.answers(envelope))

    def answers(self, envelope: Envelope) -> Answers:
        """Return what the questions of the dimension are answered for *envelope*."""
        return Answers(*self._answers(envelope))

    def _answers(self, envelope: Envelope) -> tuple[Numbers, Numbers]:
        # A plain pair, which equals its `Answers` and is made in half of the time.
        holding, senseless = self._plain_answers(envelope) if self._others else _NO_ANSWERS
        for asked, subject, find in self._lookups:
            key = key_of(subject, envelope)
            if key is not None:
                found = find(key)
                holding = holding | found if holding else found
            elif answer(asked.sample, envelope, self._site, _NO_LOOKUP).answer is Answer.SENSELESS:
                senseless |= asked.numbers
        return holding, senseless

    def _plain_answers(self, envelope: Envelope) -> tuple[Numbers, Numbers]:
        """Return the answers to the questions that ask no table."""
        state = STATES[self.aspect](envelope)
        known = self._plain.get(state)
        if known is None:
            found = {
                number: answer(self.uses[number].question, envelope, self._site, _NO_LOOKUP).answer
                for number in self._others
            }
            known = self._plain[state] = Answers(
                frozenset(number for number, each in found.items() if each is Answer.YES),
                frozenset(number for number, each in found.items() if each is Answer.SENSELESS),
            )
        return known

    def shown(self, envelope: Envelope) -> str:
        """Return the value of *envelope* for people; empty if it has none."""
        if self.aspect is Aspect.TLS:
            return "TLS" if envelope.client.tls else ""
        return key_of(SUBJECTS[self.aspect], envelope) or ""

    def mask_of(self, answers: Answers) -> int:
        """Return the rules whose conditions here hold of a value with these *answers*."""
        allowed = self._undemanding
        for number in answers.holding:
            allowed |= self._alone[number]
            for rule, needed in self._together[number]:
                if needed <= answers.holding:
                    allowed |= rule
        for number in answers.holding:
            allowed &= ~self.uses[number].negated
        for number in answers.senseless:
            use = self.uses[number]
            allowed &= ~(use.plain | use.negated)
        return allowed


def _table_of(question: Question, site: Site) -> tuple[InTable, tuple[str, ...]] | None:
    """Return how a table is asked and its entries; None for a question that asks no table."""
    match question:
        case InTable(table=table):
            assert table is not None, "a table that nobody declares is fallible"
            built_in = built_in_entries(table, site)
            return question, tuple(each.key for each in table.entries) if built_in is None else built_in
        case LocalSource():
            return InTable(subject=Subject.SOURCE, table=None, service=Service.NETADDR), (LOCAL, *site.addresses)
        case LocalDestination():
            # Compared whole; as domains without stars are, with which they share an index.
            is_plain = "*" not in "".join(site.domains)
            service = Service.DOMAIN if is_plain else Service.STRING
            return InTable(subject=Subject.DOMAIN, table=None, service=service), site.domains
    return None


def sum_of(masks: Iterable[int]) -> int:
    """Return the mask of what is in any of *masks*."""
    return reduce(or_, masks, 0)


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of the bits of *mask*, the lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
