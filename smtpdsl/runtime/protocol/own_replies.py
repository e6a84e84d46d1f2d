"""What the server core answers by itself: only what the protocol decides, never the policy."""

from __future__ import annotations

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.events import Auth, Bdat, Command, Data, Mail, Rcpt, StartTls, XClient
from smtpdsl.runtime.protocol.states import SERVICE_NOT_AVAILABLE, State


def _reply(code: int, status: str, text: str) -> Reply:
    return Reply(code=code, enhanced_status=status, lines=(text,))


# Lines that are no commands.
BARE_LF = _reply(500, "5.5.2", "Lines must end in CRLF, found a bare LF: closing the connection")
STRANGE_OCTET = _reply(500, "5.5.2", "Expected no NUL and no bare CR in a command line")
LINE_TOO_LONG = _reply(500, "5.5.2", "Command line too long")
HTTP = _reply(500, "5.5.2", "This is a mail server: closing the connection")
NO_COMMAND = _reply(500, "5.5.2", "Expected a command")
UNKNOWN_COMMAND = _reply(500, "5.5.1", "Command unknown")
NOT_OFFERED = _reply(502, "5.5.1", "Command not implemented")

# Commands at the wrong time.
_NOT_GREETED = _reply(503, "5.5.1", "No mail is taken in this session: send QUIT")
_NO_HELO = _reply(503, "5.5.1", "Send EHLO or HELO first")
_NO_LHLO = _reply(503, "5.5.1", "Send LHLO first")
_NESTED_MAIL = _reply(503, "5.5.1", "A transaction is open already: send RSET to end it")
_NO_MAIL = _reply(503, "5.5.1", "Send MAIL FROM first")
_NO_RECIPIENT = _reply(503, "5.5.1", "No valid recipients: send RCPT TO first")
IN_TRANSACTION = _reply(503, "5.5.1", "Not while a transaction is open")
_BETWEEN_CHUNKS = _reply(503, "5.5.1", "The message comes in chunks: send BDAT, or RSET to forget it")
_AFTER_BROKEN_CHUNK = _reply(503, "5.5.1", "Nothing more is taken after a broken BDAT: send RSET")
ALREADY_SECURE = _reply(503, "5.5.1", "TLS is up already")
ALREADY_AUTHENTICATED = _reply(503, "5.5.1", "You have authenticated already")
# RFC 3207 §4, RFC 4954 §6
NEEDS_TLS = _reply(530, "5.7.0", "Send STARTTLS first")
NEEDS_AUTH = _reply(530, "5.7.0", "Authentication required")
NEEDS_TLS_FOR_AUTH = _reply(538, "5.7.11", "Encryption required for authentication: send STARTTLS first")

# Arguments.
NO_ARGUMENT = _reply(501, "5.5.4", "Expected no argument after this command")
MISSING_ARGUMENT = _reply(501, "5.5.4", "Expected an argument after this command")
STRANGE_ARGUMENT = _reply(501, "5.5.4", "Expected printable ASCII characters as argument")
BAD_DOMAIN = _reply(501, "5.5.4", "Expected a domain name or an address literal")
MAIL_SYNTAX = _reply(501, "5.5.4", "Expected MAIL FROM:<address>")
RCPT_SYNTAX = _reply(501, "5.5.4", "Expected RCPT TO:<address>")
# RFC 6531 §3.5
NEEDS_SMTPUTF8 = _reply(553, "5.6.7", "Expected only ASCII characters in the address")
# RFC 3030 §3
NEEDS_CHUNKS = _reply(503, "5.5.1", "A message with BODY=BINARYMIME comes in chunks: send BDAT")
# RFC 3030 §2
BAD_CHUNK = _reply(501, "5.5.4", "Expected BDAT OCTETS or BDAT OCTETS LAST: nothing more is taken, send RSET")
CHUNK_TOO_BIG = _reply(552, "5.3.4", "Chunk too big for this server: closing the connection")

# Exchanges of AUTH (RFC 4954 §4 and §6).
AUTH_SYNTAX = _reply(501, "5.5.4", "Expected the name of a mechanism after AUTH")
UNKNOWN_MECHANISM = _reply(504, "5.5.4", "Mechanism not supported")
BAD_BASE64 = _reply(501, "5.5.2", "Expected base64")
CANCELLED = _reply(501, "5.7.0", "Authentication cancelled")
RESPONSE_TOO_LONG = _reply(500, "5.5.6", "Authentication exchange line is too long")

# Limits.
TOO_MANY_MAILS = _reply(452, "4.5.3", "Too many messages in this session")
TOO_MANY_RECIPIENTS = _reply(452, "4.5.3", "Too many recipients")
TOO_MANY_ERRORS = _reply(SERVICE_NOT_AVAILABLE, "4.7.0", "Too many errors: closing the connection")
TOO_MANY_COMMANDS = _reply(
    SERVICE_NOT_AVAILABLE, "4.7.0", "Too many commands without a message: closing the connection"
)

# Mail data.
CONTENT_TOO_BIG = _reply(552, "5.3.4", "Message too big for this server")
CONTENT_HAS_NUL = _reply(550, "5.6.0", "Message refused: it holds a NUL octet")
CONTENT_HAS_BARE_CR = _reply(550, "5.6.0", "Message refused: it holds a CR without LF")
CONTENT_HAS_BARE_LF = _reply(550, "5.6.0", "Message refused: it holds a LF without CR; lines must end in CRLF")
CONTENT_MIXES_LINE_ENDS = _reply(550, "5.6.0", "Message refused: it began with lines that end in LF, and holds a CR")
# RFC 3030 §3; what may stand in a part whose encoding is binary, and nowhere else.
BINARY_HAS_NUL = _reply(550, "5.6.0", "Message refused: a NUL octet stands outside of binary parts")
BINARY_HAS_BARE_CR = _reply(550, "5.6.0", "Message refused: a CR without LF stands outside of binary parts")
BINARY_HAS_BARE_LF = _reply(550, "5.6.0", "Message refused: a LF without CR stands outside of binary parts")
BINARY_HAS_ENDLESS_HEADER = _reply(552, "5.3.4", "Message too big for system: endless header")
BINARY_HAS_MANY_PARTS = _reply(552, "5.3.4", "Message too big for system: too many parts")
BINARY_IS_SIGNED = _reply(554, "5.6.2", "Message refused: to store it, a binary part would change that is signed")


def chunk_received(octets: int) -> Reply:
    """Acknowledge a chunk that is not the last one."""
    return _reply(250, "2.0.0", f"{octets} octets received")


def bad_reverse_path(why: str) -> Reply:
    """Refuse the path of MAIL."""
    return _reply(553, "5.1.7", f"Sender address syntax error: {why}")


def bad_forward_path(why: str) -> Reply:
    """Refuse the path of RCPT."""
    return _reply(501, "5.1.3", f"Recipient address syntax error: {why}")


def bad_parameter(why: str) -> Reply:
    """Refuse a parameter that is not written as its RFC says."""
    return _reply(501, "5.5.4", why)


def unknown_parameter(keyword: str) -> Reply:
    """Refuse a parameter that the server knows nothing of, or does not offer (RFC 5321 §4.1.1.11)."""
    return _reply(555, "5.5.4", f"Parameter {keyword} is not supported")


_AT_NO_TIME_IN = {
    State.CONNECTED: _NOT_GREETED,
    State.GREETED: _NO_HELO,
    State.CHUNKS: _BETWEEN_CHUNKS,
    State.BROKEN: _AFTER_BROKEN_CHUNK,
}


def wrong_time(state: State, command: type[Command], *, is_lmtp: bool = False) -> Reply:
    """Refuse *command*, for which there is no transition from *state*."""
    if is_lmtp and state is State.GREETED:
        return _NO_LHLO
    if state in _AT_NO_TIME_IN:
        return _AT_NO_TIME_IN[state]
    if command is Mail:
        return _NESTED_MAIL
    # RFC 3207 §4, RFC 4954 §4
    if command in {StartTls, Auth, XClient}:
        return IN_TRANSACTION
    if state is State.READY and command in {Rcpt, Data, Bdat}:
        return _NO_MAIL
    return _NO_RECIPIENT
