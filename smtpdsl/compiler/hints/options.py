"""Mistakes in the options of a statement: misspelt, misplaced, without what they need."""

from __future__ import annotations

import re

from smtpdsl.compiler.hints.quoting import METHODS
from smtpdsl.compiler.syntax_errors import SyntaxContext, describe, expectation
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.syntax import quote

_CONDITIONS = frozenset({"!", "fcrdns", "rdns", "src", "helo", "auth", "mail-from", "rcpt-to"})
_DECISIONS = frozenset({"reject", "disconnect", "rewrite", "report", "junk", "bypass"})


def negation(context: SyntaxContext) -> Diagnostic | None:
    """Find a `!` that is not in front of a whole condition."""
    previous = context.previous
    if context.head not in {"match", "filter"} or previous is None:
        return None
    if str(context.bad) == "not" and "!" in context.words:
        fix = Fix.replacing(context.bad_span, "!")
        return SYNTAX_ERROR.at(context.bad_span, "`not` is no word of this language", help="write `!`", fix=fix)
    if str(context.bad) in {"and", "&&"}:
        statement = "rule" if context.head == "match" else "filter"
        return SYNTAX_ERROR.at(
            context.bad_span,
            f"`{context.bad}` between conditions",
            help=f"remove it: all conditions of a {statement} must hold",
        )
    if str(context.bad) != "!":
        return None
    if previous.text == "!":
        return SYNTAX_ERROR.at(context.bad_span, "a doubled `!`", help="remove both: twice not is the same as nothing")
    if previous.text not in {"from", "for", "regex"}:
        return None
    return SYNTAX_ERROR.at(
        context.bad_span,
        f"`!` after `{previous.text}`",
        help=f"the `!` comes before the whole condition: `!{previous.text} …`" if previous.text != "regex" else "",
    )


def late_condition(context: SyntaxContext) -> Diagnostic | None:
    """Find a condition of a built-in filter behind its decision."""
    words = [token.text for token in context.tokens]
    if context.head != "filter" or "phase" not in words or str(context.bad) not in _CONDITIONS:
        return None
    decision = next((word for word in words[words.index("phase") :] if word in _DECISIONS), None)
    if decision is None:
        return None
    return SYNTAX_ERROR.at(
        context.bad_span, f"a condition behind `{decision}`", help="what a filter asks stands before what it does"
    )


def out_of_order(context: SyntaxContext) -> Diagnostic | None:
    """Find keywords that have a place in this statement, but not here."""
    if context.bad.type in {"_NL", "$END"}:
        return None
    if context.head == "action":
        return _action(context)
    bad, words = str(context.bad), [token.text for token in context.tokens]
    if context.head == "match" and "action" in words[:-1]:
        message = f"{describe(context.bad)} after the action of a rule"
        return SYNTAX_ERROR.at(
            context.bad_span, message, help="conditions come before `action`, and a rule has one action"
        )
    if context.head == "match" and words[-1] == "reject":
        help_text = (
            "a rule rejects or names an action" if bad == "action" else "only a filter rejects with a text of yours"
        )
        return SYNTAX_ERROR.at(context.bad_span, f"{describe(context.bad)} after `reject`", help=help_text)
    if context.head == "match" and bad in METHODS and "action" in context.words:
        return SYNTAX_ERROR.at(
            context.bad_span,
            f"`{bad}` in a rule",
            help=f'declare `action "name" {bad} …`, and end the rule with `action "name"`',
        )
    return None


def _action(context: SyntaxContext) -> Diagnostic | None:
    bad, span, words = str(context.bad), context.bad_span, [token.text for token in context.tokens]
    method = next((word for word in words[2:] if word in METHODS), None)
    if method is None:
        if len(words) != 2 or context.bad.type in {"STRAY", "NUM"}:  # noqa: PLR2004 - action, name
            return None
        message = f"expected the method of the action, found {describe(context.bad)}"
        if near := nearest(bad, METHODS):
            fix = Fix.replacing(span, near)
            return SYNTAX_ERROR.at(span, message, label="unknown word", help=f"did you mean `{near}`?", fix=fix)
        help_text = "`mbox`, `maildir`, `lmtp`, `mda`, `relay`, … comes right after the name, then its options"
        return SYNTAX_ERROR.at(span, message, help=help_text)
    if "ttl" in words and "ttl" not in context.words and bad != "ttl":
        return SYNTAX_ERROR.at(
            span, f"{describe(context.bad)} after `ttl`", help="`ttl` must be the last option of an action"
        )
    local, relaying = {"alias", "virtual", "userbase", "user", "wrapper"}, {"host", "helo", "src", "tls", "auth", "pki"}
    if bad in local and method == "relay":
        return SYNTAX_ERROR.at(span, f"`{bad}` has no meaning in a relay action", label="for local deliveries only")
    if bad in relaying and method != "relay":
        return SYNTAX_ERROR.at(span, f"`{bad}` has no meaning in a local action", label="for `relay` only")
    if words[-1] in {"junk", "rcpt-to"} and context.bad.type in {"STR", "STRAY"}:
        return SYNTAX_ERROR.at(
            span, f"an argument after `{words[-1]}`", help=f"write it between `{method}` and `{words[-1]}`"
        )
    if bad in {"junk", "rcpt-to"} and bad not in context.words:
        owner = "maildir" if bad == "junk" else "lmtp"
        return SYNTAX_ERROR.at(span, f"`{bad}` out of its place", help=f"it follows `{owner}` and its argument at once")
    if bad in METHODS:
        return SYNTAX_ERROR.at(span, f"a second method: `{bad}`", label=f"after `{method}`", help="write two actions")
    return None


def missing_word(context: SyntaxContext) -> Diagnostic | None:
    """Find a name where a keyword should have introduced it."""
    if context.bad.type in {"_NL", "$END", "STRAY"} or not context.tokens or context.wants_word:
        return None
    bad, span = str(context.bad), context.bad_span
    wanted = None
    if context.head == "match" and "action" in context.words and len(context.rest) == 1:
        wanted = "action"
    elif context.head == "filter" and "proc-exec" in context.words and bad[0] in "\"'":
        wanted = "proc-exec"
    elif len(context.words) == 1 and context.words[0].isalpha() and not nearest(bad, context.words):
        wanted = context.words[0]
    if wanted is None:
        return None
    return SYNTAX_ERROR.at(
        span,
        f"expected `{wanted}` before {describe(context.bad)}",
        label=f"`{wanted}` is missing",
        help=f"write `{wanted} {bad}`",
        fix=Fix.replacing(Span(context.source, span.start, span.start), f"{wanted} "),
    )


def trailing_semicolon(context: SyntaxContext) -> Diagnostic | None:
    """Find `tls;`: a word may contain the sign, and no keyword does."""
    bad = str(context.bad)
    if context.bad.type != "STR" or not bad.endswith(";") or bad.rstrip(";") not in context.words:
        return None
    end = context.bad_span.end
    sign = Span(context.source, end - len(bad) + len(bad.rstrip(";")), end)
    help_text = "remove it: a statement ends with its line"
    fix = Fix.replacing(sign, "", safe=True)
    return SYNTAX_ERROR.at(sign, "a semicolon after a keyword", help=help_text, fix=fix)


def unknown_option(context: SyntaxContext) -> Diagnostic | None:
    """Find a word where a keyword is wanted."""
    if context.bad.type != "STR" or context.wants_word or not context.tokens or context.words == ["="]:
        return None
    bad, span = str(context.bad), context.bad_span
    message = f"expected {expectation(context)}, found {describe(context.bad)}"
    if bad[0] in "\"'" and (word := bad[1:-1]) in context.words:
        fix = Fix.replacing(span, word)
        return SYNTAX_ERROR.at(span, message, label="no keyword", help=f"write `{word}` without quotes", fix=fix)
    if context.words == [","]:
        return SYNTAX_ERROR.at(span, "two values without a comma between them", help=f"write `, {bad}`")
    candidates = [word for word in context.words if word[0].isalpha()]
    if (stripped := bad.rstrip(":;")) in candidates:
        help_text = f"write `{stripped}`: no sign follows a keyword"
        return SYNTAX_ERROR.at(span, message, label="unknown word", help=help_text, fix=Fix.replacing(span, stripped))
    near = nearest(bad, candidates) if bad[0] not in "\"'" else None
    if near and near == bad.lower():
        return SYNTAX_ERROR.at(
            span, message, label="keywords are in lower case", help=f"write `{near}`", fix=Fix.replacing(span, near)
        )
    if near:
        return SYNTAX_ERROR.at(
            span, message, label="unknown word", help=f"did you mean `{near}`?", fix=Fix.replacing(span, near)
        )
    return None


def not_a_number(context: SyntaxContext) -> Diagnostic | None:
    """Find a word where a bare number is wanted."""
    if context.bad.type != "STR" or context.expected_terminals != {"NUM"}:
        return None
    bad, span = str(context.bad), context.bad_span
    if (number := bad.strip("\"'")).isdigit():
        fix = Fix.replacing(span, number, safe=True)
        return SYNTAX_ERROR.at(span, "a number stands without quotes", help=f"write `{number}`", fix=fix)
    help_text = "write the number out: it takes no unit" if bad[0].isdigit() else ""
    return SYNTAX_ERROR.at(span, f"expected a number, found {describe(context.bad)}", label="no number", help=help_text)


def doubled_word(context: SyntaxContext) -> Diagnostic | None:
    """Find `listen listen on lo`."""
    bad, previous = str(context.bad), context.previous
    if previous is None or previous.text != bad or not bad.isalpha() or bad in context.words:
        return None
    both = context.span(previous).to(context.bad_span)
    return SYNTAX_ERROR.at(
        context.bad_span, f"`{bad}` twice", label="again", help="remove one", fix=Fix.replacing(both, bad)
    )


def unit_alone(context: SyntaxContext) -> Diagnostic | None:
    """Find `35 M`: a number and its unit are one word."""
    previous, bad = context.previous, str(context.bad)
    if previous is None or not previous.text.isdigit() or not re.fullmatch(r"[A-Za-z]{1,2}", bad):
        return None
    span = Span(context.source, previous.start, context.bad_span.end)
    whole = previous.text + bad[0]
    return SYNTAX_ERROR.at(
        span, "a number and its unit are one word", help=f"write `{whole}`", fix=Fix.replacing(span, whole)
    )


def text_of_several_words(context: SyntaxContext) -> Diagnostic | None:
    """Find a command or a reply without quotes, of which only the first word was taken."""
    before = [token.text for token in context.tokens[-2:]]
    commands = {"mda", "proc-exec", "reject", "disconnect", "rewrite", "report", "="}
    is_command = len(before) == 2 and (before[0] in commands or (context.head == "proc" and len(context.tokens) == 3))  # noqa: PLR2004
    if not is_command or before[1][0] in "\"'" or context.bad.type not in {"STR", "STRAY", "NUM"}:
        return None
    span = Span(context.source, context.tokens[-1].start, context.rest[-1].end)
    return SYNTAX_ERROR.at(
        span,
        "a text of several words needs quotes",
        label="needs quotes around all of it",
        help=f"write {quote(span.text)}",
    )


def kind_of_comparison(context: SyntaxContext) -> Diagnostic | None:
    """Find `from "192.0.2.1"`, `for "example.org"`: what is compared is not said."""
    previous = context.previous
    if previous is None or previous.text not in {"from", "for"} or context.head != "match":
        return None
    if context.bad.type in {"_NL", "$END"}:
        return None
    word, kind = previous.text, {"from": "src", "for": "domain"}[previous.text]
    value = str(context.bad)
    return SYNTAX_ERROR.at(
        context.bad_span,
        f"`{word}` needs a word that says what is compared",
        label=f"expected {expectation(context)}",
        help=f"write `{word} {kind} {value if value not in '<{' else '…'}`",
    )
