"""The actions of the grammar: what each production becomes in the syntax tree.

Lark calls the method named like a rule with what the rule matched: tokens (the
grammar keeps all of them) and the nodes of the rules below.  Methods are in the
order of `grammar.lark`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from lark import Token, Transformer

from smtpdsl.compiler.tables import facts
from smtpdsl.diagnostics.codes import OVERSIZED_TEXT, SYNTAX_ERROR, UNDECODABLE_TEXT
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Report
from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Node, Word, quote, unquote

Child: TypeAlias = Any
_MAX_WORD = 8095
_MAX_STRING = 8094
_MAX_NUMBER = 2**63 - 1
_MAX_DIGITS = 1000


def _is_str(child: Child) -> bool:
    return isinstance(child, Token) and child.type == "STR"


class TreeBuilder(Transformer[Token, syntax.Config]):
    """Makes `ir.syntax` nodes for one dialect; `begin` says which text the tokens are from."""

    def __init__(self, dialect: Dialect) -> None:
        """Build trees of *dialect*."""
        super().__init__()
        self._dialect = dialect
        self._never_names = facts().never_names[dialect]

    def begin(self, source: Source, report: Report) -> None:
        """Take tokens of *source* from now on."""
        self._source = source
        self._report = report

    # ------------------------------------------------------------ spans and leaves

    def _span(self, children: list[Child]) -> Span:
        first, last = children[0], children[-1]
        start = first.start_pos if type(first) is Token else first.span.start
        end = last.end_pos if type(last) is Token else last.span.end
        return Span(self._source, start or 0, end or 0)

    def _token_span(self, token: Token) -> Span:
        return Span(self._source, token.start_pos or 0, token.end_pos or 0)

    def _word(self, token: Token) -> Word:
        text, span = str(token), self._token_span(token)
        if text[0] in "\"'":
            value = unquote(text, self._dialect)
            self._check_string(value, span)
            return Word(span=span, text=value)
        if len(text) > _MAX_WORD:
            self._report(
                OVERSIZED_TEXT.at(
                    span,
                    f"a word of {len(text)} octets; the limit is {_MAX_WORD}",
                    help="is a blank missing somewhere?",
                )
            )
        if text in self._never_names:
            self._report(_reserved(text, span))
        return Word(span=span, text=text)

    def _check_string(self, value: str, span: Span) -> None:
        # Of few characters there cannot be too many octets.
        octets = len(value.encode("utf-8", "surrogateescape")) if len(value) > _MAX_STRING // 4 else 0
        if octets > _MAX_STRING:
            message = f"a string of {octets} octets; the limit is {_MAX_STRING}"
            self._report(OVERSIZED_TEXT.at(span, message, help="put long lists into a table file"))
        if not value.isascii() and any("\udc80" <= character <= "\udcff" for character in value):
            message = "this string is not UTF-8; its octets are used as they are"
            self._report(UNDECODABLE_TEXT.at(span, message, help="save the file as UTF-8"))

    def _number(self, token: Token) -> syntax.Number:
        # More digits than this are too many for `int`, and for the author too.
        value = int(token) if len(token) < _MAX_DIGITS else _MAX_NUMBER + 1
        if not -_MAX_NUMBER - 1 <= value <= _MAX_NUMBER:
            message = "this number does not fit in 64 bits"
            help_text = f"the largest is {_MAX_NUMBER}"
            self._report(SYNTAX_ERROR.at(self._token_span(token), message, help=help_text))
        return syntax.Number(span=self._token_span(token), value=value)

    def _leaf(self, child: Child) -> Child:
        if not isinstance(child, Token):
            return child
        return self._number(child) if child.type == "NUM" else self._word(child)

    def _words(self, children: list[Child]) -> tuple[Word, ...]:
        return tuple(self._word(child) for child in children if _is_str(child))

    def _option(self, children: list[Child]) -> syntax.Option:
        """``keyword [argument] [modifier]`` or ``keyword modifier argument``."""
        keyword = children[0]
        argument: syntax.Argument | None = None
        modifier: str | None = None
        for child in children[1:]:
            if not isinstance(child, Token) or child.type in {"STR", "NUM"}:
                argument = self._leaf(child)
            elif keyword.value == "port":
                # `smtp` and `smtps` are keywords that this option takes as service names.
                argument = Word(span=self._token_span(child), text=str(child))
            else:
                modifier = str(child)
        return syntax.Option(
            span=self._span(children),
            keyword=str(keyword),
            argument=argument,
            modifier=modifier,
            keyword_span=self._token_span(keyword),
        )

    @staticmethod
    def _options(children: list[Child]) -> tuple[syntax.Option, ...]:
        return tuple(child for child in children if isinstance(child, syntax.Option))

    # ------------------------------------------------------------ the list of statements

    def config(self, children: list[Child]) -> list[Node]:
        statements: list[Node] = children[0]
        return statements

    legacy_config = config

    def no_lines(self, _: list[Child]) -> list[Node]:
        return []

    def blank_line(self, children: list[Child]) -> list[Node]:
        statements: list[Node] = children[0]
        return statements

    def next_line(self, children: list[Child]) -> list[Node]:
        statements: list[Node] = children[0]
        statements.append(children[1])
        return statements

    # ------------------------------------------------------------ the modern language

    def macro(self, children: list[Child]) -> syntax.Macro:
        name, value = self._words(children)
        return syntax.Macro(span=self._span(children), name=name, value=value)

    def include(self, children: list[Child]) -> syntax.Include:
        return syntax.Include(span=self._span(children), path=self._word(children[1]))

    def table(self, children: list[Child]) -> syntax.Table:
        name, content = self._word(children[1]), self._leaf(children[2])
        return syntax.Table(span=self._span(children), name=name, content=content)

    def action(self, children: list[Child]) -> syntax.Action:
        method, *options = self._options(children)
        return syntax.Action(
            span=self._span(children),
            name=self._word(children[1]),
            method=method,
            options=tuple(options),
            ttl=children[-1] if isinstance(children[-1], Word) else None,
        )

    mbox = maildir = lmtp = mda_command = forward_only = expand_only = relay = _option
    local_option = relay_option = _option

    def ttl(self, children: list[Child]) -> Word:
        return self._word(children[1])

    def match(self, children: list[Child]) -> syntax.Match:
        verdict = children[-1]
        return syntax.Match(
            span=self._span(children),
            criteria=tuple(child for child in children if isinstance(child, syntax.Criterion)),
            action=verdict.argument if isinstance(verdict.argument, Word) else None,
            verdict_span=verdict.span,
        )

    def criterion(self, children: list[Child]) -> syntax.Criterion:
        words = [str(child) for child in children if isinstance(child, Token) and child.type != "STR"]
        table = None if isinstance(children[-1], Token) else children[-1]
        return syntax.Criterion(
            span=self._span(children),
            words=tuple(word for word in words if word != "regex"),
            regex="regex" in words,
            table=table,
        )

    condition = criterion

    def negated_criterion(self, children: list[Child]) -> syntax.Criterion:
        criterion: syntax.Criterion = children[1]
        return criterion.replace(negated=True, span=self._span(children))

    negated_condition = negated_criterion
    reject = dispatch = _option

    def listen(self, children: list[Child]) -> syntax.Listen:
        interface = self._word(children[2])
        return syntax.Listen(span=self._span(children), interface=interface, options=self._options(children))

    def listen_socket(self, children: list[Child]) -> syntax.ListenSocket:
        return syntax.ListenSocket(span=self._span(children), options=self._options(children))

    listen_option = socket_option = _option

    def filter_proc(self, children: list[Child]) -> syntax.FilterProc:
        name, proc = self._words(children)
        return syntax.FilterProc(span=self._span(children), name=name, proc=proc)

    def filter_exec(self, children: list[Child]) -> syntax.FilterExec:
        name, command = self._words(children)
        options = self._options(children)
        return syntax.FilterExec(span=self._span(children), name=name, command=command, options=options)

    def filter_builtin(self, children: list[Child]) -> syntax.FilterBuiltin:
        return syntax.FilterBuiltin(
            span=self._span(children),
            name=self._word(children[1]),
            phase=children[3],
            conditions=tuple(child for child in children if isinstance(child, syntax.Criterion)),
            decision=children[-1],
        )

    def phase(self, children: list[Child]) -> Word:
        return Word(span=self._span(children), text=str(children[0]))

    decision = _option

    def filter_chain(self, children: list[Child]) -> syntax.FilterChain:
        return syntax.FilterChain(span=self._span(children), name=self._word(children[1]), members=children[3])

    def proc(self, children: list[Child]) -> syntax.Proc:
        name, command = self._words(children)
        options = self._options(children)
        return syntax.Proc(span=self._span(children), name=name, command=command, options=options)

    proc_option = _option

    def pki(self, children: list[Child]) -> syntax.Pki:
        return syntax.Pki(span=self._span(children), name=self._word(children[1]), options=self._options(children))

    pki_option = _option

    def ca(self, children: list[Child]) -> syntax.Ca:
        name, cert = self._words(children)
        return syntax.Ca(span=self._span(children), name=name, cert=cert)

    def mda_wrapper(self, children: list[Child]) -> syntax.MdaWrapper:
        name, command = self._words(children)
        return syntax.MdaWrapper(span=self._span(children), name=name, command=command)

    def _limits(self, subsystem: str, children: list[Child]) -> syntax.Limits:
        domains = self._words(children)
        return syntax.Limits(
            span=self._span(children),
            subsystem=subsystem,
            domain=domains[0] if domains else None,
            limits=tuple(child for child in children if isinstance(child, syntax.Limit)),
            families=tuple(child for child in children if isinstance(child, Word)),
        )

    def mda_limit(self, children: list[Child]) -> syntax.Limits:
        return self._limits("mda", children)

    def mta_limit(self, children: list[Child]) -> syntax.Limits:
        return self._limits("mta", children)

    def smtp_limit(self, children: list[Child]) -> syntax.Limits:
        return self._limits("smtp", children)

    def scheduler_limit(self, children: list[Child]) -> syntax.Limits:
        return self._limits("scheduler", children)

    family = phase

    def limit(self, children: list[Child]) -> syntax.Limit:
        key, value = (self._leaf(child) for child in children if isinstance(child, Token))
        assert isinstance(key, Word)
        return syntax.Limit(span=self._span(children), key=key, value=value)

    session_limit = limit

    def _setting(self, words: str, children: list[Child]) -> syntax.Setting:
        values = [child for child in children if isinstance(child, Token) and child.type in {"STR", "NUM"}]
        return syntax.Setting(
            span=self._span(children),
            words=tuple(words.split()),
            values=tuple(self._leaf(value) for value in values),
        )

    def mta_max_deferred(self, children: list[Child]) -> syntax.Setting:
        return self._setting("mta max-deferred", children)

    def smtp_ciphers(self, children: list[Child]) -> syntax.Setting:
        return self._setting("smtp ciphers", children)

    def smtp_max_message_size(self, children: list[Child]) -> syntax.Setting:
        return self._setting("smtp max-message-size", children)

    def smtp_sub_addr_delim(self, children: list[Child]) -> syntax.Setting:
        return self._setting("smtp sub-addr-delim", children)

    def queue_compression(self, children: list[Child]) -> syntax.Setting:
        return self._setting("queue compression", children)

    def queue_encryption(self, children: list[Child]) -> syntax.Setting:
        return self._setting("queue encryption", children)

    def queue_encryption_backup(self, children: list[Child]) -> syntax.Setting:
        return self._setting("queue encryption backup", children)

    def queue_ttl(self, children: list[Child]) -> syntax.Setting:
        return self._setting("queue ttl", children)

    def srs_key(self, children: list[Child]) -> syntax.Setting:
        return self._setting("srs key", children)

    def srs_key_backup(self, children: list[Child]) -> syntax.Setting:
        return self._setting("srs key backup", children)

    def srs_ttl(self, children: list[Child]) -> syntax.Setting:
        return self._setting("srs ttl", children)

    def bounce_warn_interval(self, children: list[Child]) -> syntax.Setting:
        return self._setting("bounce warn-interval", children)

    def bounce_report_template(self, children: list[Child]) -> syntax.Setting:
        return self._setting("bounce report-template", children)

    def admd(self, children: list[Child]) -> syntax.Setting:
        return self._setting("admd", children)

    def mta_trust_resolver(self, children: list[Child]) -> syntax.Setting:
        return self._setting("mta trust-resolver", children)

    def mda_retry_after(self, children: list[Child]) -> syntax.RetryAfter:
        parts = {part.keyword: part.argument for part in self._options(children)}
        domain, status = parts.get("for"), parts.get("on")
        return syntax.RetryAfter(
            span=self._span(children),
            subsystem=str(children[0]),
            delays=self._words(children),
            domain=domain if isinstance(domain, Word) else None,
            status=status if isinstance(status, Word | syntax.Number) else None,
        )

    mta_retry_after = mda_retry_after
    retry_domain = retry_status = _option

    def dkim_sign(self, children: list[Child]) -> syntax.DkimSign:
        name, key = self._words(children)
        return syntax.DkimSign(span=self._span(children), name=name, key=key)

    def oauth_issuer(self, children: list[Child]) -> syntax.OAuthIssuer:
        issuer, options = self._word(children[1]), self._options(children)
        return syntax.OAuthIssuer(span=self._span(children), issuer=issuer, options=options)

    oauth_option = _option

    # ------------------------------------------------------------ shared by both languages

    def single(self, children: list[Child]) -> syntax.InlineList:
        return syntax.InlineList(span=self._span(children), entries=self._words(children))

    inline_list = single

    def named(self, children: list[Child]) -> syntax.NamedTable:
        return syntax.NamedTable(span=self._span(children), name=self._word(children[1]))

    def inline_mapping(self, children: list[Child]) -> syntax.InlineMapping:
        pairs = tuple(child for child in children if isinstance(child, syntax.Pair))
        return syntax.InlineMapping(span=self._span(children), pairs=pairs)

    def pair(self, children: list[Child]) -> syntax.Pair:
        key, value = self._words(children)
        return syntax.Pair(span=self._span(children), key=key, value=value)

    # ------------------------------------------------------------ the legacy language

    def legacy_accept(self, children: list[Child]) -> syntax.LegacyRule:
        options = self._options(children)
        mappings = [each for each in options if each.keyword in {"alias", "virtual", "userbase"}]
        trailers = [each for each in options if each.keyword in {"expire", "forward-only"}]
        relays = [child for child in children if isinstance(child, syntax.LegacyRelay)]
        deliveries = [child for child in children if isinstance(child, _Delivery)]
        return syntax.LegacyRule(
            span=self._span(children),
            accepts=True,
            criteria=tuple(child for child in children if isinstance(child, syntax.LegacyCriterion)),
            mappings=tuple(mappings),
            action=relays[0] if relays else deliveries[0].method if deliveries else None,
            as_user=deliveries[0].user if deliveries else None,
            trailers=tuple(trailers),
        )

    def legacy_reject(self, children: list[Child]) -> syntax.LegacyRule:
        accepted = self.legacy_accept(children)
        return accepted.replace(accepts=False)

    def legacy_criterion(self, children: list[Child]) -> syntax.LegacyCriterion:
        words = [child for child in children if isinstance(child, Token) and child.type != "STR"]
        rest = [child for child in children if _is_str(child) or not isinstance(child, Token)]
        return syntax.LegacyCriterion(
            span=self._span(children),
            words=tuple(str(word) for word in words if word != "!"),
            negated="!" in words,
            argument=self._leaf(rest[0]) if rest else None,
        )

    legacy_authenticated = legacy_criterion
    legacy_unauthenticated = legacy_criterion
    legacy_mapping = _option

    def _delivery(self, children: list[Child]) -> _Delivery:
        users = [child for child in children if isinstance(child, _AsUser)]
        method = self._option([child for child in children if not isinstance(child, _AsUser)])
        return _Delivery(span=self._span(children), method=method, user=users[0].name if users else None)

    legacy_mbox = legacy_maildir = legacy_lmtp = legacy_mda = _delivery

    def legacy_as(self, children: list[Child]) -> _AsUser:
        return _AsUser(span=self._span(children), name=self._word(children[1]))

    def legacy_relay(self, children: list[Child]) -> syntax.LegacyRelay:
        return syntax.LegacyRelay(span=self._span(children), options=self._options(children))

    def legacy_relay_via(self, children: list[Child]) -> syntax.LegacyRelay:
        url = self._word(children[2])
        return syntax.LegacyRelay(span=self._span(children), url=url, options=self._options(children))

    legacy_relay_option = legacy_via_option = legacy_trailer = _option
    legacy_listen = listen
    legacy_listen_socket = listen_socket
    legacy_listen_option = legacy_socket_option = _option

    def legacy_bounce_warn(self, children: list[Child]) -> syntax.Setting:
        return self._setting("bounce warn-interval", children)

    def legacy_expire(self, children: list[Child]) -> syntax.Setting:
        return self._setting("queue ttl", children)

    def legacy_curve(self, children: list[Child]) -> syntax.Setting:
        return self._setting("curve", children)

    def legacy_enqueuer(self, children: list[Child]) -> syntax.Setting:
        return self._setting("enqueuer filter", children)

    legacy_pki = pki
    legacy_pki_option = _option
    legacy_ca = ca

    def legacy_filter(self, children: list[Child]) -> syntax.LegacyFilter:
        name, *words = self._words(children)
        return syntax.LegacyFilter(span=self._span(children), name=name, words=tuple(words))

    def legacy_filterchain(self, children: list[Child]) -> syntax.LegacyFilter:
        name, *words = self._words(children)
        return syntax.LegacyFilter(span=self._span(children), name=name, words=tuple(words), is_chain=True)


class _AsUser(Node):
    """``as user`` of a legacy delivery, on its way into the rule."""

    name: Word


class _Delivery(Node):
    """``mda command [as user]``, on its way into the rule."""

    method: syntax.Option
    user: Word | None


def _reserved(text: str, span: Span) -> Diagnostic:
    return SYNTAX_ERROR.at(
        span,
        f"`{text}` is a keyword in every release of this language",
        label="needs quotes to be a name",
        help=f"write {quote(text)}",
        fix=Fix.replacing(span, quote(text), safe=True),
    )
