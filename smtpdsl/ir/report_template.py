"""The text of a report for people: a Jinja2 template, the server's or one that an administrator has written.

    <{{ recipients[0].address }}> {{ event }}        <joe@example.org> failed

The only module that imports jinja2 for it.  A template is tried when it is read: a mistake in one shows in `check` and
at the start, before a report needs it, and what jinja2 loads when it is first needed is there when the server has
given up the rights to read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from traceback import walk_tb

EVENTS = ("failed", "delayed", "delivered", "relayed")
# What a template is given, beside one of the events.
_SAMPLE: Mapping[str, object] = {
    "server": "mx.example.org",
    "arrived": "Sun, 22 Nov 2026 12:46:37 +0000 (UTC)",
    "retried_until": "Thu, 26 Nov 2026 12:46:37 +0000 (UTC)",
    "recipients": (
        {
            "address": "joe@example.org",
            "forwarded_to": "joe@example.net",
            "status": "5.1.1",
            "text": "550 5.1.1 no such user",
        },
    ),
}


class ReportTemplateError(Exception):
    """A template that cannot be used; the text says where and why."""


class ReportTemplate:
    """Writes texts."""

    def __init__(self, source: str) -> None:
        """Read *source*, and try it.

        Raises:
            ReportTemplateError: It cannot be used.
        """
        # What only checks a configuration has no use for it.
        import jinja2.sandbox  # noqa: PLC0415

        # Whoever checks a configuration of somebody else's runs none of its author's programs.
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            # A report is plain text.
            autoescape=False,
        )
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            message = f"line {error.lineno}: {error.message}"
            raise ReportTemplateError(message) from None
        for values in _samples():
            self.write(values)

    def write(self, values: Mapping[str, object]) -> str:
        """Return the text for *values*.

        Raises:
            ReportTemplateError: The template cannot do it.
        """
        try:
            return self._template.render(values)
        except Exception as error:
            # A template is a program: whatever it does wrong is its author's.
            message = f"{_place(error)}{str(error) or 'it fails'}"
            raise ReportTemplateError(message) from error


def _place(error: BaseException) -> str:
    """Name the line of the template that failed; jinja2 puts its own frames into the trace."""
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    return f"line {lines[-1]}: " if lines else ""


def _samples() -> Iterator[Mapping[str, object]]:
    for event in EVENTS:
        for returned in ("message", "header"):
            yield {**_SAMPLE, "event": event, "returned": returned}
