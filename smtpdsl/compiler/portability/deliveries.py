"""What a release does otherwise with a message that it has taken: commands, paths, relays."""

from __future__ import annotations

import string
from collections.abc import Iterator

from smtpdsl.compiler.portability.finding import Candidate, differs
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.compiler.resolve.values import inside
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir.format_string import Specifier, parse_format
from smtpdsl.ir.relay_url import RelayScheme
from smtpdsl.ir.resolved import Lmtp, LocalAction, Maildir, Mbox, Mda, RelayAction, RelayTls
from smtpdsl.ir.syntax import Word

_MAX_ACTION_OCTETS = 64
# What a shell leaves as it is, and what the brackets of an IPv6 address are.
_SHELL_SAFE = frozenset(string.ascii_letters + string.digits + "@%+=:,./_-[]")
_SECURED = {RelayScheme.SMTP_TLS, RelayScheme.SMTPS}


def _local(candidate: Candidate) -> Iterator[LocalAction]:
    return (action for action in candidate.ruleset.actions.values() if isinstance(action, LocalAction))


def _commands(candidate: Candidate) -> Iterator[Word]:
    """Yield the commands of methods and of wrappers."""
    for action in _local(candidate):
        if isinstance(action.method, Mda):
            yield action.method.command
    yield from (wrapper.command for wrapper in candidate.ruleset.wrappers.values())


def long_action_names(candidate: Candidate) -> Iterator[Diagnostic]:
    """The field of an envelope for the action's name has an end."""
    for action in candidate.ruleset.actions.values():
        if len(action.name.encode("utf-8", "surrogateescape")) > _MAX_ACTION_OCTETS:
            message = f"{candidate.release} ends on Linux when it uses an action with a name of over 64 octets"
            yield differs(name_span(action.span, action.name), message, "give it a shorter one")


def quotes_in_commands(candidate: Candidate) -> Iterator[Diagnostic]:
    """The command is put between double quotes of a shell command."""
    for action in _local(candidate):
        command = action.method.command if isinstance(action.method, Mda) else None
        at = command.text.find('"') if command else -1
        if command and at >= 0:
            message = f"{candidate.release} ends the command at this quote, and every delivery fails"
            yield differs(inside(command, at, at + 1), message, "use single quotes inside of the command")


def slashes_in_paths(candidate: Candidate) -> Iterator[Diagnostic]:
    """A slash in an address is one in the path; here it becomes a colon."""
    for action in _local(candidate):
        if not isinstance(action.method, Maildir) or action.method.path is None:
            continue
        path = action.method.path
        strange = (each for each in parse_format(path.text).specifiers if not each.token.startswith(("user.", "mbox.")))
        found = next((each for each in strange if not each.token.endswith(".domain")), None)
        if found is not None:
            message = f'{candidate.release} leaves a "/" of an address in this path; here it becomes ":"'
            help_text = "where a table takes any address, a sender chooses the folder: use `%{user.username}`"
            yield differs(inside(path, found.start, found.end), message, help_text)


def mixed_smarthosts(candidate: Candidate) -> Iterator[Diagnostic]:
    """After the first secured session of an action all its hosts have to be secured."""
    for action in candidate.ruleset.actions.values():
        if not isinstance(action, RelayAction) or action.tls is not RelayTls.OPPORTUNISTIC:
            continue
        secured = [each for each in action.smarthosts if each.url.scheme in _SECURED]
        plain = [each for each in action.smarthosts if each.url.scheme in {RelayScheme.SMTP, RelayScheme.SMTP_NOTLS}]
        if secured and plain:
            message = f"{candidate.release} demands TLS of this host too, once it has sent to one that has it"
            yield differs(plain[0].span, message, "give hosts with other schemes an action of their own")


def wrapped_mailboxes(candidate: Candidate) -> Iterator[Diagnostic]:
    """`mbox` and `wrapper` together."""
    for action in _local(candidate):
        if isinstance(action.method, Mbox) and action.wrapper is not None:
            message = f"{candidate.release} crashes at every delivery of an `mbox` action with a `wrapper`"
            yield differs(name_span(action.span, action.wrapper.name), message, "use `mda` or `maildir` with it")


def unquoted_destinations(candidate: Candidate) -> Iterator[Diagnostic]:
    """The destination of `lmtp` is a word of a shell command."""
    for action in _local(candidate):
        if not isinstance(action.method, Lmtp):
            continue
        destination = action.method.destination
        literal = "".join(part for part in parse_format(destination.text).parts if not isinstance(part, Specifier))
        if not set(literal) <= _SHELL_SAFE:
            message = f"{candidate.release} gives this to a shell as it is, which reads it otherwise"
            yield differs(destination.span, message, "use a path without blanks and signs")


def delivering_users(candidate: Candidate) -> Iterator[Diagnostic]:
    """`user NAME` and the names of the recipient."""
    for action in _local(candidate):
        if action.user is not None:
            message = (
                f"{candidate.release} sets USER and LOGNAME to this account, and reads the .forward of every recipient"
            )
            yield differs(action.user.span, message, "use `%{user.username}` in the command for the recipient")


def original_recipients(candidate: Candidate) -> Iterator[Diagnostic]:
    """The variable ORIGINAL_RECIPIENT came with 7.6."""
    for command in _commands(candidate):
        at = command.text.find(variable := "ORIGINAL_RECIPIENT")
        if at >= 0:
            message = f"{candidate.release} does not set {variable}"
            yield differs(inside(command, at, at + len(variable)), message, "use `%{rcpt}`")
