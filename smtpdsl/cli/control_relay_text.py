"""What a server answers about relaying as text, and as smtpctl prints it.

3. 192.0.2.1 <-> 192.0.2.25 -D-- nconn=0 nerror=2 penalty=2 timeout=1m
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.cli.control_text import Fields
from smtpdsl.runtime.control.commands import Item
from smtpdsl.runtime.queue.report import duration

_ANY = "[local]"
_SMTP = 25


def routes(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each route, as smtpctl does; `N` is new, `D` left alone, `Q` for a time, `K` kept for mail."""
    for each in map(Fields, items):
        is_alone = each.number("seconds") > 0
        states = (("N", each.flag("is_new")), ("D", is_alone), ("Q", is_alone), ("K", each.number("idle") > 0))
        flags = "".join(letter if holds else "-" for letter, holds in states)
        timeout = duration(each.number("seconds")) if is_alone else "-"
        yield (
            f"{each.number('number'):.0f}. {each.text('source') or _ANY} <-> {_place(each)} {flags} "
            f"nconn={each.number('connections'):.0f} nerror={each.number('failures'):.0f} "
            f"penalty={each.number('failures'):.0f} timeout={timeout}"
        )


def hosts(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each address."""
    for each in map(Fields, items):
        count = f"{each.number('connections'):.0f}"
        name = each.text("name") or "-"
        yield f"{_place(each)} {name} refcount={count} nconn={count} lastconn={_ago(each)}"


def relays(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each next hop, and below it one for each of our addresses."""
    for each in map(Fields, items):
        messages = f"{each.number('messages'):.0f}"
        yield (
            f"[relay:{each.text('name')}] refcount={messages} ntask={each.number('waiting'):.0f} "
            f"nconn={each.number('connections'):.0f} lastconn={_ago(each)} window={each.number('window'):.0f}"
        )
        for source, connections in each.pairs("sources"):
            yield f"  {source or _ANY} nconn={connections}"


def statistics(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each domain."""
    for each in map(Fields, items):
        yield f"{each.text('domain')}|{each.number('moment'):.0f}|{each.text('text')}"


def blocks(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each pair of an address and a domain."""
    for each in map(Fields, items):
        yield f"{each.text('source') or 'any'} -> {each.text('domain') or 'any'}"


def resumed(items: Iterable[Item]) -> Iterator[str]:
    """Say how many routes are tried again."""
    for each in map(Fields, items):
        count = int(each.number("routes"))
        yield f"{count} route{'' if count == 1 else 's'} resumed"


def _place(fields: Fields) -> str:
    """Return the address, and the port if it is not that of SMTP: two servers may have one address."""
    address, port = fields.text("address"), int(fields.number("port"))
    if port == _SMTP:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _ago(fields: Fields) -> str:
    seconds = fields.number("seconds")
    return duration(seconds) if seconds >= 0 else "-"
