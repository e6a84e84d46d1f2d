"""What a client is answered when an exchange is over (RFC 4954 §4, §6)."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply

AUTHENTICATED = Reply(code=235, enhanced_status="2.7.0", lines=("Authentication succeeded",))
INVALID = Reply(code=535, enhanced_status="5.7.8", lines=("Authentication credentials invalid",))
UNAVAILABLE = Reply(code=454, enhanced_status="4.7.0", lines=("Temporary authentication failure, try again later",))
MALFORMED = Reply(code=501, enhanced_status="5.5.2", lines=("Not what the authentication mechanism expects",))
TOO_MANY_FAILURES = Reply(code=421, enhanced_status="4.7.0", lines=("Too many failed logins, try again later",))
LOGIN_UNDER_ATTACK = Reply(
    code=454, enhanced_status="4.7.0", lines=("Too many failed logins with this name, try again later",)
)
