"""What the server core answers by itself: only what the protocol decides, never the policy."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import Command, Data, Mail, Rcpt
from smtpdsl.runtime.protocol.states import SERVICE_NOT_AVAILABLE, State


def _refusal(code: int, status: str, text: str) -> Reply:
    return Reply(code=code, enhanced_status=status, lines=(text,))


# Lines that are no commands.
BARE_LF = _refusal(500, "5.5.2", "Lines must end in CRLF, found a bare LF: closing the connection")
STRANGE_OCTET = _refusal(500, "5.5.2", "Expected no NUL and no bare CR in a command line")
LINE_TOO_LONG = _refusal(500, "5.5.2", "Command line too long")
HTTP = _refusal(500, "5.5.2", "This is a mail server: closing the connection")
NO_COMMAND = _refusal(500, "5.5.2", "Expected a command")
UNKNOWN_COMMAND = _refusal(500, "5.5.1", "Command unknown")
NOT_OFFERED = _refusal(502, "5.5.1", "Command not implemented")

# Commands at the wrong time.
_NOT_GREETED = _refusal(503, "5.5.1", "No mail is taken in this session: send QUIT")
_NO_HELO = _refusal(503, "5.5.1", "Send EHLO or HELO first")
_NESTED_MAIL = _refusal(503, "5.5.1", "A transaction is open already: send RSET to end it")
_NO_MAIL = _refusal(503, "5.5.1", "Send MAIL FROM first")
_NO_RECIPIENT = _refusal(503, "5.5.1", "No valid recipients: send RCPT TO first")
IN_TRANSACTION = _refusal(503, "5.5.1", "Not while a transaction is open")

# Arguments.
NO_ARGUMENT = _refusal(501, "5.5.4", "Expected no argument after this command")
MISSING_ARGUMENT = _refusal(501, "5.5.4", "Expected an argument after this command")
STRANGE_ARGUMENT = _refusal(501, "5.5.4", "Expected printable ASCII characters as argument")
BAD_DOMAIN = _refusal(501, "5.5.4", "Expected a domain name or an address literal")
MAIL_SYNTAX = _refusal(501, "5.5.4", "Expected MAIL FROM:<address>")
RCPT_SYNTAX = _refusal(501, "5.5.4", "Expected RCPT TO:<address>")
# RFC 6531 §3.5
NEEDS_SMTPUTF8 = _refusal(553, "5.6.7", "Expected only ASCII characters in the address")

# Limits.
TOO_MANY_MAILS = _refusal(452, "4.5.3", "Too many messages in this session")
TOO_MANY_RECIPIENTS = _refusal(452, "4.5.3", "Too many recipients")
TOO_MANY_ERRORS = _refusal(SERVICE_NOT_AVAILABLE, "4.7.0", "Too many errors: closing the connection")

# Mail data.
CONTENT_TOO_BIG = _refusal(552, "5.3.4", "Message too big for this server")
CONTENT_HAS_NUL = _refusal(550, "5.6.0", "Message refused: it holds a NUL octet")
CONTENT_HAS_BARE_CR = _refusal(550, "5.6.0", "Message refused: it holds a CR without LF")
CONTENT_HAS_BARE_LF = _refusal(550, "5.6.0", "Message refused: it holds a LF without CR; lines must end in CRLF")


def bad_reverse_path(why: str) -> Reply:
    """Refuse the path of MAIL."""
    return _refusal(553, "5.1.7", f"Sender address syntax error: {why}")


def bad_forward_path(why: str) -> Reply:
    """Refuse the path of RCPT."""
    return _refusal(501, "5.1.3", f"Recipient address syntax error: {why}")


def bad_parameter(why: str) -> Reply:
    """Refuse a parameter that is not written as its RFC says."""
    return _refusal(501, "5.5.4", why)


def unknown_parameter(keyword: str) -> Reply:
    """Refuse a parameter that the server knows nothing of, or does not offer (RFC 5321 §4.1.1.11)."""
    return _refusal(555, "5.5.4", f"Parameter {keyword} is not supported")


def wrong_time(state: State, command: type[Command]) -> Reply:
    """Refuse *command*, for which there is no transition from *state*."""
    if state is State.CONNECTED:
        return _NOT_GREETED
    if state is State.GREETED:
        return _NO_HELO
    if command is Mail:
        return _NESTED_MAIL
    if state is State.READY and command in {Rcpt, Data}:
        return _NO_MAIL
    return _NO_RECIPIENT
