"""From the settings of a configuration to the seals of its queue.

queue compression
queue encryption "…"            written with this key
queue encryption backup "…"     read with that one, too
queue encryption stdin          asked for when the server starts
"""

from __future__ import annotations

from collections.abc import Callable

from smtpdsl.ir.resolved import Globals
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.late_imports import CIPHERS, import_late
from smtpdsl.runtime.sealing.keys import KEY_OCTETS, Key, Keys
from smtpdsl.runtime.sealing.seals import Seals

# What is written instead of a key; nothing at all says the same.
_ASKED_FOR = frozenset({"", "-", "stdin"})


class QueueKeyError(Exception):
    """What was given for a key of the queue is none; the text is one sentence."""


def seals_of(settings: Globals, ask: Callable[[str], Secret]) -> Seals:
    """Return the seals that *settings* want.

    Args:
        settings: Those of the configuration.
        ask: Asks whoever starts the server for the key that it is told the name of; called for those only that are
            not in the configuration.

    Raises:
        QueueKeyError: What was answered is no key.
    """
    current = _key(settings.queue_encryption.value, "queue encryption", ask)
    backup = _key(settings.queue_encryption_backup.value, "queue encryption backup", ask)
    if current or backup:
        # Root may be given up before the first entry is opened.
        import_late(CIPHERS)
    return Seals(Keys(current, [backup] if backup else []), compresses=settings.queue_compression.value)


def _key(text: str | None, name: str, ask: Callable[[str], Secret]) -> Key | None:
    if text is None:
        return None
    is_asked_for = text.lower() in _ASKED_FOR
    secret = ask(name) if is_asked_for else Secret(text.encode("utf-8", "surrogateescape"))
    octets = len(secret.reveal())
    if octets != KEY_OCTETS:
        message = f"the key for `{name}` has {octets} octets, and must have {KEY_OCTETS}"
        raise QueueKeyError(message)
    return Key(secret)
