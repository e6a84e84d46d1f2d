"""What the log says of envelopes, as log tools of OpenSMTPD know it.

    5f1e02aa9c31d407 mda delivery evpid=5f1e02aa9c31d407 from=<a@b> to=<joe@c> rcpt=<joe@c> user=joe delay=0s …
    info: relay: Expire for 5f1e02aa9c31d407: from=<a@b>, to=<ann@d>, rcpt=<->, delay=4d, stat=Envelope expired …

An envelope that is kept although it failed for good has a line ``Hold`` like that of ``Expire``.
"""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.mail.address import Mailbox
from smtpdsl.runtime.interfaces import Outcome, QueuedMessage, Route
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.queue.ids import envelope_hex
from smtpdsl.runtime.queue.listing import Listed
from smtpdsl.runtime.queue.store import StoredEnvelope

# What OpenSMTPD calls the routes in lines that end an envelope's life.
_KINDS = {Route.LOCAL: "delivery", Route.RELAY: "relay"}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Write a time as ``1d2h3m4s``, without the units that are zero; nothing is ``0s``."""
    rest = max(0, int(seconds))
    words = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        words += [f"{count}{unit}"] if count else []
    return "".join(words) or "0s"


def report_attempt(log: Log, message: QueuedMessage, stored: StoredEnvelope, outcome: Outcome, now: float) -> None:
    """Write what became of an attempt."""
    shown, envelope = envelope_hex(stored.number), stored.envelope
    delay = duration(now - message.created)
    result = outcome.result.value
    values: Mapping[str, object]
    if envelope.route is Route.LOCAL:
        values = {
            "evpid": shown,
            "from": message.reverse_path,
            "to": f"<{envelope.dest}>",
            "rcpt": f"<{envelope.recipient}>",
            # What an alias names is nobody's.
            "user": envelope.user or "-",
            "delay": delay,
            "result": result,
            "stat": outcome.text,
        }
    else:
        values = {
            "evpid": shown,
            "from": message.reverse_path,
            "to": f"<{envelope.dest}>",
            "rcpt": _unless_same(envelope.recipient, envelope.dest),
            "source": outcome.source or "-",
            "relay": outcome.relay or "-",
            "delay": delay,
            "result": result,
            "stat": outcome.text,
        }
    log.event(shown, f"{envelope.route.value} delivery", values)


def report_expired(log: Log, message: QueuedMessage, stored: StoredEnvelope, text: str, now: float) -> None:
    """Write that an envelope has waited too long."""
    log.info(_last_line("Expire", message, stored, text, now))


def report_damaged(log: Log, number: int, problem: str) -> None:
    """Write that an envelope is not what was written, and is kept as it is."""
    log.warn(f"envelope {envelope_hex(number)} is damaged, and is kept without being tried: {problem}")


def report_held(log: Log, message: QueuedMessage, stored: StoredEnvelope, text: str, now: float) -> None:
    """Write that an envelope has failed for good, and is kept."""
    log.info(_last_line("Hold", message, stored, text, now))


def report_removed(log: Log, listed: Listed, now: float) -> None:
    """Write that an administrator has removed an envelope, of which perhaps nothing could be read."""
    sender = listed.facts.reverse_path if listed.facts is not None else "<?>"
    envelope = listed.envelope
    to = f"<{envelope.dest}>" if envelope is not None else "<?>"
    rcpt = _unless_same(envelope.recipient, envelope.dest) if envelope is not None else "<?>"
    log.info(
        f"{_KINDS[listed.route]}: Remove for {envelope_hex(listed.number)}: from={sender}, to={to}, rcpt={rcpt}, "
        f"delay={duration(now - listed.created)}, stat=Removed by administrator"
    )


def _last_line(what: str, message: QueuedMessage, stored: StoredEnvelope, text: str, now: float) -> str:
    envelope = stored.envelope
    return (
        f"{_KINDS[envelope.route]}: {what} for {envelope_hex(stored.number)}: from={message.reverse_path}, "
        f"to=<{envelope.dest}>, rcpt={_unless_same(envelope.recipient, envelope.dest)}, "
        f"delay={duration(now - message.created)}, stat={text}"
    )


def _unless_same(recipient: Mailbox, dest: Mailbox) -> str:
    return "<->" if recipient == dest else f"<{recipient}>"
