"""The table of `bench_accept`, and the same as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.load import Figures, Load
from benchmarks.spread import Spread

OURS = "smtpdsl"
PEERS = ("postfix", "opensmtpd")

Results = Mapping[tuple[Load, str], Sequence[Figures]]


class Kind(NamedTuple):
    """One kind of figure."""

    key: str
    title: str
    value: Callable[[Figures], float | None]
    decimals: int
    more_is_better: bool
    bars: Mapping[str, Mapping[str, float]]
    """How many times better than a peer we have to be, by load; a kind without any is not compared."""
    limits: Mapping[str, float]
    """What ours is at most, by load."""


KINDS = (
    Kind(
        "messages_per_second",
        "messages/s",
        lambda figures: figures.rate,
        0,
        more_is_better=True,
        bars={
            "1 session": {"postfix": 1.0, "opensmtpd": 1.0},
            "20 sessions": {"postfix": 3.0, "opensmtpd": 4.0},
            "50 sessions": {"postfix": 3.0, "opensmtpd": 4.0},
            "200 clients": {"postfix": 3.0},
        },
        limits={},
    ),
    Kind(
        "cpu_ms_per_message",
        "CPU-ms/message",
        lambda figures: figures.cpu,
        2,
        more_is_better=False,
        bars={load: {"postfix": 4.0, "opensmtpd": 4.0} for load in ("20 sessions", "50 sessions")},
        limits={"20 sessions": 0.5, "50 sessions": 0.5},
    ),
    Kind(
        "flushes_per_message",
        "flushes of the disk/message",
        lambda figures: figures.flushes,
        2,
        more_is_better=False,
        bars={},
        limits={"50 sessions": 0.2},
    ),
)


def spread(results: Results, load: Load, server: str, kind: Kind) -> Spread | None:
    """Return what was measured of one kind, or None if it was not."""
    values = [value for figures in results.get((load, server), ()) if (value := kind.value(figures)) is not None]
    return Spread(values) if values else None


def ratio(results: Results, load: Load, peer: str, kind: Kind) -> float | None:
    """Return how many times better than *peer* we are."""
    ours, theirs = spread(results, load, OURS, kind), spread(results, load, peer, kind)
    if not ours or not theirs:
        return None
    more, less = (ours, theirs) if kind.more_is_better else (theirs, ours)
    return more.median / less.median if less.median else None


def table(results: Results, loads: Sequence[Load], servers: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table: medians, with the smallest and the largest; how many times better; bars."""
    for kind in KINDS:
        peers = [peer for peer in PEERS if peer in servers and kind.bars]
        heads = [f"{server:>21}" for server in servers] + [f"{f'{OURS}:{peer}':>19}" for peer in peers]
        yield f"{kind.title:<39}{''.join(heads)}"
        for load in loads:
            cells = [f"{_cell(results, load, server, kind):>21}" for server in servers]
            ratios = [f"{_ratio(results, load, peer, kind):>19}" for peer in peers]
            limit = f"   {OURS} at most {kind.limits[load.name]:g}" if load.name in kind.limits else ""
            yield f"{_label(load):<39}{''.join(cells)}{''.join(ratios)}{limit}".rstrip()
        yield ""


def _label(load: Load) -> str:
    mails = f"{load.mails} mail{'s' if load.mails > 1 else ''} each"
    return load.name.replace(",", f", {mails},") if load.at_once else f"{load.name}, {mails}"


def _cell(results: Results, load: Load, server: str, kind: Kind) -> str:
    found = spread(results, load, server, kind)
    if found is None:
        return "-" if (load, server) in results else "absent"
    middle, low, high = (f"{value:,.{kind.decimals}f}" for value in (found.median, found.low, found.high))
    return f"{middle} ({low}-{high})"


def _ratio(results: Results, load: Load, peer: str, kind: Kind) -> str:
    found, bar = ratio(results, load, peer, kind), kind.bars.get(load.name, {}).get(peer)
    return f"{'-' if found is None else f'{found:.1f}'}{f' (bar {bar:g})' if bar else ''}"


def as_data(results: Results, loads: Sequence[Load], servers: Sequence[str]) -> dict[str, Any]:
    """Return median, smallest and largest of everything, ratios, bars and limits, by kind, load and server."""
    return {
        kind.key: {
            load.name: {
                **{server: _triple(spread(results, load, server, kind)) for server in servers},
                **{f"ratio_to_{peer}": ratio(results, load, peer, kind) for peer in PEERS if peer in servers},
                **{f"bar_to_{peer}": bar for peer, bar in kind.bars.get(load.name, {}).items()},
                **({"limit": kind.limits[load.name]} if load.name in kind.limits else {}),
            }
            for load in loads
        }
        for kind in KINDS
    }


def _triple(found: Spread | None) -> list[float] | None:
    return [found.median, found.low, found.high] if found else None
