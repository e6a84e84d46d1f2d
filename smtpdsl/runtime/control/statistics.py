"""Counts what the log tells of: sessions, messages, and what became of envelopes.

    log.event("smtp message", …) ──▶ CountingLog ──▶ the log itself
                                          └──▶ smtp.message + 1

Whatever has a line of the log is counted at the one place that all lines pass, so numbers and log agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from smtpdsl.mail.envelope import LOCAL
from smtpdsl.runtime.log import Log

# Events that are counted as they are, and what OpenSMTPD calls them.
_COUNTED = {
    "smtp tls": "smtp.tls",
    "smtp message": "smtp.message",
    "smtp envelope": "smtp.envelope",
    "smtp failed-command": "smtp.failed-command",
    "smtp bad-input": "smtp.bad-input",
    "mta connecting": "mta.connecting",
}
_RESULTS = {"Ok": "ok", "TempFail": "tempfail", "PermFail": "permfail"}
_DELIVERIES = {"mda delivery": "mda", "mta delivery": "mta"}
# The lines that end an envelope's life begin with one of the first words, and go on with one of the second.
_KINDS = frozenset({"delivery:", "relay:"})
_ENDS = {"Expire": "expired", "Remove": "removed", "Hold": "held"}


class CountingLog:
    """A `Log` that passes everything on to another one."""

    def __init__(self, log: Log) -> None:
        """Pass everything on to *log*."""
        self._log = log
        self.counts: Counter[str] = Counter()

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Count an event."""
        if (counted := _COUNTED.get(name)) is not None:
            self.counts[counted] += 1
        elif (kind := _DELIVERIES.get(name)) is not None:
            result = _RESULTS.get(str(values.get("result")), "other")
            self.counts[f"{kind}.delivery.{result}"] += 1
            self.counts[f"scheduler.delivery.{result}"] += 1
        elif name == "smtp connected":
            self.counts[f"smtp.session.{_family(str(values.get('address')))}"] += 1
        elif name == "smtp authentication":
            self.counts[f"smtp.authentication.{values.get('result')}"] += 1
        self._log.event(subject, name, values)

    def info(self, text: str) -> None:
        """Count the end of an envelope's life."""
        kind, _, rest = text.partition(" ")
        if kind in _KINDS and (end := _ENDS.get(rest.partition(" ")[0])) is not None:
            self.counts[f"scheduler.envelope.{end}"] += 1
        self._log.info(text)

    def warn(self, text: str) -> None:
        """Count a warning."""
        self.counts["log.warning"] += 1
        self._log.warn(text)


def _family(address: str) -> str:
    if address == LOCAL:
        return "local"
    return "inet6" if address.startswith("[") else "inet4"
