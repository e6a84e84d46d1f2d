"""Properties that `prove` is asked: from their text to what they mean in a configuration.

    never match from any for any action "relay" unless auth   ->  ir.properties.Never

They are written in the language itself, with the start rule `property` of `grammar.lark`.
Reports `syntax-error`, `unknown-action`, `unknown-table` and what else is wrong with
conditions, at the line and column of the property.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternStr

from smtpdsl.compiler.build_tree import TreeBuilder
from smtpdsl.compiler.resolve.questions import conditions_of
from smtpdsl.compiler.resolve.scope import Coverage, Scope
from smtpdsl.compiler.syntax_errors import describe
from smtpdsl.compiler.tables import GRAMMAR
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import SYNTAX_ERROR, UNKNOWN_ACTION
from smtpdsl.diagnostics.diagnostic import Fix, Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir import syntax
from smtpdsl.ir.properties import Never, NoOpenRelay, Pattern, Property, TlsForAuth
from smtpdsl.ir.resolved import AnySource, Condition, Ruleset
from smtpdsl.ir.syntax import Criterion, Dialect, Word

Child: TypeAlias = Any


def read_property(text: str, number: int, ruleset: Ruleset, world: World, report: Report) -> Property | None:
    """Read the property *text*, which has this *number*, for *ruleset*; None if it has mistakes: they are reported."""
    source = Source(f"property {number}", text)
    tree = _parse(source, "property", report)
    if tree is None:
        return None
    before = len(report.diagnostics)
    found = _Resolution(source, ruleset, world, report).property(tree)
    return found if len(report.diagnostics) == before else None


# ---------------------------------------------------------------- syntax


class _Builder(TreeBuilder):
    """Makes the nodes of conditions, and leaves the properties themselves as lists."""

    def property_no_open_relay(self, children: list[Child]) -> list[Child]:
        return children

    property_tls_for_auth = property_pattern = property_never = property_exception = property_no_open_relay
    property_conditions = property_no_open_relay


@cache
def _parser(start: str) -> tuple[Lark, _Builder]:
    builder = _Builder(Dialect.MODERN)
    with open(GRAMMAR, encoding="utf-8") as file:  # noqa: PTH123 - as in `compiler.tables`
        grammar = file.read()
    made = Lark(grammar, start=start, parser="lalr", lexer="basic", keep_all_tokens=True, transformer=builder)
    return made, builder


def _parse(source: Source, start: str, report: Report) -> list[Child] | None:
    parser, builder = _parser(start)
    builder.begin(source, report)
    before = len(report.diagnostics)
    try:
        tree: Any = parser.parse(source.text)
    except UnexpectedInput as error:
        _report(error, parser, source, report)
        return None
    return tree if len(report.diagnostics) == before else None


def _report(error: UnexpectedInput, parser: Lark, source: Source, report: Report) -> None:
    token = _bad_token(error, source)
    start = min(token.start_pos or 0, len(source.text))
    span = Span(source, start, min(start + len(token), len(source.text)))
    words = _expected(error, parser)
    near = nearest(str(token), words) if token.type == "STR" else None
    fix = Fix.replacing(span, near) if near else None
    help_text = f"did you mean `{near}`?" if near else f"possible here: {', '.join(words)}" if words else ""
    found = describe(token) if token.type != "$END" else "the end of the property"
    report(
        SYNTAX_ERROR.at(span, f"this does not follow the grammar of properties: found {found}", help=help_text, fix=fix)
    )


def _bad_token(error: UnexpectedInput, source: Source) -> Token:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        token: Token = error.token
        return token
    if isinstance(error, UnexpectedCharacters):
        position = error.pos_in_stream or 0
        return Token("STRAY", source.text[position : position + 1], start_pos=position)
    return Token("$END", "", start_pos=len(source.text))


def _expected(error: UnexpectedInput, parser: Lark) -> list[str]:
    names = getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None) or ()
    literals = {each.name: each.pattern.value for each in parser.terminals if isinstance(each.pattern, PatternStr)}
    return sorted(literals[name] for name in names if name in literals)


def _unprotected(text: str) -> str:
    """Return *text* with blanks for the backslashes before quotes, outside of what they quote; every column stays."""
    pieces = text.split('\\"')
    return "".join(piece + (' "' if number % 2 == 0 else '" ') for number, piece in enumerate(pieces[:-1])) + pieces[-1]


# ---------------------------------------------------------------- meaning


class _Resolution:
    """Ties the names of one property to the declarations of a configuration."""

    def __init__(self, source: Source, ruleset: Ruleset, world: World, report: Report) -> None:
        self.source = source
        self.ruleset = ruleset
        self.report = report
        span = Span(source, 0, len(source.text))
        config = syntax.Config(span=span, dialect=Dialect.MODERN, statements=())
        self.scope = Scope(config, world, report, Coverage.WHOLE)
        self.scope.tables.update(ruleset.tables)
        self.scope.actions.update(ruleset.actions)

    def property(self, children: list[Child]) -> Property | None:
        span = Span(self.source, 0, len(self.source.text))
        match str(children[0]):
            case "no-open-relay":
                return NoOpenRelay(span=span)
            case "always-tls-for-auth":
                return TlsForAuth(span=span)
            case "never":
                return self.never(span, children)
            case word:
                conditions = self.pattern(children[1:])
                return (
                    None if conditions is None else Pattern(span=span, accepts=word == "accepts", conditions=conditions)
                )

    def never(self, span: Span, children: list[Child]) -> Never:
        verdict = next((each for each in children if isinstance(each, syntax.Option)), None)
        name = verdict.argument if verdict is not None and isinstance(verdict.argument, Word) else None
        exception = next((each for each in children if isinstance(each, list)), [])
        return Never(
            span=span,
            conditions=self.conditions(children),
            action=self.scope.find("action", self.scope.actions, name, UNKNOWN_ACTION) if name else None,
            rejects=verdict is not None and name is None,
            exception=self.conditions(exception),
        )

    def pattern(self, children: list[Child]) -> tuple[Condition, ...] | None:
        """Return the conditions of a pattern; one in quotes is a text of its own."""
        if not isinstance(children[0], Token):
            return self.conditions(children)
        token = children[0]
        if token[:1] not in "\"'":
            message = f"expected a pattern in quotes, or conditions, found {describe(token)}"
            start = token.start_pos or 0
            help_text = f'write for example `"from any for domain {token}"`'
            self.report(SYNTAX_ERROR.at(Span(self.source, start, start + len(token)), message, help=help_text))
            return None
        # Blanks keep the columns: what is in the quotes stands where it stood.
        start = (token.start_pos or 0) + 1
        inside = Source(self.source.name, " " * start + _unprotected(token[1:-1]))
        mistakes = Report()
        tree = _parse(inside, "property_conditions", mistakes)
        for found in mistakes.diagnostics:
            self.report(found.replace(span=Span(self.source, found.span.start, found.span.end), fix=None))
        return None if tree is None else self.conditions(tree)

    def conditions(self, children: list[Child]) -> tuple[Condition, ...]:
        found = [
            each for child in children if isinstance(child, Criterion) for each in conditions_of(child, self.scope)
        ]
        # `from any` says nothing, and its negation that there is nobody.
        return tuple(each for each in found if each.negated or not isinstance(each.question, AnySource))
