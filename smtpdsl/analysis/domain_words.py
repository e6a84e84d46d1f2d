"""Domains for every way in which patterns with stars can meet.

    *.example.org   *.org        x.example.org {0}   x.org {1}   x.y {}

A star of the language never tries again (`ir.matching.domain_matches`), so a pattern is a
small automaton that reads a domain from the left.  Walking all of them in step finds every
set of patterns that some domain matches, each with a shortest domain.
"""

from __future__ import annotations

import string
from collections import deque
from collections.abc import Iterable, Iterator

# States of all automata together: some tenths of a second.
STATE_LIMIT = 4_000
_WORK_LIMIT = 400_000
# Patterns that are walked at all.
_MOST = 200
_DEAD, _ANY = -1, -2
# What stands for a star in an example.
_NAME = "any-name"


def meeting_domains(patterns: Iterable[str]) -> list[str] | None:
    """Return a domain for each set of *patterns* (folded) that a domain can match; None if there are too many."""
    distinct = list(dict.fromkeys(patterns))
    if all(each.startswith("*.") and "*" not in each[1:] for each in distinct):
        # One label before what follows the star: no two of these meet.
        return [f"{_NAME}{each[1:]}" for each in distinct if all(each.split("."))]
    if len(distinct) > _MOST:
        return None
    return _Walk([_Automaton(each) for each in distinct]).run()


class _Automaton:
    """One pattern: literals with stars between them."""

    def __init__(self, pattern: str) -> None:
        first, *rest = pattern.split("*")
        # Several stars in a row are one.
        kept = [each for each in rest[:-1] if each] + rest[-1:]
        self.literals = [first, *kept]
        # A state is the number of characters read of all literals, with one more before each but the first: the star.
        self.starts = [0]
        for literal in self.literals[:-1]:
            self.starts.append(self.starts[-1] + len(literal) + 1)
        self.table: dict[int, tuple[int, int]] = {}
        for index, literal in enumerate(self.literals):
            for place in range(len(literal) + 1):
                self.table[self.starts[index] + place] = index, place
        self.start = self._settled(0)
        self.last = len(self.literals) - 1

    def _settled(self, state: int) -> int:
        """Go on to the star when a literal is read to its end."""
        index, place = self.table[state]
        is_read = place == len(self.literals[index])
        return self.starts[index + 1] if is_read and index + 1 < len(self.literals) else state

    def step(self, state: int, character: str) -> int:
        if state in {_DEAD, _ANY}:
            return state
        index, place = self.table[state]
        literal = self.literals[index]
        is_at_star = index > 0 and place == 0
        if is_at_star and not literal:
            return _ANY
        if place < len(literal) and character == literal[place]:
            return self._settled(state + 1)
        return state if is_at_star else _DEAD

    def accepts(self, state: int) -> bool:
        if state in {_DEAD, _ANY}:
            return state == _ANY
        index, place = self.table[state]
        if index != self.last:
            return False
        # The star at the end takes one character at least, so what is empty has not been read.
        return place == len(self.literals[index]) and (index == 0 or place > 0)


class _Walk:
    """All automata in step, breadth first: the first domain of a kind is a shortest one."""

    def __init__(self, automata: list[_Automaton]) -> None:
        self.automata = automata
        used = set("".join("".join(each.literals) for each in automata)) | {"."}
        other = next((each for each in "x" + string.ascii_lowercase + string.digits if each not in used), "")
        self.alphabet = sorted(used - {"*"}) + ([other] if other else [])

    def run(self) -> list[str] | None:
        start = (True, tuple(each.start for each in self.automata))
        words = {start: ""}
        found: dict[tuple[bool, ...], str] = {}
        pending = deque([start])
        while pending:
            state = pending.popleft()
            word = words[state]
            if not state[0]:
                matched = tuple(each.accepts(place) for each, place in zip(self.automata, state[1], strict=True))
                found.setdefault(matched, word)
            for character, following in self._next(state):
                if following not in words:
                    words[following] = word + character
                    pending.append(following)
            if len(words) > STATE_LIMIT or len(words) * len(self.automata) > _WORK_LIMIT:
                return None
        return list(found.values())

    def _next(self, state: tuple[bool, tuple[int, ...]]) -> Iterator[tuple[str, tuple[bool, tuple[int, ...]]]]:
        begins, places = state
        for character in self.alphabet:
            # Between two dots, before the first and behind the last there is something, and no hyphen begins it.
            if not (begins and character in ".-"):
                stepped = tuple(each.step(place, character) for each, place in zip(self.automata, places, strict=True))
                yield character, (character == ".", stepped)
