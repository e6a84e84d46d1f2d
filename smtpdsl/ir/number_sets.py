"""Texts with sets of numbers: what every index of `ir.class_index` is made of."""

from __future__ import annotations

from typing import TypeAlias

Numbers: TypeAlias = frozenset[int]
"""The numbers of questions."""
NONE: Numbers = frozenset()


class Sets:
    """Texts, each with a set of numbers; equal sets are one object."""

    def __init__(self) -> None:
        """Have no text."""
        self.by_text: dict[str, Numbers] = {}
        self._known: dict[Numbers, Numbers] = {}

    def add(self, text: str, number: int) -> None:
        """Put *number* into the set of *text*."""
        joined = self.by_text.get(text, NONE) | {number}
        self.by_text[text] = self._known.setdefault(joined, joined)
