"""The server's side of an SMTP session, without I/O (RFC 5321 §4).

    octets ──receive_data──▶ ┌──────┐ ──next_event──▶ Mail, Rcpt, ContentReceived …
                             │ core │
    octets ◀──data_to_send── └──────┘ ◀─────reply──── what the policy says

    session = ServerSession(limits, default_domain="mx.example")
    session.greet(Reply(code=220, lines=("mx.example ESMTP",)))
    session.receive_data(octets)
    while (event := session.next_event()) is not None:
        ...                                     # session.reply(reply), if `session.is_waiting`
    transport.write(session.data_to_send())

How the octets were split on their way makes no difference, and none of them raises.

What the events are answered, and what a refusal means for whoever asked:

    Bdat           the transaction is over; the answer waits for the end of the chunk
    EndOfContent   the transaction is over, whatever is answered
    Auth           so is the exchange, unless the answer is 334; `Refused` ends one as well
    StartTls       220: `secured` is due, and nothing is heard before it
    XClient        220: the greeting of another client
"""

from __future__ import annotations

from smtpdsl.runtime.protocol.errors import LocalProtocolError
from smtpdsl.runtime.protocol.events import (
    Auth,
    AuthResponse,
    Bdat,
    Command,
    Connected,
    ContentReceived,
    Data,
    Ehlo,
    EndOfContent,
    Event,
    Helo,
    Help,
    Mail,
    MailParameters,
    Noop,
    Quit,
    Rcpt,
    RcptParameters,
    Refused,
    Rset,
    StartTls,
    Vrfy,
    XClient,
)
from smtpdsl.runtime.protocol.exchange import challenge
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.offer import Offer
from smtpdsl.runtime.protocol.server_session import ServerSession
from smtpdsl.runtime.protocol.states import State

__all__ = [
    "Auth",
    "AuthResponse",
    "Bdat",
    "Command",
    "Connected",
    "ContentReceived",
    "Data",
    "Ehlo",
    "EndOfContent",
    "Event",
    "Helo",
    "Help",
    "Limits",
    "LocalProtocolError",
    "Mail",
    "MailParameters",
    "Noop",
    "Offer",
    "Quit",
    "Rcpt",
    "RcptParameters",
    "Refused",
    "Rset",
    "ServerSession",
    "StartTls",
    "State",
    "Vrfy",
    "XClient",
    "challenge",
]
