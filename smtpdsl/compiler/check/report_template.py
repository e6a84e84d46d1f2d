"""`bounce report-template`: the file is there, and a template.  Reports `unusable-value`."""

from __future__ import annotations

from smtpdsl.compiler.world import Unavailable, World
from smtpdsl.diagnostics.codes import UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import Ruleset


def check_report_template(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report what keeps the template from being used."""
    setting = ruleset.settings.bounce_template
    if setting.value is None or setting.span is None or world.is_static:
        return
    content = world.read(setting.value)
    if isinstance(content, Unavailable):
        problem, help_text = content.reason, "name the file where it is"
    else:
        problem, help_text = _problem(content), "docs/serving.md has an example, and what a template is given"
    if problem:
        message = f'cannot use the template "{world.locate(setting.value)}": {problem}'
        report(UNUSABLE_VALUE.at(setting.span, message, help=help_text))


def _problem(content: bytes) -> str:
    # Few configurations have one.
    from smtpdsl.ir.report_template import ReportTemplate, ReportTemplateError  # noqa: PLC0415

    try:
        ReportTemplate(content.decode("utf-8"))
    except UnicodeDecodeError:
        return "it is not UTF-8"
    except ReportTemplateError as error:
        return str(error)
    return ""
