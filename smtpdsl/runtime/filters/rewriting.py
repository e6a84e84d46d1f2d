"""What `rewrite` makes of a command.

    RCPT TO:<ann@old.example> NOTIFY=NEVER      rewrite "<ann@new.example>"
    RCPT TO:<ann@new.example> NOTIFY=NEVER

The text takes the place of the argument and is read as one, by what reads the commands of
clients.  A path alone leaves the parameters as the client gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar, cast

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.filters.rulings import Refuse, Rewrite
from smtpdsl.runtime.protocol.commands import COMMANDS, Dialect
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Auth, Command, Ehlo, Helo, Mail, Rcpt

Rewritable: TypeAlias = Helo | Ehlo | Auth | Mail | Rcpt
_C = TypeVar("_C", bound=Rewritable)

# The verb, and what stands between it and the text.
_FORMS: Mapping[type, tuple[bytes, str]] = {
    Helo: (b"HELO", ""),
    Ehlo: (b"EHLO", ""),
    Auth: (b"AUTH", ""),
    Mail: (b"MAIL", "FROM:"),
    Rcpt: (b"RCPT", "TO:"),
}
# The client did nothing wrong, and may try again when the configuration has been mended.
_UNUSABLE = Reply(code=451, enhanced_status="4.3.5", lines=("Temporary failure: this server is not configured right",))


def rewritten(command: _C, rewrite: Rewrite, dialect: Dialect) -> _C | Refuse:
    """Return *command* as *rewrite* has it, or what to answer if that is no such command.

    Args:
        command: What the client has said.
        rewrite: What a filter said of it.
        dialect: By what the commands of this session are read.
    """
    verb, keyword = _FORMS[type(command)]
    # The reader of commands gets octets, each of them as a character.
    text = rewrite.text.strip().encode("utf-8", "surrogateescape").decode("latin-1")
    try:
        found = COMMANDS[verb].read(keyword + text + _kept(command, text), dialect)
    except RemoteProtocolError as error:
        # The argument of AUTH is a password.
        shown = "" if isinstance(command, Auth) else f' to "{rewrite.text}"'
        why = f"the command cannot be rewritten{shown}: {' '.join(error.reply.lines)}"
        return Refuse(reply=_UNUSABLE, closes=False, filter=rewrite.filter, place=rewrite.place, why=why)
    # A verb is read as its own command.
    return cast("_C", _with_parameters(found, command) if _is_path(text) else found)


def _is_path(text: str) -> bool:
    return text.endswith(">")


def _kept(command: Rewritable, text: str) -> str:
    """Return the parameter that says how a path is to be read."""
    return " SMTPUTF8" if isinstance(command, Mail) and command.parameters.smtputf8 and _is_path(text) else ""


def _with_parameters(found: Command, command: Rewritable) -> Command:
    if isinstance(found, Mail) and isinstance(command, Mail):
        return found._replace(parameters=command.parameters)
    if isinstance(found, Rcpt) and isinstance(command, Rcpt):
        return found._replace(parameters=command.parameters)
    return found
