"""Mistakes in the rules of the language before 6.4: the parts of a rule have a fixed order."""

from __future__ import annotations

from smtpdsl.compiler.syntax_errors import SyntaxContext, describe
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.ir.syntax import Dialect

_CONDITIONS = frozenset({"tagged", "authenticated", "from", "for", "sender", "recipient", "!"})
_MAPPINGS = frozenset({"alias", "virtual", "userbase"})
_RELAY_OPTIONS = frozenset({"as", "source", "helo", "hostname", "hostnames", "pki", "ca", "auth", "verify", "backup"})


def part_of_rule(context: SyntaxContext) -> Diagnostic | None:
    """Find a part of a rule that comes too late, or that its action does not take."""
    if context.dialect is not Dialect.LEGACY or context.head not in {"accept", "reject"}:
        return None
    bad, span = str(context.bad), context.bad_span
    words = {token.text for token in context.tokens}
    if bad == "<" and all(token.text != "from" for token in context.tokens[-2:]):
        name = context.rest[1].text if len(context.rest) > 1 else "name"
        return SYNTAX_ERROR.at(
            span,
            "a table without a word that says what is looked up",
            help=f"write `from source <{name}>`, `for domain <{name}>` or `sender <{name}>`",
        )
    if bad == "all" and context.previous is not None and "any" in context.words:
        fix = Fix.replacing(span, "any")
        return SYNTAX_ERROR.at(span, f'no kind of mail is called "{bad}"', help="write `any`", fix=fix)
    if bad in _CONDITIONS:
        return SYNTAX_ERROR.at(
            span,
            f"the condition {describe(context.bad)} comes too late",
            help="the order is: conditions, then `alias`, `virtual` or `userbase`, then `deliver` or `relay`",
        )
    if bad in _MAPPINGS and words & {"deliver", "relay"}:
        return SYNTAX_ERROR.at(
            span,
            f"`{bad}` comes too late",
            help=f"write `{bad}` before `{'deliver' if 'deliver' in words else 'relay'}`",
        )
    if bad in {"deliver", "relay"} and "forward-only" in words:
        return SYNTAX_ERROR.at(span, f"`{bad}` after `forward-only`", help="write one of them")
    if bad in _RELAY_OPTIONS and "deliver" in words:
        return SYNTAX_ERROR.at(span, f"{describe(context.bad)} has no meaning in a delivery", label="for `relay` only")
    if bad in {"auth", "verify"} and "via" not in words:
        return SYNTAX_ERROR.at(span, f'`{bad}` without `via "url"`', help='write `relay via "tls+auth://label@host" …`')
    return None
