"""What a release refuses before it looks at tables: language, order, options."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.portability.finding import Candidate, differs, refused
from smtpdsl.compiler.raw_tokens import tokens_of
from smtpdsl.compiler.resolve.limits import OURS
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import EarlyUse
from smtpdsl.ir.syntax import Word

_FROM_TERMINAL = ("stdin", "-")
# Options that smtpdsl alone has, and what is to be done without them.
_OUR_OPTIONS = {
    "bare-lf": "remove it: OpenSMTPD takes a bare LF for the end of a line from everybody",
    "no-chunking": "remove it: OpenSMTPD never offers CHUNKING",
    "proxy-v1": "let the proxy send version 2, and use `proxy-v2`",
    "lmtp": "let whoever speaks LMTP speak SMTP",
    "xclient": "remove it: OpenSMTPD has no XCLIENT",
    **dict.fromkeys(("require-dane", "no-dane"), "remove it: OpenSMTPD has no DANE"),
    **dict.fromkeys(("require-mta-sts", "no-mta-sts"), "remove it: OpenSMTPD has no MTA-STS"),
}
# Statements, by their first words.
_OUR_SETTINGS = {
    ("queue", "encryption", "backup"): "remove it: that queue has one key",
    ("bounce", "report-template"): "remove it: the text of its reports cannot be changed",
    ("mta", "trust-resolver"): "remove it: OpenSMTPD has no DANE",
}


def legacy_language(candidate: Candidate) -> Iterator[Diagnostic]:
    """The language before 6.4: one finding for the whole file, at its first rule."""
    statements = candidate.config.statements
    first = next((each for each in statements if isinstance(each, syntax.LegacyRule)), None)
    span = first.span if first else statements[0].span if statements else candidate.config.span.source.whole()
    language = candidate.config.dialect.value
    message = f"{candidate.release} refuses this file: it is written in the language of {language}"
    help_text = "since 6.4 a rule is an `action` and a `match`; smtpd.conf(5) of that release has the words"
    yield refused(span, message, help_text)


def late_declarations(candidate: Candidate) -> Iterator[Diagnostic]:
    """A name before its declaration; each name is told once, at its first use."""
    first: dict[tuple[str, str], EarlyUse] = {}
    for use in sorted(candidate.ruleset.early_uses, key=lambda use: use.span.start):
        # The certificates of a relay are looked up at start, when everything is declared.
        if use.kind not in {"pki", "ca"} or not _is_in_action(use.span, candidate):
            first.setdefault((use.kind, use.name), use)
    for use in first.values():
        message = f'{candidate.release} refuses {use.kind} "{use.name}" here: it is declared further down'
        related = (Related(use.declared, "declared here"),)
        yield refused(use.span, message, "move the declaration above its first use", related)


def _is_in_action(span: Span, candidate: Candidate) -> bool:
    actions = (each.span for each in candidate.config.statements if isinstance(each, syntax.Action))
    return any(action.start <= span.start < action.end for action in actions)


def late_srs_key(candidate: Candidate) -> Iterator[Diagnostic]:
    """`srs` in an action above the statement `srs key`."""
    key = candidate.ruleset.settings.srs_key.span
    for _, option in candidate.options(syntax.Action):
        if option.keyword == "srs" and key is not None and key.start > option.span.start:
            message = f"{candidate.release} refuses `srs` here: its key is declared further down"
            yield refused(option.keyword_span, message, "move `srs key` up", (Related(key, "the key"),))
            return


def pki_in_other_case(candidate: Candidate) -> Iterator[Diagnostic]:
    """References are compared as they are with the declaration in lower case."""
    for _, option in candidate.options(syntax.Listen, syntax.Action):
        if option.keyword == "pki" and isinstance(option.argument, Word) and not _is_lower(option.argument.text):
            message = (
                f'{candidate.release} does not find pki "{option.argument.text}": it keeps the names in lower case'
            )
            yield refused(option.argument.span, message, f'write "{option.argument.text.lower()}"')


def _is_lower(text: str) -> bool:
    return text == text.lower()


def tls_strings(candidate: Candidate) -> Iterator[Diagnostic]:
    """`ciphers` and `protocols` of a listener or a relay."""
    for _, option in candidate.options(syntax.Listen, syntax.Action):
        if option.keyword in {"ciphers", "protocols"}:
            message = f"{candidate.release} refuses `{option.keyword}` here: it came with 7.3"
            help_text = "`smtp ciphers` is for all" if option.keyword == "ciphers" else "leave it out for that release"
            yield refused(option.keyword_span, message, help_text)


def several_certificates(candidate: Candidate) -> Iterator[Diagnostic]:
    """A second `pki` on one listener."""
    for listener in candidate.ruleset.listeners:
        if len(listener.pki_names) > 1:
            message = f"{candidate.release} refuses a second `pki` on a listener: several came with 7.3"
            yield refused(listener.pki_names[1].span, message, "get one certificate for all names")


def socket_without_dsn(candidate: Candidate) -> Iterator[Diagnostic]:
    """`listen on socket no-dsn`."""
    for _, option in candidate.options(syntax.ListenSocket):
        if option.keyword == "no-dsn":
            message = f"{candidate.release} refuses `no-dsn` on the socket, where it offers no DSN anyway"
            yield refused(option.keyword_span, message, "remove it")


def our_options(candidate: Candidate) -> Iterator[Diagnostic]:
    """Options of a listener or a relay that no release has."""
    for _, option in candidate.options(syntax.Listen, syntax.Action):
        if help_text := _OUR_OPTIONS.get(option.keyword):
            yield refused(option.keyword_span, _only_here(candidate, option.keyword), help_text)


def several_conditions(candidate: Candidate) -> Iterator[Diagnostic]:
    """A built-in filter that asks more than one thing."""
    for statement in candidate.config.statements:
        if isinstance(statement, syntax.FilterBuiltin) and len(statement.conditions) > 1:
            _, second, *_ = statement.conditions
            span = Span(second.span.source, second.span.start, statement.conditions[-1].span.end)
            message = f"{candidate.release} refuses a second condition: a filter asks one thing"
            yield refused(span, message, "leave all but one of them out: a chain of filters means any of them")


def our_limits(candidate: Candidate) -> Iterator[Diagnostic]:
    """Limits that no release has."""
    for statement in candidate.config.statements:
        if not isinstance(statement, syntax.Limits):
            continue
        for limit in statement.limits:
            if limit.key.text in OURS:
                help_text = "remove it: that server has none like it"
                yield refused(limit.key.span, _only_here(candidate, limit.key.text), help_text)


def our_statements(candidate: Candidate) -> Iterator[Diagnostic]:
    """Statements that no release has."""
    for statement in candidate.config.statements:
        match statement:
            case syntax.Setting(words=words) if help_text := _OUR_SETTINGS.get(words):
                words_shown = " ".join(words)
            case syntax.RetryAfter():
                words_shown = f"{statement.subsystem} retry-after"
                help_text = "remove it: OpenSMTPD has one schedule for everything"
            case syntax.DkimSign():
                words_shown, help_text = "dkim-sign", "sign with a filter: `filter-dkimsign` is one"
            case syntax.OAuthIssuer():
                words_shown, help_text = "oauth-issuer", "remove it: OpenSMTPD has no OAUTHBEARER"
            case _:
                continue
        yield refused(_head_span(statement, words_shown), _only_here(candidate, words_shown), help_text)


def _head_span(statement: syntax.Statement, words: str) -> Span:
    """Return where the first *words* of *statement* stand, if there is one blank between two of them."""
    span = statement.span
    return Span(span.source, span.start, span.start + len(words)) if span.text.startswith(words) else span


def _only_here(candidate: Candidate, word: str) -> str:
    return f"{candidate.release} refuses `{word}`: only smtpdsl has it"


def newlines_in_braces(candidate: Candidate) -> Iterator[Diagnostic]:
    """A newline may separate two entries, and stand nowhere else between braces."""
    for statement in candidate.config.statements:
        if "\n" in statement.span.text:
            for brace in _loose_braces(statement.span):
                message = f"{candidate.release} takes a newline between braces only in place of a comma"
                help_text = (
                    "put `{` and `}` on the lines of the first and the last entry, and no comma at an end of line"
                )
                yield refused(brace, message, help_text)


def _loose_braces(statement: Span) -> Iterator[Span]:
    """Yield the opening braces of lists with a newline after `{` or a comma, or before `}`."""
    brace: Span | None = None
    before = ""
    is_loose = False
    for token in tokens_of(statement.source.text, statement.start, statement.end):
        if token.kind in {"BLANK", "COMMENT"}:
            continue
        if token.text == "{":
            brace, is_loose = Span(statement.source, token.start, token.end), False
        elif token.kind == "NL":
            is_loose = is_loose or before in {"{", ","}
        elif token.text == "}":
            if brace is not None and (is_loose or before == "\n"):
                yield brace
            brace = None
        before = token.text


def queue_key_from_terminal(candidate: Candidate) -> Iterator[Diagnostic]:
    """A key that is read at start cannot be looked at before."""
    key = candidate.ruleset.settings.queue_encryption
    if key.span and key.value and key.value.lower() in _FROM_TERMINAL:
        message = f"`smtpd -n` of {candidate.release} refuses this key, though the server starts with it"
        yield differs(key.span, message, "do not take the answer of `smtpd -n` for a reason not to start")
