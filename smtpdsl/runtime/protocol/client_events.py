"""What happens in a session that a client holds: when it may go on, and what has become of its messages.

connected ──▶ Ready ──begin──▶ ContentWanted ──the message──▶ Finished ──begin──▶ ...
    └───────▶ Failed              (maybe not)
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from smtpdsl.runtime.protocol.client_extensions import Extensions
from smtpdsl.runtime.protocol.client_verdicts import Verdict


class Ready(NamedTuple):
    """The server takes transactions now, and knows these extensions."""

    extensions: Extensions


class ContentWanted(NamedTuple):
    """The message is to be sent: `send_content`, then `end_content`."""


class Finished(NamedTuple):
    """The transaction is over; one verdict for each of its recipients, in their order."""

    verdicts: tuple[Verdict, ...]


class Failed(NamedTuple):
    """The session ended before it was ready."""

    verdict: Verdict


Event: TypeAlias = Ready | ContentWanted | Finished | Failed
