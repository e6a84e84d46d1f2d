"""Pass 6: leftovers: what is declared, and nothing refers to.

    ir.resolved.Ruleset, Expanded  ->  findings

Reports `unused-macro`, `unused-table`, `unused-action`, `unused-filter`, `unused-proc`,
`unused-pki`, `unused-ca` and `unused-wrapper`, and of the text `unexpanded-macro` and
`continued-comment`.  Of a partial configuration nothing is
said, because the use may be in what could not be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from smtpdsl.compiler.expand import Expanded, MacroUse
from smtpdsl.compiler.raw_tokens import tokens_of
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.diagnostics.codes import (
    CONTINUED_COMMENT,
    UNEXPANDED_MACRO,
    UNUSED_ACTION,
    UNUSED_CA,
    UNUSED_FILTER,
    UNUSED_MACRO,
    UNUSED_PKI,
    UNUSED_PROC,
    UNUSED_TABLE,
    UNUSED_WRAPPER,
)
from smtpdsl.diagnostics.diagnostic import Code, Fix, Related, Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Dialect, Node

# An entry that was for everybody before 7.3, whether it was named or not.
_ANYBODY = "*"


def lint(ruleset: Ruleset, text: Expanded, report: Report) -> None:
    """Report what *ruleset* and the macros of *text* declare for nobody."""
    if ruleset.is_partial:
        return
    _continued_comments(text, report)
    for macro in text.macros:
        wanted = _unexpanded_reference(macro.name, text.source) if _can_be_referred_to(macro.name) else None
        if wanted is not None:
            _unexpanded_macro(macro, wanted, report)
        elif not macro.is_used and _can_be_referred_to(macro.name):
            _unused_macro(macro, report)
    if report.has_errors:
        # What is wrong may be the reason that nothing refers to something.
        return
    for kind, declared, code in _kinds(ruleset):
        used = {name for what, name in ruleset.used if what == kind}
        for name, node in declared.items():
            if name not in used and not _is_taken_unnamed(kind, name, ruleset):
                _unused(kind, name, node, code, report)


def _kinds(ruleset: Ruleset) -> Iterator[tuple[str, Mapping[str, Node], Code]]:
    yield "table", {name: table for name, table in ruleset.tables.items() if table.backend != "built-in"}, UNUSED_TABLE
    yield "action", ruleset.actions, UNUSED_ACTION
    yield "filter", ruleset.filters, UNUSED_FILTER
    yield "proc", ruleset.procs, UNUSED_PROC
    yield "pki", ruleset.pkis, UNUSED_PKI
    yield "ca", ruleset.cas, UNUSED_CA
    yield "wrapper", ruleset.wrappers, UNUSED_WRAPPER


def _is_taken_unnamed(kind: str, name: str, ruleset: Ruleset) -> bool:
    """Whether a declaration has its use, or its finding, without being referred to."""
    if kind in {"pki", "ca"}:
        # Before 6.4 every certificate was offered by the name that a client asked for.
        return name == _ANYBODY or ruleset.dialect is Dialect.LEGACY
    # A `proc-exec` of the same name has replaced the program.
    return kind == "proc" and name in ruleset.filters


def _unused(kind: str, name: str, node: Node, code: Code, report: Report) -> None:
    # Several statements may make up one pki, so removing one of them is no fix.
    fix = _removal(node.span) if kind != "pki" else None
    help_text = f"remove it, or {_USES[kind].format(name=name)}"
    report(code.at(name_span(node.span, name), f'nothing refers to {kind} "{name}"', help=help_text, fix=fix))


_USES = {
    "table": "name it where it is wanted: `<{name}>`",
    "action": 'add a rule for it: `match … action "{name}"`',
    "filter": "name it in a `listen` statement or a chain",
    "proc": "add a filter for it: `filter … proc {name}`",
    "pki": "name it in a `listen` statement",
    "ca": "name it in a `listen` statement or a relay action",
    "wrapper": "name it in an action: `wrapper {name}`",
}


# ---------------------------------------------------------------- macros


def _can_be_referred_to(name: str) -> bool:
    """`unreachable-macro` has told of the others."""
    return name.isascii() and name.replace("_", "a").isalnum()


def _unused_macro(macro: MacroUse, report: Report) -> None:
    message = f'nothing refers to macro "{macro.name}"'
    help_text = f"remove it, or write `${macro.name}` where it is wanted"
    report(UNUSED_MACRO.at(macro.span, message, help=help_text, fix=_removal(_definition(macro.span))))


def _unexpanded_macro(macro: MacroUse, wanted: Span, report: Report) -> None:
    report(
        UNEXPANDED_MACRO.at(
            wanted,
            f"`{wanted.text}` stays as it is: a reference begins a word of its own",
            label="in quotes, or inside a word",
            related=(Related(macro.span, "the macro"),),
            help="put the whole word into a macro, its quotes too, and refer to that one",
        )
    )


def _unexpanded_reference(name: str, source: Source) -> Span | None:
    """Where ``$name`` stands as plain text, in quotes or in a word."""
    reference = f"${name}"
    if reference not in source.text:
        return None
    for token in tokens_of(source.text):
        if token.kind in {"QUOTED", "WORD"} and (at := token.text.find(reference)) >= 0:
            return Span(source, token.start + at, token.start + at + len(reference))
    return None


def _continued_comments(text: Expanded, report: Report) -> None:
    """Find comments that go on after a backslash, and hide a line that is no comment."""
    for comment in text.comments:
        before, backslash, hidden = comment.text.partition("\\\n")
        if not backslash or hidden.lstrip(" \t").startswith("#") or not hidden.strip():
            continue
        at = Span(comment.source, comment.start + len(before), comment.start + len(before) + 1)
        line = Span(comment.source, at.end + 1, comment.end)
        report(
            CONTINUED_COMMENT.at(
                at,
                "the backslash makes the next line part of this comment",
                related=(Related(line, "not read"),),
                help="remove the backslash, or begin the next line with `#`",
            )
        )


def _definition(name: Span) -> Span:
    """The statement that defines the macro *name*: its name, a sign, its value."""
    tokens = (token for token in tokens_of(name.source.text, name.start) if token.kind != "BLANK")
    *_, value = islice(tokens, 3)
    return Span(name.source, name.start, value.end)


# ---------------------------------------------------------------- removing


def _removal(statement: Span) -> Fix | None:
    """Take out the lines of *statement*; not if something else stands on them, such as a comment."""
    text = statement.source.text
    start = text.rfind("\n", 0, statement.start) + 1
    end = text.find("\n", statement.end)
    if end < 0 or text[start : statement.start].strip() or text[statement.end : end].strip():
        return None
    return Fix.replacing(Span(statement.source, start, end + 1), "")
