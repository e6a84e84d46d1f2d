"""The queue as text: for people, and with the fields of smtpctl(8) for their scripts.

5f1e02aa9c31d407  pending    in 6m13s   <joe@example.net> -> <ann@example.com>
                  action "out", 1 try in 27s, 436 octets: 451 4.2.0 try later

5f1e02aa9c31d407|inet4|mta||joe@example.net|ann@example.com|ann@example.com|1795335483|1795681083|0|1|pending|373|…
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from smtpdsl.cli.control_text import Fields, shown
from smtpdsl.mail.envelope import LOCAL
from smtpdsl.runtime.control.commands import Item
from smtpdsl.runtime.control.envelopes import IN_FLIGHT
from smtpdsl.runtime.queue.report import duration

# Marks an envelope of a spool that no server has.
OFFLINE = "is_offline"

_INDENT = " " * 18
_TIMES = frozenset({"created", "expires", "due", "last_try", "started"})


def listing(items: Iterable[Item]) -> Iterator[str]:
    """Print two lines for each envelope, as they come, and count them."""
    count = 0
    messages: set[str] = set()
    for item in items:
        envelope = Fields(item)
        now = time.time()
        count += 1
        messages.add(envelope.raw("message"))
        # Until there is that key nobody can try it, whatever it waits for then.
        state = "needs key" if envelope.is_known("missing_key") else envelope.text("state")
        yield f"{envelope.text('id')}  {state:<9}  {_when(envelope, now):<9}  {_way(envelope)}"
        yield _INDENT + _story(envelope, now)
    yield f"{_plural(count, 'envelope')} of {_plural(len(messages), 'message')}" if count else "no envelopes"


def _when(envelope: Fields, now: float) -> str:
    """Say when it is tried next, or since when it is being tried."""
    match envelope.text("state"):
        case "pending" if not envelope.is_known("missing_key"):
            seconds = envelope.number("due") - now
            return f"in {duration(seconds)}" if seconds >= 1 else "now"
        case "inflight":
            return f"for {duration(now - envelope.number('started'))}"
    return "-"


def _way(envelope: Fields) -> str:
    sender = f"<{envelope.text('sender')}>" if envelope.is_known("sender") else "<?>"
    if not envelope.is_known("recipient"):
        return f"{sender} -> <?>"
    recipient, dest = envelope.text("recipient"), envelope.text("dest")
    return f"{sender} -> <{recipient}>" + (f" as <{dest}>" if dest != recipient else "")


def _story(envelope: Fields, now: float) -> str:
    """Say how it got there: the action, the tries, and what went wrong."""
    problem = envelope.text("problem")
    if problem and not (envelope.is_known("recipient") and envelope.is_known("sender")):
        return problem
    tries = int(envelope.number("tries"))
    tried = "1 try" if tries == 1 else f"{tries} tries" if tries else "not tried"
    age = duration(now - envelope.number("created"))
    size = _plural(int(envelope.number("size")), "octet")
    error = problem or envelope.text("error")
    return f'action "{envelope.text("action")}", {tried} in {age}, {size}' + (f": {error}" if error else "")


def details(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each thing that is known."""
    for number, item in enumerate(items):
        if number:
            yield ""
        yield from _pairs(item, "")


def _pairs(item: Item, before: str) -> Iterator[str]:
    for name, value in item.items():
        if isinstance(value, dict):
            yield from _pairs(value, f"{before}{name}.")
        elif name in _TIMES and value:
            moment = time.localtime(Fields(item).number(name))
            yield f"{before}{name}: {time.strftime('%Y-%m-%d %H:%M:%S %z', moment)}"
        else:
            yield f"{before}{name}: {shown(value)}"


def keys(items: Iterable[Item]) -> Iterator[str]:
    """Print a line for each key, and for what has none."""
    for item in items:
        found = Fields(item)
        name = found.text("key") if found.is_known("key") else "-"
        use = _USES.get(found.text("use"), found.text("use"))
        yield f"{name:<8}  {use:<13}  {_plural(int(found.number('messages')), 'message')}"


_USES = {"none": "not encrypted"}


# ---------------------------------------------------------------- what was done


def effect(done: str, items: Iterable[Item]) -> Iterator[str]:
    """Say how many envelopes have changed, and how many will."""
    for item in items:
        count, later = int(Fields(item).number("done")), int(Fields(item).number("later"))
        line = f"{_plural(count, 'envelope')} {done}"
        if later:
            line += f"; {later} more will be when the attempt ends that they are in"
        if unfit := int(Fields(item).number("unfit")):
            line += f"; {unfit} more cannot be: they leave the queue in another way than this action has"
        yield line


def old_effect(done: str, items: Iterable[Item]) -> Iterator[str]:
    """Say what smtpctl says."""
    for item in items:
        yield f"{int(Fields(item).number('done') + Fields(item).number('later'))} envelope(s) {done}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# ---------------------------------------------------------------- as smtpctl has it


def old_listing(items: Iterable[Item]) -> Iterator[str]:
    """Print fourteen fields for each envelope, in the order of smtpctl."""
    for item in items:
        envelope = Fields(item)
        yield "|".join(
            (
                envelope.text("id"),
                _family(envelope.raw("source")),
                envelope.text("route"),
                ",".join(_flags(envelope)),
                envelope.text("sender") or "@",
                envelope.text("recipient"),
                envelope.text("dest"),
                *(str(int(envelope.number(name))) for name in ("created", "expires", "last_try", "tries")),
                *_state(envelope, time.time()),
                envelope.text("error"),
            )
        )


def _family(source: str) -> str:
    if source == LOCAL:
        return "local"
    return "inet6" if source.startswith("[") else "inet4"


def _flags(envelope: Fields) -> Iterator[str]:
    if envelope.is_known("sender") and not envelope.text("sender"):
        yield "bounce"
    if envelope.is_known("login"):
        yield "auth"
    state = envelope.text("state")
    if state == "suspended":
        yield "suspend"
    if state in {"held", "damaged"}:
        yield "hold"


def _state(envelope: Fields, now: float) -> tuple[str, str]:
    """Return the state, and the seconds until the next try or since this one began."""
    if envelope.is_known(OFFLINE):
        return "offline", ""
    if envelope.text("state") == IN_FLIGHT:
        return IN_FLIGHT, str(int(now - envelope.number("started")))
    return "pending", str(int(envelope.number("due") - now))
