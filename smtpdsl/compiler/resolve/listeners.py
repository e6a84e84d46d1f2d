"""`listen` statements: where mail comes in, and on which terms."""

from __future__ import annotations

from smtpdsl.compiler.resolve.certificates import find_ca, find_pki
from smtpdsl.compiler.resolve.filters import resolve_filter
from smtpdsl.compiler.resolve.options import Options
from smtpdsl.compiler.resolve.scope import ANY_KIND, LISTS, MAPPINGS, Scope
from smtpdsl.compiler.resolve.tables import resolve_table
from smtpdsl.diagnostics.codes import DUPLICATE_NAME, MISPLACED_OPTION, UNKNOWN_INTERFACE, UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Fix, Related
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Auth, Endpoint, Globals, Listener, ListenerTls, Setting
from smtpdsl.ir.syntax import Dialect, Number, Option, Word
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.ip import ipv4_value, ipv6_value

_MAX_PORT = 65535
_SMTP_PORT = 25
_BSD_GROUPS = ("all", "egress")
_TLS_MODES = "tls tls-require smtps"


def resolve_listeners(scope: Scope, settings: Globals) -> tuple[Listener, ...]:
    """Return the listeners in source order; the local socket is added if nobody declares it."""
    listeners: list[Listener] = []
    sockets: list[Listener] = []
    for statement in scope.config.statements:
        if isinstance(statement, syntax.Listen):
            listeners.append(_listener(statement, statement.interface, scope, settings))
        elif isinstance(statement, syntax.ListenSocket):
            socket = _listener(statement, None, scope, settings)
            if sockets:
                message = "a second `listen on socket`"
                related = (Related(sockets[0].span, "the first one"),)
                scope.report(DUPLICATE_NAME.at(statement.span, message, related=related, help="join their options"))
            sockets.append(socket)
    if not sockets:
        whole = scope.config.span.source.whole()
        sockets.append(_listener(syntax.ListenSocket(span=whole), None, scope, settings))
    return (*listeners, sockets[0])


def _listener(
    statement: syntax.Listen | syntax.ListenSocket, interface: Word | None, scope: Scope, settings: Globals
) -> Listener:
    options = Options(statement.options, scope.report, several="pki")
    family = options.one_of("inet4 inet6", scope.report, "leave both out for both families")
    tls = options.one_of(_TLS_MODES, scope.report, "a port has one kind of TLS")
    mode = ListenerTls(tls.keyword) if tls else ListenerTls.NONE
    port = _port(options, mode, scope)
    _check_lmtp(options, port, scope)
    addresses = _addresses(interface, family, scope) if interface else ()
    names = tuple(each.argument for each in options.all if each.keyword == "pki" and isinstance(each.argument, Word))
    found = [find_pki(name, scope) for name in names]
    ciphers, hostname, tag = options.word("ciphers"), options.word("hostname"), options.word("tag")
    senders = options.get("senders")
    return Listener(
        span=statement.span,
        interface=interface,
        endpoints=tuple(Endpoint(address=address, port=port.value) for address in addresses or ()),
        is_resolved=addresses is not None,
        family=Word(span=family.span, text=family.keyword) if family else None,
        port=port,
        tls=mode,
        tls_span=tls.span if tls else None,
        verify=tls is not None and tls.modifier == "verify",
        pki=tuple(pki for pki in found if pki is not None),
        pki_names=names,
        ca=find_ca(options, scope),
        ciphers=_setting(ciphers, settings.smtp_ciphers.value, "`smtp ciphers`"),
        protocols=options.word("protocols"),
        auth=_auth(options, scope),
        hostname=_setting(hostname, scope.world.server_name(), "the server's name"),
        hostnames=resolve_table(options.table("hostnames"), scope, Service.ADDRNAME, "hostnames", MAPPINGS),
        senders=resolve_table(options.table("senders"), scope, Service.MAILADDRMAP, "senders", MAPPINGS),
        masquerade=senders is not None and senders.modifier == "masquerade",
        filter=resolve_filter(options.get("filter"), scope),
        tag=_setting(tag, *_default_tag(interface, scope)),
        mask_src="mask-src" in options,
        received_auth="received-auth" in options,
        no_dsn="no-dsn" in options,
        proxy_v1="proxy-v1" in options,
        proxy_v2="proxy-v2" in options,
        tolerates_bare_lf="bare-lf" in options,
        no_chunking="no-chunking" in options,
        is_lmtp="lmtp" in options,
        xclient=resolve_table(options.table("xclient"), scope, Service.NETADDR, "xclient", LISTS),
        places={option.keyword: option.keyword_span for option in reversed(options.all)},
    )


def _setting(word: Word | None, default: str, reason: str) -> Setting[str]:
    return Setting(value=word.text, span=word.span) if word else Setting(value=default, reason=reason)


def _default_tag(interface: Word | None, scope: Scope) -> tuple[str, str]:
    if interface is None and scope.dialect is Dialect.LEGACY:
        return "local", "the tag of the local socket up to 6.3"
    return "", "no tag"


def _auth(options: Options, scope: Scope) -> Auth | None:
    option = options.one_of("auth auth-optional", scope.report, "`auth` demands what `auth-optional` offers")
    if option is None:
        return None
    reference = options.table(option.keyword)
    table = resolve_table(reference, scope, Service.CREDENTIALS, f"listen {option.keyword}", ANY_KIND)
    is_broken = reference is not None and table is None
    return Auth(span=option.span, is_required=option.keyword == "auth", table=table, is_broken=is_broken)


def _port(options: Options, mode: ListenerTls, scope: Scope) -> Setting[int]:
    default = 465 if mode is ListenerTls.IMPLICIT else 25
    reason = "the port of `smtps`" if mode is ListenerTls.IMPLICIT else "the port of SMTP"
    option = options.get("port")
    if option is None or option.argument is None:
        return Setting(value=default, reason=reason)
    span = option.argument.span
    if isinstance(option.argument, Number):
        if 0 < option.argument.value <= _MAX_PORT:
            return Setting(value=option.argument.value, span=span)
        message = f"a port is a number from 1 to {_MAX_PORT}, found {option.argument.value}"
        scope.report(UNUSABLE_VALUE.at(span, message, help="25 is SMTP, 465 and 587 are for submission"))
        return Setting(value=default, reason=reason)
    assert isinstance(option.argument, Word)
    port = _service_port(option.argument, scope)
    return Setting(value=port, span=span) if port else Setting(value=default, reason=reason)


def _check_lmtp(options: Options, port: Setting[int], scope: Scope) -> None:
    # RFC 2033 §5
    if (lmtp := options.span("lmtp")) is not None and port.value == _SMTP_PORT:
        message = "`lmtp` on port 25, where other servers speak SMTP"
        scope.report(MISPLACED_OPTION.at(lmtp, message, help="give it a port of its own, such as `port 24`"))


def _service_port(word: Word, scope: Scope) -> int | None:
    port = scope.world.service_port(word.text)
    if port is not None:
        return port
    message = f'no TCP service is named "{word.text}"'
    if word.text.isdecimal():
        fix = Fix.replacing(word.span, word.text, safe=True)
        scope.report(UNUSABLE_VALUE.at(word.span, message, help="write the number without quotes", fix=fix))
    elif not scope.world.is_static:
        scope.report(UNUSABLE_VALUE.at(word.span, message, help="write the number, or a name of /etc/services"))
    return None


def _addresses(interface: Word, family: Option | None, scope: Scope) -> tuple[str, ...] | None:
    """The addresses of a listener; None if they cannot be known here, empty if there are none.

    Tried in order: an interface, an address, a host name.
    """
    if _is_literal(interface.text):
        found: tuple[str, ...] = (interface.text,)
    elif interface.text.startswith("[") or interface.text.endswith(";"):
        found = ()
    elif scope.world.is_static:
        return None
    else:
        found = scope.world.addresses(interface.text) or scope.world.resolve(interface.text)
    if not found:
        _unknown_interface(interface, scope)
        return None
    if family is None:
        return found
    wants_ipv6 = family.keyword == "inet6"
    return tuple(address for address in found if (":" in address) == wants_ipv6)


def _is_literal(text: str) -> bool:
    address, percent, scope = text.partition("%")
    return ipv4_value(text) is not None or (ipv6_value(address) is not None and bool(scope) is bool(percent))


def _unknown_interface(interface: Word, scope: Scope) -> None:
    text = interface.text
    message = f'"{text}" is no interface, address or host name of this machine'
    if text.startswith("["):
        help_text = f"write the address without brackets: `{text.strip('[]')}`"
    elif text.endswith(";"):
        help_text = "a statement ends with its line: remove the `;`"
    elif text in _BSD_GROUPS:
        help_text = f"`{text}` is an interface group of BSD; for every address write `0.0.0.0` and `::`"
    else:
        help_text = "see `ip address` for the names; every address is `0.0.0.0` and `::`"
    scope.report(UNKNOWN_INTERFACE.at(interface.span, message, help=help_text))
