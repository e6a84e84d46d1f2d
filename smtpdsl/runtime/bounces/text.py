"""The part of a report that people read: a template, and what it is given.

The only module of the server that imports jinja2.  A text is written at once when the server starts:
a mistake in a template shows before a report needs it, and what jinja2 loads when it is first needed is there when
the server has given up the rights to read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.trace import date_time
from smtpdsl.runtime.bounces.delivery_status import Subject, status_of
from smtpdsl.runtime.interfaces import Envelope, Event, Notice, Route

if TYPE_CHECKING:
    import jinja2

TEMPLATE = Path(__file__).with_name("report.txt.j2")
# What is shown of a text that somebody has sent us.
_MAX_TEXT_CHARACTERS = 900

_NOBODY = Mailbox(local_part="joe", domain="example.org")
_NOTICE = Notice(0, Event.FAILED, Envelope(Route.RELAY, "", _NOBODY, _NOBODY), "550 no such user", "5.1.1")
_SAMPLE = Subject("mx.example.org", None, 0.0, 0.0, 0.0)


class ReportText:
    """Writes the text of reports from a template."""

    def __init__(self, template: str | None = None) -> None:
        """Use *template*, the text of one, or else the one of this package.

        Raises:
            jinja2.TemplateError: It cannot be used.
        """
        self._template = _load(TEMPLATE.read_text("utf-8") if template is None else template)
        for event in Event:
            self.write(_SAMPLE, [_NOTICE._replace(event=event)], "header")

    def write(self, subject: Subject, notices: Iterable[Notice], returned: str) -> str:
        """Return the text about *notices*, of one event; *returned* says what follows: ``message`` or ``header``."""
        notices = tuple(notices)
        return self._template.render(
            server=subject.server_name,
            event=notices[0].event.value,
            arrived=date_time(subject.arrived),
            retried_until=None if subject.retried_until is None else date_time(subject.retried_until),
            returned=returned,
            recipients=[
                {
                    "address": _printable(str(each.envelope.recipient)),
                    "forwarded_to": _printable(str(each.envelope.dest)),
                    "status": status_of(each),
                    "text": _printable(each.text),
                }
                for each in notices
            ],
        )


def _load(source: str) -> jinja2.Template:
    # What only checks a configuration has no use for it.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - a report is plain text
    )
    return environment.from_string(source)


def _printable(text: str) -> str:
    shown = text if len(text) <= _MAX_TEXT_CHARACTERS else text[:_MAX_TEXT_CHARACTERS] + "..."
    return "".join(each if each.isprintable() else "?" for each in shown)
