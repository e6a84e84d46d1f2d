"""Which rules can decide something, and which of them make a difference.

    match from any for domain example.org action "in"
    match from any for domain example.org mail-from <bad> reject      never gets its turn

Reports `contradiction`, `unreachable-match`, `redundant-match` and `tempfail-before-match`.
What any client, login, TLS and listener tag could do is looked at, not what the listeners of
the file happen to offer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from smtpdsl.analysis.meaning import REFUSED, Meanings
from smtpdsl.analysis.rules import AskedRules, first_of
from smtpdsl.analysis.search import Budget, Found, Goal, OverBudgetError, blockers
from smtpdsl.analysis.space import INTERNAL, KINDS, Axes, Axis
from smtpdsl.analysis.witness import Witness, replay
from smtpdsl.ir.aspects import is_fallible
from smtpdsl.ir.classes import bits
from smtpdsl.ir.resolved import InTable, Rule

# Atoms of a rule that the first, quick try looks at, and rules that shadow another one which are told.
_TRIED = 50
_BLOCKERS = 24


class Contradiction(NamedTuple):
    """No envelope fulfils all conditions of *rule*, though some fulfil each."""

    rule: Rule


class Unreachable(NamedTuple):
    """What fulfils the conditions of *rule* is decided by *shadows* before; *witness* does."""

    rule: Rule
    shadows: tuple[Rule, ...]
    witness: Witness | None


class Redundant(NamedTuple):
    """Without *rule* the same would happen, by the rule *instead*; *witness* is treated by it."""

    rule: Rule
    instead: Rule
    witness: Witness


class Tempfail(NamedTuple):
    """*rule* asks a table that can fail, and *decided* does the same with *witness* whatever it answers."""

    rule: Rule
    decided: Rule
    witness: Witness


class Unknown(NamedTuple):
    """It would take too long to find out about *rules*."""

    rules: tuple[Rule, ...]


Finding = Contradiction | Unreachable | Redundant | Tempfail | Unknown


class Reachability:
    """Looks at each rule in turn."""

    def __init__(self, asked: AskedRules, meanings: Meanings) -> None:
        """Look at the rules of *asked*."""
        self.asked = asked
        self.rules = asked.rules
        self.meanings = meanings
        self.unknown: list[Rule] = []
        self.useless = 0
        """The rules that decide nothing; what they would do is no reason to leave others out."""
        self.has_doubts = bool(asked.space.questions.elsewhere)

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the rules: in their order, first those that never decide."""
        reached: list[tuple[list[int], list[Found | None]]] = []
        for group in self.asked.groups:
            try:
                found = [self.reached(number) for number in group]
                if not any(found):
                    yield from self._never(group)
            except OverBudgetError:
                self.unknown.append(self.rules[group[0]])
            else:
                reached.append((group, found))
                self.useless |= sum(1 << n for n, each in zip(group, found, strict=True) if each is None)
        for group, found in reached:
            try:
                yield from self._reaching(group, found)
            except OverBudgetError:
                self.unknown.append(self.rules[group[0]])
        if self.unknown:
            yield Unknown(tuple(self.unknown))

    def _reaching(self, group: list[int], found: list[Found | None]) -> Iterator[Finding]:
        """Look at rules that decide something; those of one statement are too much for one another."""
        if len(group) == 1 and found[0] is not None:
            yield from self._difference(group[0], found[0])
            if (tempfail := self._tempfail(group[0])) is not None:
                yield tempfail

    # ------------------------------------------------------------ reaching

    def reached(self, number: int) -> Found | None:
        """Return a combination that *number* decides; in the space of bounds if nobody can be named who sends it."""
        quick = self._greedy(1 << number, self._up_to(number))
        if quick is not None:
            return quick
        if self._covering(number):
            return None
        goal, alive = self._goal(number), self._up_to(number)
        found = self.asked.search(self.asked.space.examples, alive, goal)
        if found is None and not self.asked.space.examples.is_exact:
            found = self.asked.search(self.asked.space.bounds, alive, goal)
            if not self.asked.space.bounds.is_exact and found is None:
                raise OverBudgetError
        return found

    def _goal(self, number: int) -> Goal:
        return Goal.deciding(number, kinds=self.asked.kinds)

    def _up_to(self, number: int) -> int:
        return (2 << number) - 1 & self.asked.space.possible

    def _greedy(self, kept: int, up_to: int) -> Found | None:
        """Take, axis by axis, the atom that leaves the fewest rules besides *kept*; that is enough nearly always."""
        for kind in KINDS:
            if not kind & self.asked.kinds:
                continue
            alive, path = up_to, []
            for axis in self.asked.space.examples.axes:
                chosen = self._best(axis, kind, kept, alive)
                if chosen is None:
                    break
                alive &= axis.atoms[chosen].mask
                path.append((axis, chosen))
            else:
                if alive == kept:
                    return Found(kind, tuple(path), alive)
        return None

    def _best(self, axis: Axis, kind: int, kept: int, alive: int) -> int | None:
        first = axis.default(kind)
        if first is None:
            return None
        named = axis.named(kind)
        tried = [first, *(atom for number in bits(kept) for atom in named.get(number, [])[:_TRIED])]
        fitting = [each for each in tried if axis.atoms[each].mask & kept == kept]
        if len(fitting) <= 1:
            return fitting[0] if fitting else None
        return min(fitting, key=lambda each: (alive & axis.atoms[each].mask).bit_count())

    def _covering(self, number: int) -> int:
        """Return the rules before *number* that take everything it could, each of them alone."""
        covering = self._up_to(number) ^ 1 << number
        for axis in self.asked.space.bounds.axes:
            if not covering:
                break
            if axis.asking >> number & 1:
                for atom in axis.allowing(number):
                    covering &= atom.mask
            else:
                covering &= axis.common
        return covering if self.asked.space.possible >> number & 1 else 0

    # ------------------------------------------------------------ never

    def _never(self, group: list[int]) -> Iterator[Finding]:
        rule = self.rules[group[0]]
        matching = [number for number in group if self._fulfilled(number) is not None]
        if not matching:
            if self._is_contradiction(group[0]):
                yield Contradiction(rule)
            return
        found = self._fulfilled(matching[0])
        shadows = {each for number in matching for each in self._shadows(number)}
        shadows -= set(group)
        found = self._decided_by(matching[0], min(shadows, default=None)) or found
        witness = self._proven(found, [self.rules[matching[0]]]) if found is not None else None
        yield Unreachable(rule, tuple(self.rules[each] for each in sorted(shadows)), witness)

    def _decided_by(self, number: int, shadow: int | None) -> Found | None:
        """Return what fulfils the rule *number*, and gets as far as *shadow*, which decides about it."""
        if shadow is None or shadow > number:
            return None
        both = 1 << number | 1 << shadow
        alive = self._up_to(shadow) | 1 << number
        goal = Goal(lambda left: left == both, kept=both, kinds=self.asked.kinds & ~INTERNAL, is_alone=True)
        return self._greedy(both, alive) or self.asked.search(self.asked.space.examples, alive, goal)

    def _proven(self, found: Found, rules: Sequence[Rule]) -> Witness | None:
        """Return the witness of *found* if the reference says that the last of *rules* decides about it."""
        witness = self.asked.witness(found)
        return witness if replay(rules, witness, self.asked.site).rule is rules[-1] else None

    def _fulfilled(self, number: int) -> Found | None:
        goal, alive = self._goal(number), 1 << number & self.asked.space.possible
        space = self.asked.space
        found = self.asked.search(space.examples, alive, goal)
        return found or self.asked.search(space.bounds, alive, goal)

    def _is_contradiction(self, number: int) -> bool:
        """Whether each condition holds of somebody: an entry that matches nobody has a finding of its own."""
        conditions = self.rules[number].conditions
        if any(isinstance(each.question, InTable) and _is_empty(each.question) for each in conditions):
            return False
        if not self.asked.space.possible >> number & 1:
            return True
        return len([each for each in conditions if not each.is_implied]) > 1 or any(each.negated for each in conditions)

    def _shadows(self, number: int) -> list[int]:
        """Return one rule that takes everything, or some that do together, of which none can be left out."""
        covering = self._covering(number)
        if covering:
            return [first_of(covering)]
        space, goal = self.asked.space, self._goal(number)
        axes = space.examples if space.examples.is_exact else space.bounds
        mask = blockers(axes, self._up_to(number), goal, Budget(min(100_000, max(self.asked.left, 1))))
        kept = list(bits(mask))
        if len(kept) <= _BLOCKERS:
            for each in reversed(list(kept)):
                fewer = sum(1 << other for other in kept if other != each)
                if self.asked.search(axes, fewer | 1 << number, goal) is None:
                    kept.remove(each)
        return kept

    # ------------------------------------------------------------ making a difference

    def _difference(self, number: int, found: Found) -> Iterator[Finding]:
        rule = self.rules[number]
        if rule.action is None or self.has_doubts or self._asks_regex(number):
            # A `reject` at the end says what would happen anyway, and is there to say it.
            return
        wanted = self.meanings.of(rule.action)
        following = self._following(found, number)
        if following is None or self._outcome(following) != wanted:
            return

        def differs(alive: int) -> bool:
            rest = alive & -(2 << number)
            return first_of(alive) == number and (not rest or self._outcome(first_of(rest)) != wanted)

        space = self.asked.space
        # It must make no difference whether the rules that have a finding already are taken out or not.
        worlds = {space.possible, space.possible & ~self.useless}
        if any(self._matters(number, everything) for everything in worlds):
            return
        goal = Goal(differs, kept=1 << number, kinds=self.asked.kinds)
        axes = space.examples if space.examples.is_exact else space.bounds
        if axes.is_exact and all(self.asked.search(axes, everything, goal) is None for everything in worlds):
            witness = self._proven(found, self.rules[: number + 1])
            if witness is not None:
                yield Redundant(rule, self.rules[following], witness)

    def _matters(self, number: int, everything: int) -> bool:
        """Whether a later rule that does something else would take what *number* does; a quick try."""
        wanted = self._outcome(number)
        others = (each for each in bits(everything & -(2 << number)) if self._outcome(each) != wanted)
        kept = 1 << number
        return any(self._greedy(kept | 1 << each, self._up_to(each)) is not None for each in islice(others, _TRIED))

    def _following(self, found: Found, number: int) -> int | None:
        """Return the rule that would decide about what was *found*, were *number* not there."""
        left = self.asked.space.possible & ~self.useless
        chosen = {id(axis): atom for axis, atom in found.path}
        for axis in self.asked.space.examples.axes:
            atom = chosen.get(id(axis), axis.default(found.kind))
            if atom is not None:
                left &= axis.atoms[atom].mask
        left &= -(2 << number)
        return first_of(left) if left else None

    def _outcome(self, number: int) -> object:
        return self.meanings.of(self.rules[number].action)

    def _asks_regex(self, number: int) -> bool:
        return any(each.asking >> number & 1 for each in self.asked.space.questions.regexes)

    # ------------------------------------------------------------ tables that fail

    def _tempfail(self, number: int) -> Tempfail | None:
        rule = self.rules[number]
        if not any(_can_fail(each.question) for each in rule.conditions) or self.meanings.of(rule.action) == REFUSED:
            return None
        wanted = self.meanings.of(rule.action)
        doubted = {n for n, each in enumerate(self.rules) if any(is_fallible(c.question) for c in each.conditions)}

        def is_needless(alive: int) -> bool:
            rest = alive & -(2 << number)
            if first_of(alive) != number or not rest:
                return False
            following = first_of(rest)
            return following not in doubted and self._outcome(following) == wanted

        examples = self.asked.space.examples
        axes = Axes(tuple(axis for axis in examples.axes if axis.variable is None), examples.is_exact)
        everything = self.asked.space.possible & ~self.useless
        goal = Goal(is_needless, kept=1 << number, kinds=self.asked.kinds & ~KINDS[-1])
        found = self.asked.search(axes, everything, goal)
        if found is None:
            return None
        return Tempfail(rule, self.rules[first_of(found.alive & -(2 << number))], self.asked.witness(found))


def _is_empty(question: InTable) -> bool:
    table = question.table
    return table is not None and table.is_known and not table.entries and table.backend != "built-in"


def _can_fail(question: object) -> bool:
    return isinstance(question, InTable) and question.table is not None and question.table.is_fallible
