"""Do local work with the rights of this process, which is the user by now and not root."""

from __future__ import annotations

import os

from smtpdsl.runtime.delivery.command import run_command
from smtpdsl.runtime.delivery.content import OpenContent
from smtpdsl.runtime.delivery.identity import IdentityError, refuse_root
from smtpdsl.runtime.delivery.maildir import put_into_maildir
from smtpdsl.runtime.interfaces import LocalWork, MaildirWork, Outcome


def do_work(work: LocalWork, content: OpenContent, stop: int) -> Outcome:
    """Do *work* with *content*, which is its own, open.

    *stop* is a descriptor that becomes readable as soon as nobody wants the outcome any more.
    """
    try:
        refuse_root("the delivering process", os.geteuid())
    except IdentityError as error:
        return error.outcome
    if isinstance(work.method, MaildirWork):
        return put_into_maildir(work.method, work.identity.home, work.prefix, content, stop)
    message = content.chunks(work.prefix)
    return run_command(work.method, work.identity.home, message, work.time_limit, stop)
