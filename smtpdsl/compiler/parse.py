"""Pass 2: the expanded text to a syntax tree, going on after an error.

    Expanded  ->  ir.syntax.Config

A syntax error costs its own statement and nothing else: the parser's stack is cut
back to statement level and reading goes on at the newline that ends the statement.
A discarded statement still declares its name, so that its uses are no errors.

Reports `syntax-error` (worded by `syntax_errors`), `oversized-text`,
`undecodable-text` and `too-many-errors`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from smtpdsl.compiler.build_tree import TreeBuilder
from smtpdsl.compiler.expand import Expanded
from smtpdsl.compiler.raw_tokens import statement_start, tokens_of
from smtpdsl.compiler.syntax_errors import SyntaxContext, declared_name, explain_syntax_error
from smtpdsl.compiler.tables import facts, load_parser
from smtpdsl.compiler.written import UNREADABLE
from smtpdsl.diagnostics.arrange import Place, place
from smtpdsl.diagnostics.codes import TOO_MANY_ERRORS
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Node, Statement

# A file with more errors than this is not what it was taken for; each costs a millisecond.
MAX_SYNTAX_ERRORS = 200


def parse(text: Expanded, dialect: Dialect, report: Report) -> syntax.Config:
    """Return the tree of *text*, read as *dialect*; its errors are reported."""
    source = text.source
    builder = _builder(dialect)
    builder.begin(source, report)
    recovery = _Recovery(source, dialect, report)
    statements: list[Statement]
    try:
        # The action of the start rule returns the list of statements, not a tree of Lark.
        statements = cast("list[Statement]", _parser(dialect).parse(source.text, on_error=recovery))
    except UnexpectedInput:
        # Only after `too-many-errors`, which has said so.
        statements = recovery.statements
    span = Span(source, 0, len(source.text))
    return syntax.Config(span=span, dialect=dialect, statements=(*recovery.first, *statements))


@cache
def _builder(dialect: Dialect) -> TreeBuilder:
    return TreeBuilder(dialect)


@cache
def _parser(dialect: Dialect) -> Lark:
    return load_parser(dialect, _builder(dialect))


class _Recovery:
    """What Lark calls at each error: reports it, cuts the stack, says where to go on."""

    def __init__(self, source: Source, dialect: Dialect, report: Report) -> None:
        self.source = source
        self.dialect = dialect
        self.report = report
        self.errors = 0
        self.first: list[Statement] = []
        """What was discarded before the parser had a list of statements."""
        self.statements: list[Statement] = []
        self._broken: list[tuple[int, int]] = []
        """Where the discarded statements begin and end, in order."""
        self._seen_values: set[tuple[Place, str]] = set()

    def __call__(self, error: UnexpectedInput) -> bool:
        """Return whether parsing shall go on; Lark raises *error* if not."""
        parser: Any = getattr(error, "interactive_parser")  # noqa: B009 - both kinds of error that there are have one
        stack, states = parser.parser_state.value_stack, parser.parser_state.state_stack
        # The statements read so far are the one list at the bottom; all above is the broken one.
        kept = 1 if stack and isinstance(stack[0], list) else 0
        if _is_complete(stack):
            # The line before only waited for a token that may follow it.
            stack[0].extend(_nodes(stack[1:-1]))
            del stack[1:], states[2:]
        self.statements = stack[0] if kept else self.first
        bad = _bad_token(error, self.source, self.dialect)
        start = _start(stack[kept]) if len(stack) > kept else bad.start_pos or 0
        is_known = bad == UNREADABLE or UNREADABLE in self.source.text[start : bad.start_pos]
        # What could have stood here takes longer to find out than all else.
        expected = frozenset[str]() if is_known else frozenset(parser.accepts())
        context = SyntaxContext(self.source, self.dialect, start, bad, expected)
        if not is_known:
            self._report(context)
        kind, name = declared_name(context)
        span = Span(self.source, start, max(start, bad.end_pos or start))
        del stack[kept:], states[kept + 1 :]
        self.statements.append(syntax.Discarded(span=span, kind=kind, name=name))
        parser.lexer_thread.state.line_ctr.char_pos = end = _end_of_statement(context)
        self._broken.append((start, end))
        if self.errors < MAX_SYNTAX_ERRORS:
            return True
        message = f"more than {MAX_SYNTAX_ERRORS} syntax errors; the rest of the file is not read"
        self.report(TOO_MANY_ERRORS.at(span, message, help="is this an smtpd.conf?"))
        return False

    def _report(self, context: SyntaxContext) -> None:
        found = explain_syntax_error(context)
        if (value := context.macro_value) is not None:
            # The mistake is in the definition: one finding for all references, or for the definition itself.
            known = (place(value.span), found.message)
            if known in self._seen_values or self._is_discarded(value.span):
                return
            self._seen_values.add(known)
        if self._names_a_discarded_table(context):
            return
        self.errors += 1
        self.report(found)

    def _names_a_discarded_table(self, context: SyntaxContext) -> bool:
        """Whether this is ``<keyword>``, and the table of that name has been reported where it is declared."""
        if context.previous is None or context.previous.text != "<":
            return False
        return any(
            isinstance(each, syntax.Discarded) and (each.kind, each.name) == ("table", str(context.bad))
            for each in self.statements
        )

    def _is_discarded(self, span: Span) -> bool:
        """Whether *span* lies in a statement that has been reported."""
        index = bisect_right(self._broken, (span.start, len(self.source.text))) - 1
        return span.source is self.source and index >= 0 and span.start < self._broken[index][1]


def _is_complete(stack: list[Any]) -> bool:
    """Whether the parser has read a whole line, and the newline after it."""
    if len(stack) < 2 or not isinstance(stack[0], list):  # noqa: PLR2004 - the statements, and the newline
        return False
    *line, end = stack[1:]
    return isinstance(end, Token) and end.type == "_NL" and not any(isinstance(each, Token) for each in line)


def _nodes(values: list[Any]) -> Iterator[Statement]:
    """Yield the statements among *values*; one that Lark has not handed on yet is still in a tree of its own."""
    for value in values:
        if isinstance(value, Node):
            yield cast("Statement", value)
        else:
            yield from _nodes(value.children)


def _start(value: Any) -> int:  # noqa: ANN401 - a token, a node, a list or a tree of them
    while not isinstance(value, Token | Node):
        value = value[0] if isinstance(value, list) else value.children[0]
    return (value.start_pos or 0) if isinstance(value, Token) else value.span.start


def _bad_token(error: UnexpectedInput, source: Source, dialect: Dialect) -> Token:
    if isinstance(error, UnexpectedCharacters):
        position = error.pos_in_stream or 0
        return Token("STRAY", source.text[position : position + 1], start_pos=position, end_pos=position + 1)
    assert isinstance(error, UnexpectedToken)
    token: Token = error.token
    if token.type == "$END":
        return Token("$END", "", start_pos=len(source.text), end_pos=len(source.text))
    if token.type == "STR" and token in facts().keywords[dialect]:
        # To the contextual lexer, a keyword where it has no place is any word.
        name = next(name for name, word in facts().words[dialect].items() if word == token)
        return Token(name, str(token), start_pos=token.start_pos, end_pos=token.end_pos)
    return token


def _end_of_statement(context: SyntaxContext) -> int:
    """The newline at which parsing goes on: the one that ends the broken statement.

    An open brace ends at its closing one, or at the next line that begins with a statement word.
    """
    text = context.source.text
    if (following := context.statement_in_braces) is not None:
        return text.rfind("\n", 0, following)
    if context.is_orphan:
        end = context.bad.start_pos or 0
        while (following := context.orphan_end(end)) is not None:
            end = following + 1
        return end - 1
    in_braces = context.has_open_brace
    is_line_fresh = False
    last_newline = len(text)
    at_start = context.list_is_on_next_line
    for token in tokens_of(text, context.continuation or context.bad.start_pos or 0):
        if token.kind == "NL":
            if not in_braces and not at_start:
                return token.start
            is_line_fresh, last_newline = True, token.start
        elif token.kind not in {"BLANK", "COMMENT"}:
            if in_braces and is_line_fresh and statement_start().match(text, token.start):
                return last_newline
            is_line_fresh = at_start = False
            if token.text in {"{", "}"}:
                in_braces = token.text == "{"
    return len(text)
