"""Do local work with the rights of this process, which is the user by now and not root."""

from __future__ import annotations

import os
from typing import assert_never

from smtpdsl.runtime.delivery.command import run_command
from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.identity import IdentityError, refuse_other_work, refuse_root
from smtpdsl.runtime.delivery.lmtp import send_by_lmtp
from smtpdsl.runtime.delivery.maildir import put_into_maildir
from smtpdsl.runtime.delivery.mbox import append_to_mailbox
from smtpdsl.runtime.delivery.wrapped import run_wrapped
from smtpdsl.runtime.interfaces import CommandWork, LmtpWork, LocalWork, MailboxWork, MaildirWork, Outcome, WrappedWork


def do_work(work: LocalWork, content: OpenContent, stop: int) -> Outcome:
    """Do *work* with *content*, which is its own, open.

    *stop* is a descriptor that becomes readable as soon as nobody wants the outcome any more.
    """
    identity, method = work.identity, work.method
    try:
        if identity.mail_folder:
            refuse_other_work(identity, method)
        if identity.uid or not identity.mail_folder:
            refuse_root("the delivering process", os.geteuid())
    except IdentityError as error:
        return error.outcome
    if isinstance(method, WrappedWork):
        message = content.chunks(work.prefix)
        # The prefix has gone through the wrapper.
        inner = work._replace(method=method.inner, prefix=b"")
        return run_wrapped(method, identity.home, message, work.time_limit, stop, lambda it: do_work(inner, it, stop))
    return _do(method, work, content, stop)


def _do(
    method: MaildirWork | MailboxWork | CommandWork | LmtpWork, work: LocalWork, content: OpenContent, stop: int
) -> Outcome:
    match method:
        case MaildirWork():
            return put_into_maildir(method, work.identity.home, work.prefix, content, stop)
        case MailboxWork():
            return append_to_mailbox(method, work.prefix, content, stop)
        case CommandWork():
            message = content.chunks(work.prefix)
            return run_command(method, work.identity.home, message, work.time_limit, stop)
        case LmtpWork():
            return send_by_lmtp(method, work.prefix, content, work.time_limit, stop)
    assert_never(method)
