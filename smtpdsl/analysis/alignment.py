"""Which rules two configurations have in common, in the same order.

old   a b c d        b and d are in both; whatever matches neither a nor c
new   b x d          nor x is decided by the same rule in both
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher

from smtpdsl.analysis.meaning import Meanings
from smtpdsl.ir.answers import Site
from smtpdsl.ir.resolved import InTable, Rule

# Rules of each file between the first and the last difference that are compared one with the other.
_COMPARED = 3_000


def changed(old: Sequence[Rule], new: Sequence[Rule], meanings: Meanings) -> int:
    """Return the rules that are in one of the two only, as a mask; those of *new* are the higher bits."""
    first = [_key(rule, meanings) for rule in old]
    second = [_key(rule, meanings) for rule in new]
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    end = 0
    while end < min(len(first), len(second)) - start and first[-1 - end] == second[-1 - end]:
        end += 1
    first, second = first[start : len(first) - end], second[start : len(second) - end]
    low, high = set(range(len(first))), set(range(len(second)))
    if len(first) <= _COMPARED and len(second) <= _COMPARED:
        for match in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks():
            low -= set(range(match.a, match.a + match.size))
            high -= set(range(match.b, match.b + match.size))
    mask = sum(1 << start + each for each in low)
    return mask | sum(1 << len(old) + start + each for each in high)


def _key(rule: Rule, meanings: Meanings) -> Hashable:
    conditions = (
        (
            each.slot,
            each.negated,
            meanings.of_question(each.question) if isinstance(each.question, InTable) else each.question,
        )
        for each in rule.conditions
    )
    return tuple(conditions), meanings.of(rule.action)


def is_one_place(sites: tuple[Site, Site]) -> bool:
    """Whether "local" and sub-addresses mean the same in both."""
    return sites[0].domains == sites[1].domains and sites[0].delimiter == sites[1].delimiter
