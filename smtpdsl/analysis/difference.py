"""What two configurations do differently, as classes of envelopes that have nothing in common.

    old: match from any for domain example.org action "in"
    new: match from any for domain { example.org, example.net } action "in"

    for domain example.net        old: refused        new: action "in"

The rules of both are walked at once, over one index of the tables of both.  Actions are
compared by what they do; names, the order of declarations and the generation of the
language make no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import reduce
from itertools import islice
from operator import or_
from typing import NamedTuple

from smtpdsl.analysis.alignment import changed, is_one_place
from smtpdsl.analysis.difference_words import Branch, Case, Leaf, Node, Path, Vertex, paths, worded, words_of
from smtpdsl.analysis.meaning import REFUSED, Meanings
from smtpdsl.analysis.search import Budget, Found, Goal, OverBudgetError, find
from smtpdsl.analysis.space import EVERYBODY, INTERNAL, KINDS, LOGIN, SOCKET, STRANGER, Axes, Axis, Space
from smtpdsl.analysis.undecided import Contender, Decided, Undecided, decisions_of
from smtpdsl.analysis.witness import Witness, replay
from smtpdsl.ir.answers import Site, answer
from smtpdsl.ir.aspects import Aspect
from smtpdsl.ir.classes import Answers, NoLookup, bits
from smtpdsl.ir.resolved import Condition, InTable, LocalAction, LocalDestination, Rule, Ruleset, Subject, Table
from smtpdsl.ir.semantics import Answer, Decision, Verdict
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.mail.envelope import Envelope

# Steps of the walk, and classes that are told.
STEPS = 400_000
MOST = 1_000
# Changes of which an example is given, where the classes are too many.
_EXAMPLES = 20

KIND_WORDS = {
    STRANGER: "a client that has not logged in",
    LOGIN: "a client that has logged in",
    SOCKET: "the local socket",
    INTERNAL: "what an alias or a .forward leads to",
}


class Difference(NamedTuple):
    """Envelopes that are treated differently: those that fulfil all of *conditions*."""

    kinds: int
    conditions: tuple[tuple[Case, ...], ...]
    """One item for each thing that matters; of its cases one has to hold."""
    old: Decision
    new: Decision
    witness: Witness | None
    """None if nobody could be found who is treated so."""


class Comparison(NamedTuple):
    """What came out; *is_cut* says that there is more, or may be."""

    differences: tuple[Difference, ...]
    settings: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def is_same(self) -> bool:
        """Whether nothing is treated differently."""
        return not self.differences and not self.settings and not self.is_cut


def compare(old: Ruleset, new: Ruleset, sites: tuple[Site, Site], steps: int = STEPS) -> Comparison:
    """Compare *old* with *new*, each at its site."""
    settings = ("smtp sub-addr-delim",) if sites[0].delimiter != sites[1].delimiter else ()
    rules = [_at_home(rule, old, sites) for rule in old.rules], list(new.rules)
    return _Walk(rules, (old.rules, new.rules), sites, Budget(steps)).compare(settings)


def _at_home(rule: Rule, ruleset: Ruleset, sites: tuple[Site, Site]) -> Rule:
    """Return *rule* with what it means by "local" written out, where the other file means something else."""
    if sites[0].domains == sites[1].domains:
        return rule
    entries = tuple(TableEntry(span=ruleset.span, key=each) for each in sites[0].domains)
    local = Table(span=ruleset.span, name="<localnames>", backend="static", kind=Kind.LIST, entries=entries)
    question = InTable(subject=Subject.DOMAIN, table=local, service=Service.STRING)

    def written(condition: Condition) -> Condition:
        is_local = isinstance(condition.question, LocalDestination)
        return condition.replace(question=question) if is_local else condition

    return rule.replace(conditions=tuple(map(written, rule.conditions)))


# ---------------------------------------------------------------- the walk


class _Walk:
    """Both configurations at once: the rules of the second one are the higher bits."""

    def __init__(
        self,
        rules: tuple[list[Rule], list[Rule]],
        given: tuple[tuple[Rule, ...], tuple[Rule, ...]],
        sites: tuple[Site, Site],
        budget: Budget,
    ) -> None:
        self.given = given
        self.sites = sites
        self.budget = budget
        self.both = [*rules[0], *rules[1]]
        self.first = len(rules[0])
        self.low = (1 << self.first) - 1
        self.meanings = Meanings()
        self.space = Space([rule.conditions for rule in self.both], sites[1])
        self.elsewhere = self.space.questions.elsewhere
        bounds = self.space.bounds
        self.axes = tuple(axis for axis in bounds.axes if axis.variable is None or axis.variable.aspect is not None)
        self.is_exact = bounds.is_exact
        doubted = reduce(or_, (each.asking for each in self.elsewhere), 0)
        settled = self.space.questions.every & ~doubted
        self.settled = [settled]
        for axis in reversed(self.axes):
            settled &= ~axis.asking
            self.settled.insert(0, settled)
        self.known: dict[tuple[int, int, int], Vertex | None] = {}
        self.leaves: dict[Hashable, Leaf] = {}
        everything = self.space.questions.every
        self.changed = changed(*given, self.meanings) if is_one_place(sites) else everything
        self.nodes: dict[object, Node] = {}
        has_users = any(isinstance(rule.action, LocalAction) for rule in self.both)
        self.kinds = [kind for kind in KINDS if kind != INTERNAL or has_users]

    def compare(self, settings: tuple[str, ...]) -> Comparison:
        try:
            roots = self.roots()
        except OverBudgetError:
            return Comparison(tuple(self.some()), settings, is_cut=True)
        found: list[Difference] = []
        everybody = reduce(or_, self.kinds)
        for root, kinds in roots.values():
            for path, leaf in paths(root, ()):
                found.extend(self.differences(EVERYBODY if kinds == everybody else kinds, path, leaf))
                if len(found) > MOST:
                    return Comparison(tuple(found[:MOST]), settings, is_cut=True)
        return Comparison(tuple(found), settings, is_cut=not self.is_exact and not found)

    def roots(self) -> dict[int, tuple[Vertex, int]]:
        """Return how the two differ, with the kinds of clients for which it is so."""
        roots: dict[int, tuple[Vertex, int]] = {}
        for kind in self.kinds:
            root = self.vertex(self.space.possible, 0, kind)
            if root is not None:
                _, kinds = roots.get(id(root), (root, 0))
                roots[id(root)] = root, kinds | kind
        return roots

    def some(self) -> Iterator[Difference]:
        """Yield an example for each change, where the classes are too many to be told."""
        pure = Axes(tuple(axis for axis in self.space.examples.axes if axis.variable is None), is_exact=True)
        for number in islice(bits(self.changed), _EXAMPLES):
            goal = Goal(self.is_different, kept=1 << number)
            try:
                found = find(pure, self.space.possible, goal, Budget(5_000))
            except OverBudgetError:
                continue
            if found is not None:
                cases = list(self.differences(found.kind, (), Leaf(found.alive), found))
                yield from cases[:1]

    def is_different(self, alive: int) -> bool:
        old, new = self.contenders(alive & self.low), self.contenders(alive & ~self.low)
        return any(each.old.outcome != each.new.outcome for each in decisions_of(old, new))

    def vertex(self, alive: int, level: int, kind: int) -> Vertex | None:
        """Return how the two differ among the rules *alive*, from the axis *level* on; None if they do not."""
        alive = self.cut(alive, level)
        while level < len(self.axes) and not self.must_ask(self.axes[level], alive, kind):
            level += 1
            alive = self.cut(alive, level)
        if not alive & self.changed:
            # What both have in common decides alike.
            return None
        if level == len(self.axes):
            return self.leaf(alive)
        key = level, alive, kind
        if key not in self.known:
            self.known[key] = self.node(alive, level, kind)
        return self.known[key]

    def must_ask(self, axis: Axis, alive: int, kind: int) -> bool:
        return bool(alive & axis.asking) or axis.default(kind) is None

    def cut(self, alive: int, level: int) -> int:
        """Drop what is behind the first rule of each that has nothing left to ask."""
        low, high = alive & self.low, alive & ~self.low
        if settled := low & self.settled[level]:
            low &= ((settled & -settled) << 1) - 1
        if settled := high & self.settled[level]:
            high &= ((settled & -settled) << 1) - 1
        return low | high

    def node(self, alive: int, level: int, kind: int) -> Vertex | None:
        axis = self.axes[level]
        first = axis.default(kind)
        if first is None:
            return None
        named = axis.named(kind)
        numbers = dict.fromkeys(atom for rule in bits(alive & axis.asking) for atom in named.get(rule, ()))
        numbers.pop(first, None)
        self.budget.spend(len(numbers) + 1)
        rest = self.vertex(alive & axis.atoms[first].mask, level + 1, kind)
        ways: dict[int, tuple[Vertex | None, list[int]]] = {id(rest): (rest, [first])}
        for number in numbers:
            below = self.vertex(alive & axis.atoms[number].mask, level + 1, kind)
            ways.setdefault(id(below), (below, []))[1].append(number)
        if len(ways) == 1:
            return rest
        branches = tuple(
            Branch(tuple(atoms), first in atoms, below) for below, atoms in ways.values() if below is not None
        )
        exceptions = {atom: id(below) for below, atoms in ways.values() if first not in atoms for atom in atoms}
        # Nodes that send the same atoms the same ways are one, whichever rules ask.
        key = level, id(rest), frozenset(exceptions.items())
        node = Node(level, alive & axis.asking, branches, tuple(sorted(exceptions)))
        return self.nodes.setdefault(key, node)

    def leaf(self, alive: int) -> Leaf | None:
        old, new = self.contenders(alive & self.low), self.contenders(alive & ~self.low)
        if [(each.doubts, each.outcome) for each in old] == [(each.doubts, each.outcome) for each in new]:
            return None
        # Whatever else is alive plays no part.
        return self.leaves.setdefault((tuple(old), tuple(new)), Leaf(alive))

    # ------------------------------------------------------------ leaves

    def contenders(self, alive: int) -> list[Contender]:
        """Return the rules *alive*, up to the first that asks nobody, with what each does."""
        found = []
        for number in bits(alive):
            doubts = tuple(
                (place, bool(each.negated >> number & 1))
                for place, each in enumerate(self.elsewhere)
                if each.asking >> number & 1
            )
            found.append(Contender(doubts, self.outcome(number), number))
            if not doubts:
                return found
        found.append(Contender((), REFUSED, None))
        return found

    def outcome(self, number: int) -> Hashable:
        return self.meanings.of(self.both[number].action)

    def differences(self, kinds: int, path: Path, leaf: Leaf, example: Found | None = None) -> Iterator[Difference]:
        """Yield the classes of *leaf*: one for each set of answers of tables elsewhere."""
        old, new = self.contenders(leaf.alive & self.low), self.contenders(leaf.alive & ~self.low)
        cases = decisions_of(old, new, fixed=self.fixed(kinds))
        for each in sorted(cases, key=lambda case: Answer.UNAVAILABLE in case.answers.values()):
            if each.old.outcome != each.new.outcome:
                yield self.difference(kinds, path, leaf, each, example)

    def fixed(self, kinds: int) -> dict[int, Answer]:
        """Return what tables elsewhere answer about clients of *kinds* without being asked."""
        if kinds & (LOGIN | INTERNAL | SOCKET):
            return {}
        logins = (
            place
            for place, each in enumerate(self.elsewhere)
            if isinstance(each.question, InTable) and each.question.subject is Subject.LOGIN
        )
        return dict.fromkeys(logins, Answer.NO)

    def difference(self, kinds: int, path: Path, leaf: Leaf, case: Undecided, example: Found | None) -> Difference:
        conditions = [words_of(self.axes[node.level], node, branch) for node, branch in path]
        conditions += [((worded(self.elsewhere[place].words, given),),) for place, given in case.answers.items()]
        if example is None:
            witness = self.witness(kinds, path, leaf, case)
        else:
            witness = self.shown(example.envelope(self.space), case)
        old, new = self.decision(case.old), self.decision(case.new)
        return Difference(kinds, tuple(each for each in conditions if each), old, new, witness)

    def decision(self, decided: Decided) -> Decision:
        rule = None if decided.number is None else (*self.given[0], *self.given[1])[decided.number]
        verdict = Verdict.REJECT if rule is None or rule.action is None else Verdict.ACCEPT
        return Decision(verdict=Verdict.TEMPFAIL if decided.has_failed else verdict, rule=rule, trail=())

    # ------------------------------------------------------------ witnesses

    def witness(self, kinds: int, path: Path, leaf: Leaf, case: Undecided) -> Witness | None:
        """Return somebody who is treated so, if there is one whom the reference treats so."""
        for kind in self.kinds:
            if kind & kinds:
                for envelope in self.envelopes(kind, path, leaf):
                    witness = self.shown(envelope, case)
                    if witness is not None:
                        return witness
        return None

    def shown(self, envelope: Envelope, case: Undecided) -> Witness | None:
        """Return *envelope* as a witness if the reference treats it so."""
        assumed = tuple((self.elsewhere[place].question, given) for place, given in case.answers.items())
        witness = Witness(envelope, assumed)
        return witness if self.shows(witness, case) else None

    def envelopes(self, kind: int, path: Path, leaf: Leaf) -> Iterator[Envelope]:
        """Yield envelopes that go the way of *path*."""
        if self.space.bounds is self.space.examples:
            chosen = tuple((self.axes[node.level], self.atom(node, branch, kind)) for node, branch in path)
            yield Found(kind, tuple((axis, n) for axis, n in chosen if n is not None), leaf.alive).envelope(self.space)
            return
        allowed = self.allowed(path)
        pure = Axes(tuple(axis for axis in self.space.examples.axes if axis.variable is None), is_exact=True)
        goal = Goal(lambda _: True, kinds=kind, allowed=allowed)
        found = find(pure, 0, goal, Budget(20_000))
        if found is not None:
            yield found.envelope(self.space)

    def atom(self, node: Node, branch: Branch, kind: int) -> int | None:
        axis = self.axes[node.level]
        fitting = (number for number in branch.atoms if axis.atoms[number].kinds & kind)
        return next(fitting, None)

    def allowed(self, path: Path) -> Mapping[Aspect, Callable[[Envelope], bool]]:
        """Return what the values of each aspect have to be on *path*, where regular expressions are asked too."""
        tests: dict[Aspect, list[Callable[[Envelope], bool]]] = {}
        for node, branch in path:
            axis = self.axes[node.level]
            assert axis.aspect is not None
            tests.setdefault(axis.aspect, []).append(self.test(axis, node, branch))
        return {aspect: _all_of(some) for aspect, some in tests.items()}

    def test(self, axis: Axis, node: Node, branch: Branch) -> Callable[[Envelope], bool]:
        if axis.variable is not None:
            question = axis.variable.question
            wanted = {axis.atoms[number].assumed for number in branch.atoms}
            return lambda envelope: answer(question, envelope, self.sites[1], NoLookup()).answer in wanted
        assert axis.aspect is not None
        dimension = self.space.dimension(axis.aspect)
        assert dimension is not None
        inside = {axis.atoms[number].answers[0] for number in branch.atoms}
        outside = {axis.atoms[number].answers[0] for number in node.exceptions}

        def is_there(envelope: Envelope) -> bool:
            answers: Answers = dimension.answers(envelope)
            return answers not in outside if branch.has_rest else answers in inside

        return is_there

    def shows(self, witness: Witness, case: Undecided) -> bool:
        """Whether the reference treats *witness* as the walk says; a failing table it may ask where that does not."""
        for rules, site, decided in zip(self.given, self.sites, (case.old, case.new), strict=True):
            decision = replay(rules, witness, site)
            expected = self.decision(decided)
            if (decision.verdict, id(decision.rule)) != (expected.verdict, id(expected.rule)):
                return False
        return True


def _all_of(tests: list[Callable[[Envelope], bool]]) -> Callable[[Envelope], bool]:
    return lambda envelope: all(test(envelope) for test in tests)
