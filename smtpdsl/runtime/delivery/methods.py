"""From a plan to what is asked of the supervisor: a maildir, a file, a command, or a mail store.

    maildir "~/Mail"     MaildirWork: the same name at each attempt
    mbox, "/file"        MailboxWork: the same first line at each attempt
    mda, "|command"      CommandWork: with its whole environment
    lmtp "/socket"       LmtpWork: where to, and for whom

Paths of the configuration become those of this machine here, when they are whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import assert_never

from smtpdsl.ir.answers import Site
from smtpdsl.ir.delivery import Plan, PlanKind
from smtpdsl.ir.format_string import PLACE
from smtpdsl.ir.lmtp_destination import parse_lmtp_destination
from smtpdsl.ir.resolved import Lmtp, LocalAction, Maildir
from smtpdsl.mail.address import AddressError, Mailbox
from smtpdsl.mail.address_syntax import quote_local_part
from smtpdsl.runtime.delivery.environment import command_environment
from smtpdsl.runtime.delivery.mbox_format import separator_line
from smtpdsl.runtime.delivery.outcomes import one_line
from smtpdsl.runtime.interfaces import (
    CommandWork,
    Envelope,
    Identity,
    LmtpWork,
    MailboxWork,
    MaildirWork,
    Method,
    Outcome,
    QueuedMessage,
    Result,
    WrappedWork,
)
from smtpdsl.text_error import TextError


class Methods:
    """Makes works of plans."""

    def __init__(self, site: Site, locate: Callable[[str], str]) -> None:
        """Name files after *site*; *locate* turns a path of the configuration into one of this machine."""
        self._site = site
        self._locate = locate

    def of(
        self, planned: Plan, message: QueuedMessage, envelope: Envelope, envelope_id: str, identity: Identity
    ) -> Method | Outcome:
        """Return what *identity* is to do for *envelope*, or why nobody can."""
        assert planned.what is not None, "nothing that failed to be planned is carried out"
        match planned.kind:
            case PlanKind.MAILDIR:
                maildir = self._maildir(planned, planned.what, message, envelope_id)
                return _wrapped(maildir, planned, message, envelope, identity)
            case PlanKind.MBOX:
                return _mailbox(self._locate(planned.what), message, is_system=True)
            case PlanKind.FILE:
                # There is one on every machine, whatever it is a test bed for.
                is_nowhere = planned.what == os.devnull
                return _mailbox(planned.what if is_nowhere else self._locate(planned.what), message)
            case PlanKind.MDA | PlanKind.COMMAND:
                return _command(planned.what, message, envelope, identity)
            case PlanKind.LMTP:
                store = self._lmtp(planned, planned.what, message, envelope)
                return store if isinstance(store, Outcome) else _wrapped(store, planned, message, envelope, identity)
            case PlanKind.RELAY:
                mistake = "what is relayed is not delivered here"
                raise AssertionError(mistake)
        assert_never(planned.kind)

    def _lmtp(self, planned: Plan, place: str, message: QueuedMessage, envelope: Envelope) -> LmtpWork | Outcome:
        action = planned.delivery.rule.action
        assert isinstance(action, LocalAction), "only these have methods"
        assert isinstance(action.method, Lmtp), "its kind says so"
        try:
            destination = parse_lmtp_destination(place)
        except TextError as error:
            return Outcome(Result.PERMANENT, one_line(error.message), "5.3.5")
        return LmtpWork(
            recipient=str(envelope.dest) if action.method.rcpt_to else _as_path(envelope.user),
            reverse_path=str(message.reverse_path),
            helo=self._site.server_name,
            path=self._locate(destination.path) if destination.path is not None else "",
            host=destination.host,
            port=destination.port,
            smtputf8=message.options.smtputf8,
        )

    def _maildir(self, planned: Plan, folder: str, message: QueuedMessage, envelope_id: str) -> MaildirWork:
        action = planned.delivery.rule.action
        assert isinstance(action, LocalAction), "only these have methods"
        assert isinstance(action.method, Maildir), "its kind says so"
        return MaildirWork(
            folder=self._locate(folder),
            file_name=self._file_name(message, envelope_id),
            sub_folder=planned.sub_folder,
            sorts_junk=action.method.junk,
            may_exist=message.was_tried,
        )

    def _file_name(self, message: QueuedMessage, envelope_id: str) -> str:
        """Return the name of the file in a maildir: the same at each attempt, and nobody else's."""
        host = self._site.server_name.replace("/", r"\057").replace(":", r"\072")
        return f"{int(message.created)}.{envelope_id}.{host}"


def _as_path(user: str) -> str:
    """Write the name of a user as RCPT can say it; that of a virtual one may be an address."""
    try:
        return str(Mailbox.parse(user, utf8=True))
    except AddressError:
        return quote_local_part(user)


def _wrapped(
    method: MaildirWork | LmtpWork, planned: Plan, message: QueuedMessage, envelope: Envelope, identity: Identity
) -> Method:
    """Put *method* into the wrapper of the action, if it has one."""
    if not planned.wrapper:
        return method
    command = _command(planned.wrapper, message, envelope, identity)
    if PLACE not in planned.wrapper:
        # It takes the place of the delivery, as the warning `wrapper-without-mda` says.
        return command
    return WrappedWork(command.command, command.environment, method)


def _mailbox(path: str, message: QueuedMessage, *, is_system: bool = False) -> MailboxWork:
    return MailboxWork(
        path=path,
        separator=separator_line(message.reverse_path, message.created),
        is_system=is_system,
        may_exist=message.was_tried,
    )


def _command(command: str, message: QueuedMessage, envelope: Envelope, identity: Identity) -> CommandWork:
    environment = command_environment(
        identity,
        envelope.user or identity.name,
        envelope.recipient,
        envelope.dest,
        message.reverse_path,
        envelope.extension,
    )
    return CommandWork(command, environment)
