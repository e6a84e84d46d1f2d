"""What a session answers, where the policy has no words of its own (RFC 5321 §4.2, RFC 3463)."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply

OK = Reply(code=250, enhanced_status="2.0.0", lines=("Ok",))
RECIPIENT_OK = Reply(code=250, enhanced_status="2.1.5", lines=("Destination address valid: Recipient ok",))
GO_AHEAD = Reply(code=354, lines=('Enter mail, end with "." on a line by itself',))
START_TLS = Reply(code=220, enhanced_status="2.0.0", lines=("Ready to start TLS",))
BYE = Reply(code=221, enhanced_status="2.0.0", lines=("Bye",))
CANNOT_VERIFY = Reply(code=252, enhanced_status="2.0.0", lines=("Cannot verify; send mail and see",))
HELP = Reply(
    code=214,
    enhanced_status="2.0.0",
    lines=(
        "This is smtpdsl",
        "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP",
        "End of HELP info",
    ),
)
FULL = Reply(code=452, enhanced_status="4.3.1", lines=("Mail system full, try again later",))
TROUBLE = Reply(code=451, enhanced_status="4.3.0", lines=("Temporary failure: the message could not be stored",))
STOPPING = Reply(code=421, enhanced_status="4.3.2", lines=("The server is stopping, try again later",))
