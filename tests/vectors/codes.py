"""The reply codes that a vector expects: regular expressions, one for each reply or for several.

    ("250", "(250 ){2}452")     fits 250 250 250 452, and 250 alone if the connection is closed early

An expression that fits nothing at all stands for a reply that need not come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class Codes:
    """What is expected, as one expression for each number of items."""

    def __init__(self, expected: Sequence[str]) -> None:
        """Expect *expected*, in this order."""
        self.expected = tuple(expected)
        # Each code is written with a blank in front of it.
        items = [f"(?: (?:{each}))" + ("?" if re.fullmatch(each, "") else "") for each in self.expected]
        self._patterns = [re.compile("".join(items[:count])) for count in range(len(items) + 1)]

    def fit(self, codes: Sequence[str], count: int | None = None) -> bool:
        """Whether *codes* are the first *count* items of what is expected, or all of them."""
        pattern = self._patterns[-1 if count is None else count]
        return pattern.fullmatch("".join(f" {code}" for code in codes)) is not None

    def fit_early(self, codes: Sequence[str]) -> bool:
        """Whether *codes* are the first items of what is expected, at least one unless none need to come."""
        if self.fit(codes):
            return True
        return any(self.fit(codes, count) for count in range(1, len(self.expected)))
