"""A picture of the diagram as text: DOT for Graphviz, Mermaid for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import Decision
from smtpdsl.tooling.graph.picture import OTHERWISE, Arrow, Box, Outcome, Picture, Question

# A label is to be read at a glance; JSON has everything.
_LONGEST = 48
_MOST = 4


def as_dot(picture: Picture) -> str:
    """Return *picture* in the language of Graphviz."""
    return "\n".join(_dot_lines(picture)) + "\n"


def _dot_lines(picture: Picture) -> Iterator[str]:
    yield "digraph decisions {"
    yield '  node [fontname="sans-serif", shape=box];'
    yield '  edge [fontname="sans-serif"];'
    for box in picture.boxes:
        style = ", style=rounded" if isinstance(box, Question) else ""
        yield f"  {box.name} [label={_dot_text(_lines(box))}{style}];"
        for arrow in _arrows(box):
            yield f"  {box.name} -> {arrow.target} [label={_dot_text(_label(arrow))}];"
    yield "}"


def _dot_text(lines: Iterable[str]) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def as_mermaid(picture: Picture) -> str:
    """Return *picture* in the language of Mermaid."""
    return "\n".join(_mermaid_lines(picture)) + "\n"


def _mermaid_lines(picture: Picture) -> Iterator[str]:
    yield "flowchart TD"
    for box in picture.boxes:
        text = _mermaid_text(_lines(box))
        yield f"  {box.name}({text})" if isinstance(box, Question) else f"  {box.name}[{text}]"
    for box in picture.boxes:
        for arrow in _arrows(box):
            yield f"  {box.name} -->|{_mermaid_text(_label(arrow))}| {arrow.target}"


# What would be read as syntax, or as HTML.
_ENTITIES = {ord(each): f"#{ord(each)};" for each in '"<>&#|[](){}`\\'}


def _mermaid_text(lines: Iterable[str]) -> str:
    return '"' + "<br>".join(line.translate(_ENTITIES) for line in lines) + '"'


# ---------------------------------------------------------------- words


def _arrows(box: Box) -> tuple[Arrow, ...]:
    return box.arrows if isinstance(box, Question) else ()


def _lines(box: Box) -> Iterator[str]:
    if isinstance(box, Question):
        yield f"{box.about}?"
        yield _places(box.rules)
        return
    for outcome in box.outcomes:
        yield _outcome(outcome)


def _outcome(outcome: Outcome) -> str:
    condition = f"if {' and '.join(map(_short, outcome.conditions))}: " if outcome.conditions else ""
    rule = outcome.decision.rule
    return f"{condition}{words_of(outcome.decision)}" + (f"  ({visible(rule.span.place)})" if rule else "")


def words_of(decision: Decision) -> str:
    """Say what *decision* does, in words of the language."""
    if decision.rule is None:
        return "reject: no rule matches"
    return f'action "{visible(decision.rule.action.name)}"' if decision.rule.action else "reject"


def _places(rules: tuple[Rule, ...]) -> str:
    """Say where *rules* are: a file once, with its lines."""
    shown = list(dict.fromkeys(rule.span.place.rpartition(":")[::2] for rule in rules))
    rest = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    files: dict[str, list[str]] = {}
    for file, line in shown[:_MOST]:
        files.setdefault(visible(file), []).append(line)
    places = [f"{file}:{', '.join(lines)}" for file, lines in files.items()]
    return f"({'; '.join(places)}{rest})"


def _label(arrow: Arrow) -> Iterator[str]:
    """Yield the cases of *arrow*, one a line."""
    if not arrow.cases:
        yield OTHERWISE
    for case in arrow.cases[:_MOST]:
        yield " and ".join(map(_short, case))
    if len(arrow.cases) > _MOST:
        yield f"and {len(arrow.cases) - _MOST} more"


def _short(words: str) -> str:
    words = visible(words)
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
