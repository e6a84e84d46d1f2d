"""The log of sessions, of which those that leave without a word are told together.

    7e8ec0d38ef20280 smtp connected address=192.0.2.1 host=<unknown>     held back until there is more to tell,
    7e8ec0d38ef20280 smtp disconnected reason=disconnect                 for a second at most

    info: 1999 clients left without a word, the last from 192.0.2.1      if there is not

Who connects and resets two thousand times a second would else write the disk full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.seldom import Seldom, Timer

_CONNECTED = "smtp connected"
_DISCONNECTED = "smtp disconnected"
_HELD_SECONDS = 1.0


class QuietLog:
    """A log whose sessions are told when they have something to say."""

    def __init__(self, log: Log, call_later: Callable[[float, Callable[[], None]], Timer]) -> None:
        """Report to *log*; *call_later* is that of the event loop."""
        self._log = log
        self._call_later = call_later
        self._left = Seldom(self._tell_left, call_later)
        self._held: dict[str, Mapping[str, object]] = {}
        self._timer: Timer | None = None

    def event(self, subject: str, name: str, values: Mapping[str, object]) -> None:
        """Report an event, behind the beginning of its session."""
        if name == _CONNECTED:
            self._held[subject] = values
            if self._timer is None:
                self._timer = self._call_later(_HELD_SECONDS, self._tell_held)
            return
        connected = self._held.pop(subject, None)
        if connected is not None:
            if name == _DISCONNECTED and _is_without_reason(values):
                self._left.note(f"from {connected.get('address')}")
                return
            self._log.event(subject, _CONNECTED, connected)
        self._log.event(subject, name, values)

    def info(self, text: str) -> None:
        """Report at once."""
        self._log.info(text)

    def warn(self, text: str) -> None:
        """Report at once."""
        self._log.warn(text)

    def close(self) -> None:
        """Tell what is not told yet."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell_held()
        self._left.close()

    def _tell_held(self) -> None:
        self._timer = None
        for subject, values in self._held.items():
            self._log.event(subject, _CONNECTED, values)
        self._held.clear()

    def _tell_left(self, count: int, last: str) -> None:
        who = "a client" if count == 1 else f"{count} clients"
        self._log.info(f"{who} left without a word, {'' if count == 1 else 'the last '}{last}")


def _is_without_reason(values: Mapping[str, object]) -> bool:
    """Whether a session ended because its client went away."""
    reason = str(values.get("reason"))
    return reason == "disconnect" or reason.startswith("io-error")
