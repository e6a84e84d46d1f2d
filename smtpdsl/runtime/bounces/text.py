"""The part of a report that people read: a template, and what it is given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smtpdsl.ir.report_template import ReportTemplate, ReportTemplateError
from smtpdsl.mail.trace import date_time
from smtpdsl.runtime.bounces.delivery_status import Subject, status_of
from smtpdsl.runtime.interfaces import Notice
from smtpdsl.runtime.log import Log

TEMPLATE = Path(__file__).with_name("report.txt.j2")
# What is shown of a text that somebody has sent us.
_MAX_TEXT_CHARACTERS = 900


class ReportText:
    """Writes the text of reports."""

    def __init__(self, template: ReportTemplate | None = None, log: Log | None = None) -> None:
        """Use *template*, or else the one of this package; *log* is told where that one has to do."""
        self._log = log
        self._usual = ReportTemplate(TEMPLATE.read_text("utf-8"))
        self._template = template or self._usual

    def write(self, subject: Subject, notices: Iterable[Notice], returned: str) -> str:
        """Return the text about *notices*, of one event; *returned* says what follows: ``message`` or ``header``."""
        values = _values(subject, tuple(notices), returned)
        try:
            return self._template.write(values)
        except ReportTemplateError as error:
            # It has passed its test, and its author cannot have meant that nobody gets a report.
            if self._log is not None:
                self._log.warn(f"bounce: the report template failed, and the usual text is sent: {error}")
            return self._usual.write(values)


def _values(subject: Subject, notices: tuple[Notice, ...], returned: str) -> dict[str, object]:
    return {
        "server": subject.server_name,
        "event": notices[0].event.value,
        "arrived": date_time(subject.arrived),
        "retried_until": None if subject.retried_until is None else date_time(subject.retried_until),
        "returned": returned,
        "recipients": [
            {
                "address": _printable(str(each.envelope.recipient)),
                "forwarded_to": _printable(str(each.envelope.dest)),
                "status": status_of(each),
                "text": _printable(each.text),
            }
            for each in notices
        ],
    }


def _printable(text: str) -> str:
    shown = text if len(text) <= _MAX_TEXT_CHARACTERS else text[:_MAX_TEXT_CHARACTERS] + "..."
    return "".join(each if each.isprintable() else "?" for each in shown)
