"""Filters of 5.x: names and chains are kept, the programs behind them have to be replaced.

    filter N dnsbl -h list.example     ->   filter N proc-exec "filter-dnsbl -h list.example"
    filter N chain a b                 ->   filter N chain { a, b }

A chain could contain chains; now it lists filters only, so inner chains are unfolded.

Reports `legacy-leftover` and `unusable-name`.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.legacy.nodes import list_of_one, option
from smtpdsl.compiler.legacy.surroundings import Surroundings, chain_members
from smtpdsl.diagnostics.codes import LEGACY_LEFTOVER, UNUSABLE_NAME
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Word


def translate_filter(statement: syntax.LegacyFilter, around: Surroundings) -> syntax.FilterChain | syntax.FilterExec:
    """Return the modern filter of the same name."""
    members = chain_members(statement)
    if members is None:
        return _program(statement, around)
    if any(member.text in around.chains for member in members):
        # A filter that comes in twice, through two chains, is named once: naming it again is refused now.
        first: dict[str, Word] = {}
        for member in _unfold(statement.name.text, members, around, {statement.name.text}):
            first.setdefault(member.text, member)
        members = tuple(first.values())
    chain = syntax.InlineList(span=statement.span, entries=members)
    return syntax.FilterChain(span=statement.span, name=statement.name, members=chain)


def _unfold(outer: str, members: tuple[Word, ...], around: Surroundings, seen: set[str]) -> Iterator[Word]:
    """Yield the filters of *members*, with each chain entered once, so that a loop ends."""
    for member in members:
        inner = around.chains.get(member.text)
        if inner is None:
            yield member
        elif member.text == outer:
            message = f'filter chain "{outer}" contains itself'
            around.report(UNUSABLE_NAME.at(member.span, message, help="remove it from the chain"))
        elif member.text not in seen:
            seen.add(member.text)
            yield from _unfold(outer, inner, around, seen)


def _program(statement: syntax.LegacyFilter, around: Surroundings) -> syntax.FilterExec:
    # Most configurations have no filter.
    import shlex  # noqa: PLC0415

    program, *arguments = statement.words
    span = program.span.to(statement.words[-1].span)
    around.report(
        LEGACY_LEFTOVER.at(
            span,
            f'the filter program "{program.text}" speaks the filter protocol of 5.x',
            label="nothing speaks it any more",
            help="name a program for the filter protocol of 6.6 and later, or remove the filter",
        )
    )
    path = program.text if program.text.startswith("/") else f"filter-{program.text}"
    command = " ".join(shlex.quote(word) for word in (path, *(each.text for each in arguments)))
    return syntax.FilterExec(span=statement.span, name=statement.name, command=Word(span=span, text=command))


def filter_option(given: syntax.Option) -> syntax.Option:
    """Return ``filter N`` of a listener, whose argument is a chain of one now."""
    assert isinstance(given.argument, Word)
    return given.replace(argument=list_of_one(given.argument))


def enqueuer_filter(statement: syntax.Setting) -> syntax.ListenSocket:
    """Return ``listen on socket filter N`` for ``enqueuer filter N``."""
    (name,) = statement.values
    assert isinstance(name, Word)
    return syntax.ListenSocket(span=statement.span, options=(option("filter", statement.span, list_of_one(name)),))
