"""Words of one generation of the language in a file of the other.

The language changed in 6.4, with releases before and after in use and tutorials for
both.  A word of the other generation is answered with the one that says the same here.
"""

from __future__ import annotations

from smtpdsl.compiler.syntax_errors import SyntaxContext, describe, expectation
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import Dialect

# What another word says since 6.4.
_RENAMED = {
    "all": "any",
    "authenticated": "auth",
    "certificate": "cert",
    "expire": "ttl",
    "mask-source": "mask-src",
    "recipient": "rcpt-to",
    "sender": "mail-from",
    "source": "src",
    "tagged": "tag",
    "via": "host",
}
_RENAMED_STATEMENTS = {
    "bounce-warn": "bounce warn-interval",
    "ciphers": "smtp ciphers",
    "expire": "queue ttl",
    "max-message-size": "smtp max-message-size",
    "max-mta-deferred": "mta max-deferred",
    "subaddressing-delimiter": "smtp sub-addr-delim",
}
# Those that need more than another word.
_REPLACED = {
    "as": "for a relay write `mail-from`, for a delivery `user`",
    "deliver": "the method alone is written: `maildir`, `mbox`, `mda` or `lmtp`",
    "dhparams": "write `dhe auto`",
    "hostname": "for a relay write `helo`",
    "hostnames": "for a relay write `helo-src`",
    "secure": "write two listeners: one with `tls`, one with `smtps`",
    "ssl": "write two listeners: one with `tls`, one with `smtps`",
}
_REPLACED_STATEMENTS = {
    "accept": 'write `action "name" …` for what is done and `match … action "name"` for when',
    "curve": "remove it",
    "enqueuer": "write `listen on socket filter …`",
    "filterchain": "write `filter name chain { a, b }`",
    "hostname": "the server's name is in the file `mailname`; a listener has an option `hostname`",
    "limit": "the subsystem comes first: `smtp limit`, `mta limit`, `mda limit`, `scheduler limit`",
    "map": "write `table name file:/path` or `table name { … }`",
    "reject": "write `match … reject`",
    "size": "write `smtp max-message-size …`",
}
# What 6.4 introduced, as the language before it has it.
_INTRODUCED = {
    "action": "write the method into the rule: `accept … deliver to …` or `accept … relay …`",
    "auth": "write `authenticated`",
    "bounce": "write `bounce-warn …`",
    "expand-only": "write a rule without `deliver` and `relay`",
    "helo": "write `hostname`",
    "helo-src": "write `hostnames`",
    "host": 'write `relay via "url"`',
    "mail-from": "write `sender`",
    "match": "write `accept …` or `reject …`",
    "no-verify": "remove it: only `verify` makes a relay look at certificates",
    "rcpt-to": "write `recipient`",
    "smtp": "write `max-message-size …`, `ciphers …`, `limit session …` or `subaddressing-delimiter …`",
    "src": "write `source`",
    "tag": "write `tagged`",
    "ttl": "write `expire`",
    "user": "write `as`",
}


def renamed_statement(word: str, span: Span, dialect: Dialect) -> Diagnostic | None:
    """Answer a statement that begins with a *word* of the other generation."""
    message = f"`{word}` begins no statement"
    if dialect is Dialect.LEGACY:
        return _introduced(word, span, message)
    return _renamed(word, span, message, _RENAMED_STATEMENTS) or _replaced(word, span, message, _REPLACED_STATEMENTS)


def renamed_option(context: SyntaxContext) -> Diagnostic | None:
    """Answer an option or a criterion of the other generation."""
    if not context.tokens or context.bad.type in {"_NL", "$END"} or (context.wants_word and context.bad.type == "STR"):
        return None
    word, span = str(context.bad), context.bad_span
    message = f"expected {expectation(context)}, found {describe(context.bad)}"
    if context.dialect is Dialect.LEGACY:
        return _introduced_criterion(context) or _introduced(word, span, message)
    if word == "certificate" and context.head == "listen":
        return _renamed(word, span, message, {word: "pki"})
    if word == "verify" and context.head == "action":
        return SYNTAX_ERROR.at(
            span,
            message,
            label="the default since 6.4",
            help="remove it: `tls` and `smtps://` verify unless `no-verify`",
        )
    return _renamed(word, span, message, _RENAMED) or _replaced(word, span, message, _REPLACED)


def _renamed(word: str, span: Span, message: str, names: dict[str, str]) -> Diagnostic | None:
    if (new := names.get(word)) is None:
        return None
    return SYNTAX_ERROR.at(
        span,
        message,
        label="renamed in 6.4",
        help=f"renamed in 6.4: write `{new}`",
        fix=Fix.replacing(span, new),
    )


def _replaced(word: str, span: Span, message: str, helps: dict[str, str]) -> Diagnostic | None:
    if word not in helps:
        return None
    return SYNTAX_ERROR.at(span, message, label="replaced in 6.4", help=f"replaced in 6.4: {helps[word]}")


def _introduced(word: str, span: Span, message: str) -> Diagnostic | None:
    if word not in _INTRODUCED:
        return None
    return SYNTAX_ERROR.at(
        span, message, label="new in 6.4", help=f"this file is in the language before 6.4: {_INTRODUCED[word]}"
    )


def _introduced_criterion(context: SyntaxContext) -> Diagnostic | None:
    """Find `from src <t>`: `src` is taken for a client's address there, and `<` does not fit."""
    if len(context.tokens) < 2 or context.tokens[-2].text != "from":  # noqa: PLR2004 - the word and what follows it
        return None
    kind = context.tokens[-1]
    return _introduced(kind.text, context.span(kind), f'"{kind.text}" is no kind of client')
