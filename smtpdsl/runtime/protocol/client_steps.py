"""What follows an answer of the server: a command, the end of the session, or a moment without words.

220 mx.example        ──▶ Command(EHLO ...)
554 no mail here      ──▶ Verdict(...)
354 go on             ──▶ Moment.CONTENT
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from smtpdsl.runtime.protocol.client_commands import Command
from smtpdsl.runtime.protocol.client_verdicts import Verdict


class Moment(Enum):
    """What is not said in words."""

    READY = "the server takes messages"
    SECURING = "TLS begins"
    CONTENT = "the message is sent"


Step: TypeAlias = Command | Verdict | Moment
