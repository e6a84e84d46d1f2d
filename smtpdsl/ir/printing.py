"""A syntax tree to text, in either generation of the language: the inverse of the parser.

    parse(print_config(config, lexicon)) == config

One statement is one line and one blank stands between two words; comments are no part
of the tree.  A word is bare where it reads back as that word, and quoted elsewhere.

What has no text raises ValueError: statements with syntax errors, statements of the
other generation, and what only the translation of a legacy tree makes (an empty chain,
`bounce warn-interval` without a time).
"""

from __future__ import annotations

from functools import singledispatchmethod

from smtpdsl.ir import syntax
from smtpdsl.ir.print_parts import Lexicon, PartPrinter
from smtpdsl.ir.syntax import Node, Word

__all__ = ["Lexicon", "print_config", "print_statement"]

_ONLY_MODERN = (
    syntax.Action,
    syntax.Match,
    syntax.FilterProc,
    syntax.FilterExec,
    syntax.FilterBuiltin,
    syntax.FilterChain,
    syntax.Proc,
    syntax.MdaWrapper,
    syntax.RetryAfter,
    syntax.DkimSign,
    syntax.OAuthIssuer,
)
_ONLY_LEGACY = (syntax.LegacyRule, syntax.LegacyFilter)

# The settings of the legacy language; the tree has the modern name of each.
_LEGACY_SETTINGS = {
    ("queue", "ttl"): ("expire",),
    ("bounce", "warn-interval"): ("bounce-warn",),
    ("smtp", "max-message-size"): ("max-message-size",),
    ("smtp", "ciphers"): ("ciphers",),
    ("smtp", "sub-addr-delim"): ("subaddressing-delimiter",),
    ("mta", "max-deferred"): ("max-mta-deferred",),
    ("queue", "compression"): ("queue", "compression"),
    ("queue", "encryption"): ("queue", "encryption"),
    ("curve",): ("curve",),
    ("enqueuer", "filter"): ("enqueuer", "filter"),
}
_DELAYS = ("bounce", "warn-interval")
_WITH_COMMAS = {_DELAYS, ("mta", "trust-resolver")}


def print_config(config: syntax.Config, lexicon: Lexicon, *, inline_includes: bool = False) -> str:
    """Return the text of *config* in the dialect of *lexicon*.

    Without *inline_includes* it is the text of the configuration's own file: an `include`
    stays one, and the statements that come from elsewhere are left out.  With it, they
    stand in the place of the `include`, and the text needs no other file.

    Raises:
        ValueError: A statement has no text; see the module.
    """
    own = config.span.written().span.source
    printer = _Printer(lexicon)
    lines = []
    for statement in config.statements:
        if inline_includes:
            is_wanted = not isinstance(statement, syntax.Include)
        else:
            is_wanted = statement.span.written().span.source is own
        if is_wanted:
            lines.append(printer.line(statement))
    return "".join(f"{line}\n" for line in lines)


def print_statement(statement: syntax.Statement, lexicon: Lexicon) -> str:
    """Return the line of *statement*, without its newline; raises like `print_config`."""
    return _Printer(lexicon).line(statement)


class _Printer(PartPrinter):
    """Writes the statements."""

    def line(self, statement: syntax.Statement) -> str:
        foreign = _ONLY_MODERN if self.is_legacy else _ONLY_LEGACY
        if isinstance(statement, foreign):
            raise self.has_no_text(statement)
        return " ".join(self.statement(statement))

    # ------------------------------------------------------------ statements

    @singledispatchmethod
    def statement(self, statement: Node) -> list[str]:
        raise self.has_no_text(statement)

    @statement.register
    def _(self, statement: syntax.Macro) -> list[str]:
        return [self.word(statement.name), "=", self.word(statement.value)]

    @statement.register
    def _(self, statement: syntax.Include) -> list[str]:
        return ["include", self.word(statement.path)]

    @statement.register
    def _(self, statement: syntax.Table) -> list[str]:
        content = statement.content
        return [
            "table",
            self.word(statement.name),
            self.word(content) if isinstance(content, Word) else self.braces(content),
        ]

    @statement.register
    def _(self, statement: syntax.Action) -> list[str]:
        options = self.options([statement.method, *statement.options])
        ttl = ["ttl", self.word(statement.ttl)] if statement.ttl is not None else []
        return ["action", self.word(statement.name), *options, *ttl]

    @statement.register
    def _(self, statement: syntax.Match) -> list[str]:
        verdict = ["action", self.word(statement.action)] if statement.action is not None else ["reject"]
        return ["match", *map(self.criterion, statement.criteria), *verdict]

    @statement.register
    def _(self, statement: syntax.Listen) -> list[str]:
        return ["listen on", self.word(statement.interface), *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.ListenSocket) -> list[str]:
        return ["listen on socket", *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.FilterProc) -> list[str]:
        return ["filter", self.word(statement.name), "proc", self.word(statement.proc)]

    @statement.register
    def _(self, statement: syntax.FilterExec) -> list[str]:
        name, command = self.words((statement.name, statement.command))
        return ["filter", name, "proc-exec", command, *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.FilterBuiltin) -> list[str]:
        name, phase = self.word(statement.name), statement.phase.text
        questions = map(self.criterion, statement.conditions)
        return ["filter", name, "phase", phase, "match", *questions, self.option(statement.decision)]

    @statement.register
    def _(self, statement: syntax.FilterChain) -> list[str]:
        return ["filter", self.word(statement.name), "chain", self.braces(statement.members)]

    @statement.register
    def _(self, statement: syntax.Proc) -> list[str]:
        return ["proc", *self.words((statement.name, statement.command)), *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.Pki) -> list[str]:
        return ["pki", self.word(statement.name), *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.Ca) -> list[str]:
        keyword = "certificate" if self.is_legacy else "cert"
        return ["ca", self.word(statement.name), keyword, self.word(statement.cert)]

    @statement.register
    def _(self, statement: syntax.MdaWrapper) -> list[str]:
        return ["mda wrapper", *self.words((statement.name, statement.command))]

    @statement.register
    def _(self, statement: syntax.Limits) -> list[str]:
        subsystem = statement.subsystem
        legacy_name = "session" if subsystem == "smtp" else subsystem
        head = ["limit", legacy_name] if self.is_legacy else [subsystem, "limit"]
        domain = ["for domain", self.word(statement.domain)] if statement.domain is not None else []
        families = [family.text for family in statement.families]
        limits = [f"{self.word(limit.key)} {self.argument(limit.value)}" for limit in statement.limits]
        return [*head, *domain, *families, *limits]

    @statement.register
    def _(self, statement: syntax.RetryAfter) -> list[str]:
        domain = ["for domain", self.word(statement.domain)] if statement.domain is not None else []
        status = ["on", self.argument(statement.status)] if statement.status is not None else []
        return [statement.subsystem, "retry-after", *domain, *status, ", ".join(self.words(statement.delays))]

    @statement.register
    def _(self, statement: syntax.DkimSign) -> list[str]:
        return ["dkim-sign", self.word(statement.name), "key", self.word(statement.key)]

    @statement.register
    def _(self, statement: syntax.OAuthIssuer) -> list[str]:
        return ["oauth-issuer", self.word(statement.issuer), *self.options(statement.options)]

    @statement.register
    def _(self, statement: syntax.Setting) -> list[str]:
        head, values = statement.words, [self.argument(value) for value in statement.values]
        if head in _WITH_COMMAS:
            values = [", ".join(values)] if values else []
        if self.is_legacy:
            if head not in _LEGACY_SETTINGS:
                raise self.has_no_text(statement)
            key = ["key"] if head == ("queue", "encryption") and values else []
            return [*_LEGACY_SETTINGS[head], *key, *values]
        if head in {("curve",), ("enqueuer", "filter")} or (head == _DELAYS and not values):
            raise self.has_no_text(statement)
        return [*head, *values]

    # ------------------------------------------------------------ the legacy language

    @statement.register
    def _(self, statement: syntax.LegacyRule) -> list[str]:
        return [
            "accept" if statement.accepts else "reject",
            *map(self._legacy_criterion, statement.criteria),
            *self.options(statement.mappings),
            *self._legacy_action(statement),
            *self.options(statement.trailers),
        ]

    def _legacy_criterion(self, criterion: syntax.LegacyCriterion) -> str:
        # `from ! local`, but `! authenticated`.
        first, *rest = criterion.words
        parts = [first, "!", *rest] if criterion.negated else [first, *rest]
        if criterion.negated and first == "authenticated":
            parts = ["!", first]
        if criterion.argument is not None:
            parts.append(self.argument(criterion.argument))
        return " ".join(parts)

    def _legacy_action(self, statement: syntax.LegacyRule) -> list[str]:
        action = statement.action
        if action is None:
            return []
        if isinstance(action, syntax.LegacyRelay):
            via = ["via", self.word(action.url)] if action.url is not None else []
            return ["relay", *via, *self.options(action.options)]
        user = ["as", self.word(statement.as_user)] if statement.as_user is not None else []
        return ["deliver to", self.option(action), *user]

    @statement.register
    def _(self, statement: syntax.LegacyFilter) -> list[str]:
        head = "filterchain" if statement.is_chain else "filter"
        return [head, self.word(statement.name), *self.words(statement.words)]
