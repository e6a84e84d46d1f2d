"""Did you mean: the nearest of the words that would have been right."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate a reader would take *word* for, or None if none is close.

    Close is: equal ignoring case, or at most one edit in three characters (a swap of
    neighbours counts as one edit).  Of equally close candidates one as long as *word*
    wins, then the first.
    """
    limit = max(1, len(word) // 3)
    best: tuple[int, int, str] | None = None
    for candidate in candidates:
        if abs(len(candidate) - len(word)) > limit:
            continue
        distance = 0 if candidate.lower() == word.lower() else _distance(word.lower(), candidate.lower())
        closeness = distance, abs(len(candidate) - len(word))
        if distance <= limit and distance < len(candidate) and (best is None or closeness < best[:2]):
            best = *closeness, candidate
    return best[2] if best else None


def _distance(left: str, right: str) -> int:
    """Optimal string alignment: insert, delete, replace, or swap two neighbours."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for row, character in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (character != other))
            swapped = row > 1 and column > 1 and character == right[column - 2] and left[row - 2] == other
            if swapped:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
