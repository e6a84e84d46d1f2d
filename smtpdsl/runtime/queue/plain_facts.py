r"""Facts of messages and envelopes as most mail has them, read at once.

    {"v":2,"action":"local","rcpt":["joe","example.org"],"dest":["joe","example.org"],"user":"joe","ttl":345600}

Nothing in a plain text is escaped: every character is one of ASCII that can be printed.  So it can be read by one
regular expression, which knows the order of the names, too: what is read from it would be written as it is.
Whatever else `facts` can read is none of these.
"""

from __future__ import annotations

import re
from functools import cache

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import NO_MAIL_OPTIONS, MailOptions
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import VERSION, MessageFacts

# Without " and \.
_CHARACTER = r"[ !#-\[\]-~]"
_TEXT = rf'"({_CHARACTER}*+)"'
_SOME = rf'"({_CHARACTER}++)"'
_PAIR = rf"\[{_TEXT},{_TEXT}\]"
# More would be no time that anybody waits.
_SECONDS = r"(0|[1-9][0-9]{0,9}+)"


@cache
def _envelopes() -> re.Pattern[str]:
    return re.compile(
        rf'\{{"v":{VERSION},"action":{_TEXT},"rcpt":{_PAIR},"dest":{_PAIR}'
        rf'(?:,"user":{_SOME})?(?:,"extension":{_SOME})?(?:,"orcpt":{_TEXT})?,"ttl":{_SECONDS}\}}'
    )


@cache
def _messages() -> re.Pattern[str]:
    return re.compile(
        rf'\{{"v":{VERSION},"from":(?:null|{_PAIR}),"client":\{{"source":{_TEXT}'
        rf'(?:,"rdns":{_TEXT})?(?:,"helo":{_SOME})?(?:,"login":{_TEXT})?(,"tls":true)?(?:,"tag":{_SOME})?\}}'
        rf'(?:,"options":\{{"body":{_TEXT}\}})?\}}'
    )


def plain_envelope(route: Route, text: str) -> Envelope | None:
    """Read what `encode_envelope` wrote, if it is plain: then it would write *text* again."""
    found = _envelopes().fullmatch(text)
    if found is None:
        return None
    action, local_part, domain, dest_local_part, dest_domain, user, extension, orcpt, ttl = found.groups()
    return Envelope(
        route,
        action,
        Mailbox(local_part=local_part, domain=domain),
        Mailbox(local_part=dest_local_part, domain=dest_domain),
        user or "",
        extension or "",
        int(ttl),
        "",
        None,
        orcpt,
    )


def plain_message(text: str) -> MessageFacts | None:
    """Read what `encode_message` wrote, if it is plain: then it would write *text* again."""
    found = _messages().fullmatch(text)
    if found is None:
        return None
    local_part, domain, source, rdns, helo, login, tls, tag, body = found.groups()
    mailbox = None if local_part is None else Mailbox(local_part=local_part, domain=domain)
    client = Client(source=source, rdns=rdns, helo=helo or "", login=login, tls=tls is not None, tag=tag or "")
    return MessageFacts(
        ReversePath(mailbox=mailbox), client, NO_MAIL_OPTIONS if body is None else MailOptions(body=body)
    )
