"""How a filter program and the server begin: who it is that asks, and what the program wants to hear.

config|smtpd-version|7.8.0-smtpdsl       register|report|smtp-in|link-connect
config|protocol|0.7                      register|filter|smtp-in|mail-from
config|subsystem|smtp-in                 register|ready
config|ready
"""

from __future__ import annotations

from smtpdsl.runtime.filters.hooks import Hook
from smtpdsl.runtime.filters.protocol.versions import Version
from smtpdsl.runtime.programs.command import ProgramError

# Programs look which server it is whose protocol they speak.
_SMTPD_VERSION = "7.8.0-smtpdsl"
EVENTS = frozenset(
    {
        "link-connect",
        "link-greeting",
        "link-identify",
        "link-tls",
        "link-auth",
        "link-disconnect",
        "tx-reset",
        "tx-begin",
        "tx-mail",
        "tx-rcpt",
        "tx-envelope",
        "tx-data",
        "tx-commit",
        "tx-rollback",
        "protocol-client",
        "protocol-server",
        "filter-report",
        "filter-response",
        "timeout",
    }
)
# They can be registered, and nobody is ever asked there.
_NEVER_ASKED = frozenset({"help", "wiz"})
_INCOMING, _OUTGOING = "smtp-in", "smtp-out"


class ProtocolError(ProgramError):
    """A program has said something that the protocol does not know; the text is a clause for the log."""


def configuration(version: Version, admd: str, timeout: int) -> bytes:
    """Return what a program is told first.

    Args:
        version: What is spoken.
        admd: The name of the domain that we are responsible for.
        timeout: After so many seconds of silence a session ends.
    """
    settings = (
        ("smtpd-version", _SMTPD_VERSION),
        ("protocol", str(version)),
        ("smtp-session-timeout", str(timeout)),
        ("subsystem", _INCOMING),
        ("admd", admd),
    )
    lines = [f"config|{name}|{value}\n" for name, value in settings]
    return "".join([*lines, "config|ready\n"]).encode()


class Registration:
    """What a program wants to hear of incoming mail.

    Attributes:
        events: What is reported to it.
        hooks: When it is asked.
        is_complete: Whether it has said so.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.events: frozenset[str] = frozenset()
        self.hooks: frozenset[Hook] = frozenset()
        self.is_complete = False

    def read(self, line: bytes) -> None:
        """Take the next *line* of the program.

        Raises:
            ProtocolError: It registers nothing that there is.
        """
        match line.decode("utf-8", "backslashreplace").split("|"):
            case ["register", "ready"]:
                self.is_complete = True
            case ["register", "report", "smtp-in" | "smtp-out" as direction, event] if event == "*" or event in EVENTS:
                # Nobody tells of mail that is sent: what asks for that is not served.
                if direction == _INCOMING:
                    self.events |= EVENTS if event == "*" else {event}
            case ["register", "filter", "smtp-in", phase] if phase in _NEVER_ASKED:
                pass
            case ["register", "filter", "smtp-in", phase] if phase in _PHASES:
                self.hooks |= {_PHASES[phase]}
            case _:
                message = f"it cannot register with the line {shown(line)}"
                raise ProtocolError(message)


_PHASES = {hook.value: hook for hook in Hook}
# More of a line than this tells nobody anything.
_SHOWN_OCTETS = 80


def shown(line: bytes) -> str:
    """Return *line* as a log can have it."""
    text = line[:_SHOWN_OCTETS].decode("utf-8", "backslashreplace")
    return f'"{text}"' if len(line) <= _SHOWN_OCTETS else f'"{text}…"'
