"""How urgent a client may call its mail (RFC 6710): who has logged in chooses, others may only step back.

MAIL FROM:<ann@a.example> MT-PRIORITY=5     after a login     250 2.0.0 Ok
MAIL FROM:<eve@b.example> MT-PRIORITY=5     a stranger        250 2.3.6 0 is the new priority
MAIL FROM:<eve@b.example> MT-PRIORITY=-3    a stranger        250 2.0.0 Ok
"""

from __future__ import annotations

from smtpdsl.mail.envelope import Client
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.server import MailParameters

_ORDINARY = 0


def granted(parameters: MailParameters, client: Client) -> MailParameters:
    """Return *parameters* with the priority that *client* gets.

    RFC 6710 §5 leaves it to the server whom it trusts.  Strangers would all be urgent, and then nobody is.
    """
    wished = parameters.mt_priority
    if wished is None or wished <= _ORDINARY or client.is_authenticated:
        return parameters
    return parameters._replace(mt_priority=_ORDINARY)


def accepted(wished: MailParameters, got: MailParameters) -> Reply | None:
    """Return the answer to MAIL that tells of another priority than the client *wished* for; None if it *got* it."""
    if got.mt_priority == wished.mt_priority:
        return None
    # RFC 6710 §9: the text begins with the new priority.
    return Reply(code=250, enhanced_status="2.3.6", lines=(f"{got.mt_priority} is the new priority",))
