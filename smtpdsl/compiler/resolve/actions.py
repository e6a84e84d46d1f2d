"""`action` statements: what is done with a message, local or relay."""

from __future__ import annotations

from smtpdsl.compiler.resolve.certificates import find_ca, find_pki
from smtpdsl.compiler.resolve.filters import resolve_filter
from smtpdsl.compiler.resolve.options import Options
from smtpdsl.compiler.resolve.scope import ANY_KIND, LISTS, MAPPINGS, Scope
from smtpdsl.compiler.resolve.tables import GETPWNAM, resolve_table
from smtpdsl.compiler.resolve.values import read_word
from smtpdsl.diagnostics.codes import (
    CONFLICTING_OPTIONS,
    MISPLACED_OPTION,
    MISSING_OPTION,
    UNKNOWN_WRAPPER,
    USELESS_OPTION,
)
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.ir import syntax
from smtpdsl.ir.quantity import parse_time
from smtpdsl.ir.relay_url import parse_relay_url
from smtpdsl.ir.resolved import (
    Action,
    Backup,
    Demand,
    ExpandOnly,
    ForwardOnly,
    Globals,
    Lmtp,
    LocalAction,
    Maildir,
    Mbox,
    Mda,
    Method,
    RelayAction,
    RelayTls,
    Setting,
    Smarthost,
    Table,
)
from smtpdsl.ir.syntax import Dialect, Word
from smtpdsl.ir.table_file import Kind, Service
from smtpdsl.text_error import TextError

_SECURITY_OPTIONS = ("require-dane", "no-dane", "require-mta-sts", "no-mta-sts")


def declare_actions(scope: Scope, settings: Globals) -> None:
    """Declare every action."""
    for statement in scope.config.statements:
        if isinstance(statement, syntax.Action):
            is_relay = statement.method.keyword == "relay"
            action: Action = _relay(statement, scope, settings) if is_relay else _local(statement, scope, settings)
            scope.declare("action", scope.actions, statement.name, action)


def _ttl(statement: syntax.Action, scope: Scope, settings: Globals) -> Setting[int]:
    seconds = read_word(statement.ttl, parse_time, scope.report) if statement.ttl else None
    if statement.ttl is None or seconds is None:
        return Setting(value=settings.queue_ttl.value, reason="`queue ttl`")
    return Setting(value=seconds, span=statement.ttl.span)


# ---------------------------------------------------------------- local


def _local(statement: syntax.Action, scope: Scope, settings: Globals) -> LocalAction:
    options = Options(statement.options, scope.report, last_wins="wrapper")
    options.one_of("alias virtual", scope.report, "an action looks recipients up in one of them")
    method = _method(statement.method, scope.dialect)
    if isinstance(method, Mbox | ForwardOnly | ExpandOnly) and (user := options.span("user")):
        message = f"`user` has no meaning with `{statement.method.keyword}`"
        related = (Related(statement.method.span, "this method runs as nobody else"),)
        scope.report(CONFLICTING_OPTIONS.at(user, message, related=related, help="remove `user`"))
    userbase = resolve_table(options.table("userbase"), scope, Service.USERINFO, "userbase", MAPPINGS)
    wrapper = options.word("wrapper")
    return LocalAction(
        span=statement.span,
        name=statement.name.text,
        method=method,
        alias=resolve_table(options.table("alias"), scope, Service.ALIAS, "alias", MAPPINGS),
        virtual=resolve_table(options.table("virtual"), scope, Service.ALIAS, "virtual", MAPPINGS),
        userbase=userbase or scope.tables[GETPWNAM],
        user=options.word("user"),
        wrapper=scope.find("wrapper", scope.wrappers, wrapper, UNKNOWN_WRAPPER) if wrapper else None,
        ttl=_ttl(statement, scope, settings),
    )


def _method(option: syntax.Option, dialect: Dialect) -> Method:
    argument = option.argument if isinstance(option.argument, Word) else None
    match option.keyword:
        case "mbox":
            return Mbox()
        case "maildir":
            return Maildir(path=argument, junk=option.modifier == "junk")
        case "forward-only":
            return ForwardOnly()
        case "expand-only":
            return ExpandOnly()
    assert argument is not None, "the grammar demands an argument for mda and lmtp"
    if option.keyword == "lmtp":
        return Lmtp(destination=argument, rcpt_to=option.modifier == "rcpt-to")
    return Mda(command=argument, shells=1 if dialect is Dialect.LEGACY else 2)


# ---------------------------------------------------------------- relay


def _relay(statement: syntax.Action, scope: Scope, settings: Globals) -> RelayAction:
    options = Options(statement.options, scope.report)
    options.one_of("host domain backup", scope.report, "an action has one way to find its next hop")
    _check_auth_place(options, scope)
    hosts = resolve_table(options.table("host"), scope, Service.RELAYHOST, "relay host", LISTS)
    pki, helo = options.word("pki"), options.word("helo")
    return RelayAction(
        span=statement.span,
        name=statement.name.text,
        hosts=hosts,
        smarthosts=_smarthosts(hosts),
        domain=resolve_table(options.table("domain"), scope, Service.RELAYHOST, "relay domain", MAPPINGS),
        backup=_backup(options, scope),
        auth=resolve_table(options.table("auth"), scope, Service.CREDENTIALS, "relay auth", MAPPINGS),
        auth_span=options.span("auth"),
        helo=helo,
        helo_src=resolve_table(options.table("helo-src"), scope, Service.ADDRNAME, "helo-src", MAPPINGS),
        helo_src_span=options.span("helo-src"),
        src=resolve_table(options.table("src"), scope, Service.SOURCE, "src", ANY_KIND),
        tls=_tls(options),
        tls_span=options.span("tls"),
        pki=find_pki(pki, scope) if pki else None,
        ca=find_ca(options, scope),
        ciphers=_ciphers(options, settings),
        protocols=options.word("protocols"),
        mail_from=options.word("mail-from"),
        filter=resolve_filter(options.get("filter"), scope),
        srs=_srs(options, scope, settings),
        dane=_demand("dane", options, scope),
        mta_sts=_demand("mta-sts", options, scope),
        security_span=next(filter(None, map(options.span, _SECURITY_OPTIONS)), None),
        ttl=_ttl(statement, scope, settings),
    )


def _check_auth_place(options: Options, scope: Scope) -> None:
    """`auth` belongs to a host: without one there is nothing to log in to."""
    auth = options.span("auth")
    if auth is None:
        return
    hosts = [span for span in (options.span("host"), options.span("domain")) if span]
    if not hosts:
        message = "`auth` without `host` or `domain`: nobody asks for a password on the way by MX"
        scope.report(MISSING_OPTION.at(auth, message, help="name the smarthost: `host smtps://label@host auth …`"))
    elif hosts[0].start > auth.start:
        message = "`auth` before the host that it is for"
        related = (Related(hosts[0], "the host"),)
        scope.report(MISPLACED_OPTION.at(auth, message, related=related, help="put `auth` after it"))


def _smarthosts(hosts: Table | None) -> tuple[Smarthost, ...]:
    """Read the URLs of the table; `check` says what is wrong with those that are left out here."""
    if hosts is None or hosts.kind is not Kind.LIST:
        return ()
    found = []
    for entry in hosts.entries:
        try:
            url = parse_relay_url(entry.key)
        except TextError:
            continue
        found.append(Smarthost(span=entry.span, url=url, text=entry.key))
    return tuple(found)


def _backup(options: Options, scope: Scope) -> Backup | None:
    option = options.get("backup")
    if option is None:
        return None
    if isinstance(option.argument, Word):
        return Backup(mx=Setting(value=option.argument.text, span=option.argument.span))
    reason = "the name of the listener that received the message"
    return Backup(mx=Setting(value=scope.world.server_name(), reason=reason))


def _tls(options: Options) -> RelayTls:
    option = options.get("tls")
    if option is None:
        return RelayTls.OPPORTUNISTIC
    return RelayTls.UNVERIFIED if option.modifier == "no-verify" else RelayTls.REQUIRED


def _demand(method: str, options: Options, scope: Scope) -> Demand:
    """Read ``require-METHOD`` or ``no-METHOD``."""
    option = options.one_of(f"require-{method} no-{method}", scope.report, "say one of them, or leave both out")
    if option is None:
        return Demand.OFFERED
    host = next((span for span in (options.span("host"), options.span("domain")) if span), None)
    if host is not None:
        message = (
            f"`{option.keyword}` says nothing of a host that is named here: it is for exchangers that the DNS names"
        )
        related = (Related(host, "mail goes there"),)
        help_text = "remove it; `tls` demands a certificate of that host"
        scope.report(USELESS_OPTION.at(option.keyword_span, message, related=related, help=help_text))
    return Demand.REQUIRED if option.keyword.startswith("require-") else Demand.OFF


def _ciphers(options: Options, settings: Globals) -> Setting[str]:
    word = options.word("ciphers")
    if word is not None:
        return Setting(value=word.text, span=word.span)
    return settings.smtp_ciphers.replace(span=None, reason="`smtp ciphers`")


def _srs(options: Options, scope: Scope, settings: Globals) -> bool:
    span = options.span("srs")
    if span is not None and settings.srs_key.value is None and not scope.is_partial:
        message = "`srs` without a key to sign the addresses with"
        scope.report(MISSING_OPTION.at(span, message, help='declare one: `srs key "secret"`'))
    return span is not None
