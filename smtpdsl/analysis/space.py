"""All envelopes, as the rules tell them apart: an axis for each aspect, an atom for what they treat alike.

    recipient   example.org │ anything else       a rule is a bit; an atom has the rules that it allows
    client      local │ 10.0.0.0/8 │ any other
    login       none │ ann │ any other

An envelope picks one atom of each axis; what is left of the rules when all the masks are
and-ed are those whose conditions hold, and the lowest bit decides.  Every atom has an
example, so every combination is an envelope that somebody can send.

A question whose answer is not worked out is an axis too.  In the space of *examples* a
regular expression is asked about examples, so it may miss something; in the space of
*bounds* it answers as it likes, so there is nothing that it misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from smtpdsl.analysis.candidates import candidates
from smtpdsl.analysis.questions import Questions, Variable, questions_of
from smtpdsl.ir.answers import Site
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.classes import Answers, Dimension, Uses
from smtpdsl.ir.envelope_examples import OUTSIDER
from smtpdsl.ir.number_sets import NONE
from smtpdsl.ir.resolved import Condition, InTable, Subject
from smtpdsl.ir.semantics import Answer
from smtpdsl.mail.envelope import LOCAL, Envelope

# Kinds of clients, whose aspects depend on each other: who logs in does so over TLS, the local socket counts as
# authenticated, and mail that this host made of other mail has no client at all.
STRANGER, LOGIN, SOCKET, INTERNAL = 1, 2, 4, 8
KINDS = (STRANGER, LOGIN, SOCKET, INTERNAL)
EVERYBODY = STRANGER | LOGIN | SOCKET | INTERNAL
NETWORK = STRANGER | LOGIN


class Atom(NamedTuple):
    """Values that all rules treat alike."""

    mask: int
    """The rules that allow them."""
    kinds: int
    """The kinds of clients that can have them."""
    example: Envelope
    """An envelope with such a value; for a variable it says nothing."""
    answers: tuple[Answers, ...]
    """What the questions of the axis are answered; one item for each regular expression more."""
    assumed: Answer | None = None
    """What a variable is answered."""


class Axis:
    """One thing that varies on its own."""

    def __init__(self, aspect: Aspect | None, atoms: list[Atom], asking: int, uses: Sequence[Uses]) -> None:
        """Have *atoms*, of which the first is what nobody names; the rules in *asking* tell them apart."""
        self.aspect = aspect
        self.atoms = atoms
        self.asking = asking
        self.uses = uses
        self.variable: Variable | None = None
        self._named: dict[int, dict[int, list[int]]] = {}
        self._default: dict[int, int | None] = {}

    def default(self, kind: int) -> int | None:
        """Return the first atom that a client of *kind* can have."""
        if kind not in self._default:
            found = (number for number, atom in enumerate(self.atoms) if atom.kinds & kind)
            self._default[kind] = next(found, None)
        return self._default[kind]

    def named(self, kind: int) -> dict[int, list[int]]:
        """Return, for each rule, the atoms of *kind* that it treats unlike the default."""
        if kind not in self._named:
            by_rule: dict[int, list[int]] = {}
            first = self.default(kind)
            usual = self.atoms[first].mask if first is not None else 0
            for number, atom in enumerate(self.atoms):
                if atom.kinds & kind:
                    different = atom.mask ^ usual
                    while different:
                        lowest = different & -different
                        by_rule.setdefault(lowest.bit_length() - 1, []).append(number)
                        different ^= lowest
            self._named[kind] = by_rule
        return self._named[kind]

    def allowing(self, number: int) -> Iterable[Atom]:
        """Return the atoms that the rule *number* allows."""
        firsts = [first for kind in KINDS if (first := self.default(kind)) is not None]
        if any(self.atoms[first].mask >> number & 1 for first in firsts):
            return (atom for atom in self.atoms if atom.mask >> number & 1)
        # What allows no usual value names all that it allows.
        named = dict.fromkeys(atom for kind in KINDS for atom in self.named(kind).get(number, ()))
        return (self.atoms[each] for each in named if self.atoms[each].mask >> number & 1)

    @cached_property
    def common(self) -> int:
        """The rules that allow every atom."""
        found = -1
        for atom in self.atoms:
            found &= atom.mask
        return found


class Axes(NamedTuple):
    """A space; whoever finds nothing in one that is not exact cannot be sure."""

    axes: tuple[Axis, ...]
    is_exact: bool


class Space:
    """The envelopes that *rules*, each given by its conditions, tell apart at *site*."""

    def __init__(self, rules: Sequence[Iterable[Condition]], site: Site) -> None:
        """Sort the questions; the axes are made when somebody looks for something."""
        self.site = site
        self.rules = rules
        self.questions: Questions = questions_of(rules)
        self._is_complete = True
        self._dimensions: dict[Aspect, Dimension] = {}

    @property
    def possible(self) -> int:
        """The rules that do not contradict what holds of every envelope."""
        return self.questions.possible

    @cached_property
    def examples(self) -> Axes:
        """The space in which every envelope can be sent, where regular expressions are asked."""
        axes = [self._axis(aspect, self._regexes(aspect)) for aspect in self._aspects()]
        is_exact = self._is_complete and not self.questions.regexes
        return Axes((*axes, *self._elsewhere), is_exact)

    @cached_property
    def bounds(self) -> Axes:
        """The space that has every envelope, and some that nobody can send, where regular expressions are free."""
        if not self.questions.regexes:
            return self.examples
        axes = [self._axis(aspect, ()) for aspect in self._aspects() if aspect in self.questions.uses]
        free = [_free_axis(each, self.questions.every) for each in self.questions.regexes]
        return Axes((*axes, *free, *self._elsewhere), self._is_complete)

    @cached_property
    def _elsewhere(self) -> tuple[Axis, ...]:
        return tuple(_free_axis(each, self.questions.every) for each in self.questions.elsewhere)

    def _aspects(self) -> list[Aspect]:
        asked = {*self.questions.uses, *(each.aspect for each in self.questions.regexes)}
        return [aspect for aspect in Aspect if aspect in asked]

    def _regexes(self, aspect: Aspect) -> tuple[Variable, ...]:
        return tuple(each for each in self.questions.regexes if each.aspect is aspect)

    def dimension(self, aspect: Aspect) -> Dimension | None:
        """Return what tells the values of *aspect* apart, without its regular expressions."""
        uses = self.questions.uses.get(aspect)
        if uses is not None and aspect not in self._dimensions:
            self._dimensions[aspect] = Dimension(aspect, uses, self.questions.every, self.site)
        return self._dimensions.get(aspect)

    def _axis(self, aspect: Aspect, regexes: tuple[Variable, ...]) -> Axis:
        uses = self.questions.uses.get(aspect, [])
        plain = self.dimension(aspect)
        found = candidates(aspect, uses, regexes, plain, self.site)
        self._is_complete = self._is_complete and found.is_complete
        every = self.questions.every
        tried = [plain] if plain else []
        asked = [[Uses(each.question, each.words, each.plain, each.negated)] for each in regexes]
        tried += [Dimension(aspect, each, every, self.site) for each in asked]
        atoms: dict[tuple[tuple[Answers, ...], int], Atom] = {}
        for envelope in found.envelopes:
            kinds, answers = kinds_of(aspect, envelope), tuple([each.answers(envelope) for each in tried])
            if (answers, kinds) not in atoms:
                mask = every
                for dimension, some in zip(tried, answers, strict=True):
                    mask &= dimension.mask_of(some)
                atoms[answers, kinds] = Atom(mask, kinds, envelope, answers)
        kept = list(atoms.values())
        if aspect is Aspect.HELO and kept[0].answers not in _answers_to_names(found.envelopes, tried):
            # Nobody sends without HELO: the empty name stands for others, or for nobody.
            del kept[0]
        asking = sum_masks([*(use.plain | use.negated for use in uses), *(each.asking for each in regexes)])
        return Axis(aspect, kept, asking, [*uses, *(use for some in asked for use in some)])


def _answers_to_names(envelopes: list[Envelope], tried: list[Dimension]) -> set[tuple[Answers, ...]]:
    return {tuple(each.answers(envelope) for each in tried) for envelope in envelopes if envelope.client.helo}


def sum_masks(masks: Iterable[int]) -> int:
    """Return what is in any of *masks*."""
    found = 0
    for mask in masks:
        found |= mask
    return found


def _free_axis(variable: Variable, every: int) -> Axis:
    """Make an axis of a question that may be answered anyhow."""
    no, yes = every & ~variable.plain, every & ~variable.negated
    subject = variable.question.subject if isinstance(variable.question, InTable) else None
    # Who has not logged in is in no table of logins; the local socket is asked about with an empty one.
    who = LOGIN | INTERNAL | SOCKET if subject is Subject.LOGIN else EVERYBODY
    atoms = [
        Atom(no, EVERYBODY, OUTSIDER, (Answers(NONE),), Answer.NO),
        Atom(yes, who, OUTSIDER, (Answers(frozenset({0})),), Answer.YES),
    ]
    if subject is Subject.RDNS or subject is None:
        neither = every & ~variable.asking
        atoms.append(Atom(neither, EVERYBODY, OUTSIDER, (Answers(NONE, frozenset({0})),), Answer.SENSELESS))
    use = Uses(variable.question, variable.words, variable.plain, variable.negated)
    axis = Axis(variable.aspect, atoms, variable.asking, [use])
    axis.variable = variable
    return axis


# ---------------------------------------------------------------- kinds of clients


def kinds_of(aspect: Aspect, envelope: Envelope) -> int:
    """Return the kinds of clients that can have what *envelope* has of *aspect*."""
    client = envelope.client
    match aspect:
        case Aspect.SOURCE:
            return INTERNAL if envelope.is_internal else SOCKET if client.source == LOCAL else NETWORK
        case Aspect.RDNS:
            return INTERNAL if envelope.is_internal else NETWORK if client.rdns is None else NETWORK | SOCKET
        case Aspect.LOGIN:
            if client.login is not None:
                return LOGIN | INTERNAL
            return SOCKET | INTERNAL if client.source == LOCAL else STRANGER | INTERNAL
        case Aspect.TLS:
            return STRANGER | LOGIN | INTERNAL if client.tls else STRANGER | SOCKET | INTERNAL
        case _:
            return EVERYBODY


def usual(kind: int, site: Site) -> Envelope:
    """Return an envelope of a client of *kind*, which `explain` assumes if it is told no more."""
    client = OUTSIDER.client
    match kind:
        case x if x == LOGIN:
            return OUTSIDER.replace(client=client.replace(login="somebody", tls=True))
        case x if x == SOCKET:
            return OUTSIDER.replace(client=client.replace(source=LOCAL, rdns=site.server_name, helo="localhost"))
        case x if x == INTERNAL:
            return OUTSIDER.replace(is_internal=True)
        case _:
            return OUTSIDER


def with_value(envelope: Envelope, aspect: Aspect, example: Envelope) -> Envelope:
    """Return *envelope* with what *example* has of *aspect*."""
    client, other = envelope.client, example.client
    match aspect:
        case Aspect.RECIPIENT:
            return envelope.replace(recipient=example.recipient)
        case Aspect.REVERSE_PATH:
            return envelope.replace(reverse_path=example.reverse_path)
        case Aspect.SOURCE:
            source = client.source if example.is_internal else other.source
            return envelope.replace(client=client.replace(source=source), is_internal=example.is_internal)
        case Aspect.RDNS:
            return envelope.replace(client=client.replace(rdns=other.rdns), is_internal=example.is_internal)
        case Aspect.LOGIN:
            is_socket = other.login is None and other.source == LOCAL
            changed = client.replace(login=other.login, **({"source": LOCAL} if is_socket else {}))
            return envelope.replace(client=changed)
        case Aspect.HELO:
            return envelope.replace(client=client.replace(helo=other.helo))
        case Aspect.TAG:
            return envelope.replace(client=client.replace(tag=other.tag))
        case Aspect.TLS:
            return envelope.replace(client=client.replace(tls=other.tls))
