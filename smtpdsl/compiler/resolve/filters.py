"""`filter` and `proc` statements, and the places that name a filter."""

from __future__ import annotations

from smtpdsl.compiler.resolve.options import Options
from smtpdsl.compiler.resolve.questions import filter_question
from smtpdsl.compiler.resolve.scope import Scope, name_span
from smtpdsl.diagnostics.codes import (
    CONFLICTING_OPTIONS,
    DUPLICATE_NAME,
    REPLACED_PROC,
    UNKNOWN_FILTER,
    UNKNOWN_PROC,
)
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import (
    BuiltinFilter,
    Decision,
    FilterChain,
    FilterCondition,
    FilterUse,
    Phase,
    Proc,
    ProgramFilter,
)
from smtpdsl.ir.syntax import Criterion, InlineList, Option, Word

Member = ProgramFilter | BuiltinFilter


def declare_filters(scope: Scope) -> None:
    """Declare programs, then filters, then the chains that name them."""
    statements = scope.config.statements
    for statement in statements:
        if isinstance(statement, syntax.Proc):
            scope.declare("proc", scope.procs, statement.name, _proc(statement, scope))
    executed = [_declare_exec(each, scope) for each in statements if isinstance(each, syntax.FilterExec)]
    for statement in statements:
        match statement:
            case syntax.FilterProc(name=name):
                proc = scope.find("proc", scope.procs, statement.proc, UNKNOWN_PROC)
                found = ProgramFilter(span=statement.span, name=name.text, proc=proc)
                scope.declare("filter", scope.filters, name, found)
            case syntax.FilterExec(name=name):
                found = ProgramFilter(span=statement.span, name=name.text, proc=executed.pop(0))
                scope.declare("filter", scope.filters, name, found)
            case syntax.FilterBuiltin(name=name):
                scope.declare("filter", scope.filters, name, _builtin(statement, scope))
    _declare_chains([each for each in statements if isinstance(each, syntax.FilterChain)], scope)


def _declare_chains(statements: list[syntax.FilterChain], scope: Scope) -> None:
    """Declare every chain before its members are looked up: a chain that names another one names a chain."""
    for statement in statements:
        chain = FilterChain(span=statement.span, name=statement.name.text, members=())
        scope.declare("filter", scope.filters, statement.name, chain)
    for statement in statements:
        members = _members(statement.members, scope)
        declared = scope.filters[statement.name.text]
        if declared.span == statement.span and isinstance(declared, FilterChain):
            scope.filters[statement.name.text] = declared.replace(members=members)


def _proc(statement: syntax.Proc | syntax.FilterExec, scope: Scope) -> Proc:
    options = Options(statement.options, scope.report)
    return Proc(
        span=statement.span,
        name=statement.name.text,
        command=statement.command,
        user=options.word("user"),
        group=options.word("group"),
        chroot=options.word("chroot"),
    )


def _declare_exec(statement: syntax.FilterExec, scope: Scope) -> Proc:
    """`proc-exec` declares a program of the same name too, and so replaces one."""
    name = statement.name
    proc = _proc(statement, scope)
    replaced = scope.procs.get(name.text)
    if replaced is not None:
        message = f'filter "{name.text}" replaces the `proc` of that name'
        related = (Related(name_span(replaced.span, name.text), "this program is never started"),)
        scope.report(REPLACED_PROC.at(name.span, message, related=related, help="give one of them another name"))
        scope.procs[name.text] = proc
        scope.used.add(("proc", name.text))
    return proc


def _builtin(statement: syntax.FilterBuiltin, scope: Scope) -> BuiltinFilter:
    decision = statement.decision
    argument = decision.argument if isinstance(decision.argument, Word) else None
    return BuiltinFilter(
        span=statement.span,
        name=statement.name.text,
        phase=Phase(statement.phase.text),
        phase_span=statement.phase.span,
        conditions=tuple(_condition(each, scope) for each in statement.conditions),
        decision=Decision(span=decision.span, kind=decision.keyword, argument=argument),
    )


def _condition(written: Criterion, scope: Scope) -> FilterCondition:
    question = filter_question(written, scope)
    return FilterCondition(span=written.span, subject=written.words[0], question=question, negated=written.negated)


def _members(names: InlineList, scope: Scope) -> tuple[Member, ...]:
    members: list[Member] = []
    seen: dict[str, Span] = {}
    for name in names.entries:
        found = scope.find("filter", scope.filters, name, UNKNOWN_FILTER)
        if name.text in seen:
            message = f'filter "{name.text}" stands twice in one chain'
            related = (Related(seen[name.text], "first named here"),)
            scope.report(DUPLICATE_NAME.at(name.span, message, related=related, help="remove one of them"))
            continue
        seen[name.text] = name.span
        if isinstance(found, FilterChain):
            message = f'"{name.text}" is a chain, and chains do not nest'
            related = (Related(name_span(found.span, name.text), "declared here"),)
            listed = ", ".join(member.name for member in found.members)
            help_text = f"name its members instead: {listed}" if listed else "name its members instead"
            scope.report(CONFLICTING_OPTIONS.at(name.span, message, related=related, help=help_text))
        elif found is not None:
            members.append(found)
    return tuple(members)


def resolve_filter(option: Option | None, scope: Scope) -> FilterUse | None:
    """Return what the option `filter` of a listener or a relay names: a filter, a chain, or a list."""
    if option is None or not isinstance(option.argument, InlineList):
        return None
    names = option.argument
    if not names.span.text.startswith("{"):
        return FilterUse(span=option.span, filter=scope.find("filter", scope.filters, names.entries[0], UNKNOWN_FILTER))
    chain = FilterChain(span=names.span, name="", members=_members(names, scope))
    return FilterUse(span=option.span, filter=chain)
