"""Figures beside their bars: one line of a table each, and the same as data.

figure                               smtpdsl        postfix      opensmtpd   bar
25 MiB messages, MB/s          88 (80-95)     41 (40-44)     70 (66-71)      >= 1.5 x postfix: 2.1, met
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.spread import Spread

OURS = "smtpdsl"


class Bar(NamedTuple):
    """What ours has to be, and what it is; without *found* the other one is not there to be compared with."""

    text: str
    found: float | None
    is_met: bool | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.text}: not measured"
        return f"{self.text}: {self.found:.2f}, {'met' if self.is_met else 'MISSED'}"


class Figure(NamedTuple):
    """One thing that was measured, of each server that was there."""

    what: str
    values: Mapping[str, Spread]
    bars: tuple[Bar, ...] = ()
    decimals: int = 1


def at_most(values: Mapping[str, Spread], limit: float, server: str = OURS) -> Bar:
    """Build the bar that the median of *server* is at most *limit*."""
    found = values[server].median if server in values else None
    return Bar(f"<= {limit:g}", found, None if found is None else found <= limit)


def at_least_times(values: Mapping[str, Spread], times: float, peer: str) -> Bar:
    """Build the bar that ours is at least *times* that of *peer*."""
    found = _ratio(values, peer)
    return Bar(f">= {times:g} x {peer}", found, None if found is None else found >= times)


def at_most_times(values: Mapping[str, Spread], times: float, peer: str) -> Bar:
    """Build the bar that ours is at most *times* that of *peer*."""
    found = _ratio(values, peer)
    return Bar(f"<= {times:g} x {peer}", found, None if found is None else found <= times)


def _ratio(values: Mapping[str, Spread], peer: str) -> float | None:
    if OURS not in values or peer not in values or not values[peer].median:
        return None
    return values[OURS].median / values[peer].median


def table(figures: Sequence[Figure], servers: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table: medians, with the smallest and the largest, and the bars."""
    if not figures:
        return
    yield f"{'figure':<46}{''.join(f'{server:>21}' for server in servers)}   bar"
    for figure in figures:
        cells = "".join(f"{_cell(figure, server):>21}" for server in servers)
        yield f"{figure.what:<46}{cells}   {'; '.join(map(str, figure.bars))}".rstrip()
    yield ""


def _cell(figure: Figure, server: str) -> str:
    found = figure.values.get(server)
    if found is None:
        return "-"
    middle, low, high = (f"{value:,.{figure.decimals}f}" for value in (found.median, found.low, found.high))
    return middle if len(found.values) == 1 else f"{middle} ({low}-{high})"


def as_data(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return the same as data."""
    return [
        {
            "what": figure.what,
            **{server: [found.median, found.low, found.high] for server, found in figure.values.items()},
            "bars": [bar._asdict() for bar in figure.bars],
        }
        for figure in figures
    ]
