"""`bounce report-template`: a template that cannot be used is found before the server starts."""

from __future__ import annotations

import pytest

from tests.worlds import compile_text

TEXT = 'action "in" mbox\nmatch from local for local action "in"\nbounce report-template "/etc/report.txt"\n'


def problems(template: str | None) -> list[str]:
    """Return what is said of *template*; without one there is no file."""
    _, report = compile_text(TEXT, {} if template is None else {"/etc/report.txt": template})
    return [found.message for found in report if found.code.name == "unusable-value"]


def test_a_template_that_can_be_used() -> None:
    """Is no finding."""
    assert problems("{{ server }} {% for each in recipients %}{{ each.address }}{% endfor %}") == []


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (None, "no such file or directory"),
        ("{{ server }}\n{% if %}", "line 2: "),
        ("\n{{ serber }}", "line 2: 'serber' is undefined"),
        ("{{ 1 / 0 }}", "line 1: division by zero"),
        ("{{ server.__class__.__mro__ }}", "line 1: access to attribute '__class__' of 'str' object is unsafe"),
        ('{{ server }}{% include "/etc/shadow" %}', "line 1: no loader"),
    ],
)
def test_a_template_that_cannot(template: str | None, problem: str) -> None:
    """Says where, or why."""
    (found,) = problems(template)
    assert found.startswith('cannot use the template "/etc/report.txt": ')
    assert problem.lower() in found.lower()
