"""Trees of the language of 6.4 and later that the parser could have built."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect, Word
from tests.properties.parts import (
    SPAN,
    configs,
    each,
    inline_lists,
    maybe,
    node,
    numbers,
    option,
    setting,
    shared_statements,
    some,
    table_refs,
    words,
)


def _criteria(with_table: Mapping[str, bool | None]) -> SearchStrategy[syntax.Criterion]:
    """Draw criteria; the value says whether one has a table: yes, no, or None for either."""
    choices = []
    for text, has_table in with_table.items():
        criterion = functools.partial(node, syntax.Criterion, words=tuple(text.split()), negated=st.booleans())
        if has_table is not True:
            choices.append(criterion())
        if has_table is not False:
            choices.append(criterion(regex=st.booleans(), table=table_refs()))
    return st.one_of(choices)


_MATCH = {
    "from any": False, "from local": False, "from socket": False, "from auth": None, "from rdns": None,
    "from src": True, "from mail-from": True, "for any": False, "for local": False, "for domain": True,
    "for rcpt-to": True, "tag": True, "helo": True, "mail-from": True, "rcpt-to": True, "auth": None, "tls": False,
}  # fmt: skip
_CONDITIONS = {
    "fcrdns": False, "rdns": None, "auth": None, "src": True, "helo": True, "mail-from": True, "rcpt-to": True,
}  # fmt: skip


def matches() -> SearchStrategy[syntax.Match]:
    """Draw a rule."""
    return node(syntax.Match, criteria=some(_criteria(_MATCH)), action=maybe(words()), verdict_span=SPAN)


def actions() -> SearchStrategy[syntax.Action]:
    """Draw an action, local or relaying."""
    method = st.one_of(
        each("mbox forward-only expand-only"),
        option("maildir", maybe(words()), maybe("junk")),
        option("lmtp", words(), maybe("rcpt-to")),
        option("mda", words()),
    )
    local = each("alias virtual userbase", table_refs()) | each("user wrapper", words())
    relay = st.one_of(
        each("host domain helo-src src auth", table_refs()),
        each("helo pki ca ciphers protocols mail-from", words()),
        each("backup srs require-dane no-dane require-mta-sts no-mta-sts"),
        option("backup", words(), "mx"),
        option("tls", None, maybe("no-verify")),
        option("filter", inline_lists()),
    )
    action = functools.partial(node, syntax.Action, name=words(), ttl=maybe(words()))
    return action(method=method, options=some(local)) | action(method=option("relay"), options=some(relay))


def listeners() -> SearchStrategy[syntax.Listen | syntax.ListenSocket]:
    """Draw a listener, on an interface or on the socket."""
    anywhere = st.one_of(each("mask-src no-dsn"), option("tag", words()), option("filter", inline_lists()))
    network = st.one_of(
        anywhere,
        each("inet4 inet6 received-auth proxy-v1 proxy-v2 bare-lf no-chunking lmtp tls"),
        *[option(keyword, None, maybe("verify")) for keyword in ("smtps", "tls-require")],
        option("port", numbers() | words()),
        each("ciphers protocols pki ca hostname", words()),
        each("auth auth-optional", maybe(table_refs())),
        each("hostnames xclient", table_refs()),
        option("senders", table_refs(), maybe("masquerade")),
    )
    return st.one_of(
        node(syntax.ListenSocket, options=some(anywhere)),
        node(syntax.Listen, interface=words(), options=some(network)),
    )


def filters() -> SearchStrategy[syntax.Statement]:
    """Draw a filter of any kind, or a `proc`."""
    command = {"name": words(), "command": words(), "options": some(each("user group chroot", words()))}
    phases = ["connect", "helo", "ehlo", "auth", "mail-from", "rcpt-to", "data", "commit"]
    phase = st.sampled_from(phases).map(lambda text: Word(span=SPAN, text=text))
    decision = each("reject disconnect rewrite report", words()) | each("junk bypass")
    return st.one_of(
        node(syntax.FilterProc, name=words(), proc=words()),
        node(syntax.FilterExec, **command),
        node(
            syntax.FilterBuiltin,
            name=words(),
            phase=phase,
            conditions=some(_criteria(_CONDITIONS), 1),
            decision=decision,
        ),
        node(syntax.FilterChain, name=words(), members=inline_lists()),
        node(syntax.Proc, **command),
    )


_SETTINGS = ("srs key", "srs key backup", "srs ttl", "admd", "queue encryption backup", "bounce report-template")


@functools.cache
def modern_statements() -> SearchStrategy[syntax.Statement]:
    """Draw any statement of the language of 6.4 and later."""
    return st.one_of(
        shared_statements(),
        actions(),
        matches(),
        listeners(),
        filters(),
        node(syntax.Pki, name=words(), options=some(each("cert key dhe", words()))),
        node(syntax.MdaWrapper, name=words(), command=words()),
        *[setting(text, words()) for text in _SETTINGS],
        node(syntax.Setting, words=("bounce", "warn-interval"), values=some(words(), 1)),
        node(syntax.Setting, words=("mta", "trust-resolver"), values=some(words(), 1)),
        node(
            syntax.RetryAfter,
            subsystem=st.sampled_from(["mta", "mda"]),
            delays=some(words(), 1),
            domain=maybe(words()),
            status=maybe(words() | numbers()),
        ),
        node(syntax.DkimSign, name=words(), key=words()),
        node(syntax.OAuthIssuer, issuer=words(), options=some(each("key for user", words()))),
    )


@functools.cache
def modern_configs() -> SearchStrategy[syntax.Config]:
    """Draw the tree of a modern configuration."""
    return configs(Dialect.MODERN, modern_statements())
