"""The durable queue: what was accepted is here until it is delivered."""

from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.ids import envelope_hex, message_hex
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Queue, Settings
from smtpdsl.runtime.queue.store import Summary

__all__ = ["Limits", "Queue", "Settings", "SpoolError", "Summary", "envelope_hex", "message_hex"]
