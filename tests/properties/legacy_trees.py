"""Trees of the language of 5.3 to 6.3 that the parser could have built."""

from __future__ import annotations

import functools

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Dialect
from tests.properties.parts import (
    configs,
    each,
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


def _legacy_criteria() -> SearchStrategy[syntax.LegacyCriterion]:
    plain = [("from", "any"), ("from", "local"), ("for", "any"), ("for", "local"), ("authenticated",)]
    asking = [("from", "source"), ("for", "domain"), ("sender",), ("recipient",)]
    criterion = functools.partial(node, syntax.LegacyCriterion, negated=st.booleans())
    return st.one_of(
        *[criterion(words=each) for each in plain],
        *[criterion(words=each, argument=table_refs()) for each in asking],
        criterion(words=("tagged",), argument=words()),
        node(syntax.LegacyCriterion, words=("from",), argument=table_refs()),
    )


def _legacy_relays() -> SearchStrategy[syntax.LegacyRelay]:
    shared = each("as hostname pki ca", words()) | each("source helo hostnames", table_refs())
    plain = st.one_of(shared, option("backup", maybe(words())), option("tls", None, maybe("verify")))
    via = st.one_of(shared, option("auth", table_refs()), option("verify"), option("certificate", words()))
    return st.one_of(
        node(syntax.LegacyRelay, options=some(plain)),
        node(syntax.LegacyRelay, url=words(), options=some(via)),
    )


def legacy_rules() -> SearchStrategy[syntax.LegacyRule]:
    """Draw an `accept` or a `reject`."""
    rule = functools.partial(
        node,
        syntax.LegacyRule,
        criteria=some(_legacy_criteria()),
        mappings=some(each("alias virtual userbase", table_refs())),
    )
    with_user = option("lmtp", words(), maybe("rcpt-to")) | option("mda", words())
    without_user = option("mbox") | option("maildir", maybe(words()))
    accept = functools.partial(rule, accepts=True, trailers=some(option("forward-only") | option("expire", words())))
    return st.one_of(
        rule(accepts=False),
        accept(action=maybe(_legacy_relays() | without_user)),
        accept(action=with_user, as_user=maybe(words())),
    )


def _legacy_listeners() -> SearchStrategy[syntax.Listen | syntax.ListenSocket]:
    anywhere = each("mask-source mask-src") | option("filter", words())
    network = st.one_of(
        anywhere,
        each("inet4 inet6 tls ssl secure no-dsn received-auth"),
        *[option(keyword, None, maybe("verify")) for keyword in ("smtps", "tls-require")],
        option("port", numbers() | words()),
        each("certificate pki ca tag hostname", words()),
        each("auth auth-optional", maybe(table_refs())),
        option("hostnames", table_refs()),
        option("senders", table_refs(), maybe("masquerade")),
        option("dsn-notify", None, "disable"),
        option("dsn-ret", None, "headers"),
    )
    return st.one_of(
        node(syntax.ListenSocket, options=some(anywhere)),
        node(syntax.Listen, interface=words(), options=some(network)),
    )


@functools.cache
def legacy_statements() -> SearchStrategy[syntax.Statement]:
    """Draw any statement of the language of 5.3 to 6.3."""
    pki_options = some(each("certificate cert key ca dhparams dhe", words()))
    return st.one_of(
        shared_statements(),
        legacy_rules(),
        _legacy_listeners(),
        node(syntax.LegacyFilter, name=words(), words=some(words(), 1), is_chain=st.booleans()),
        node(syntax.Pki, name=words(), options=pki_options),
        node(syntax.Setting, words=("bounce", "warn-interval"), values=some(words())),
        setting("curve", words()),
        setting("enqueuer filter", words()),
    )


@functools.cache
def legacy_configs() -> SearchStrategy[syntax.Config]:
    """Draw the tree of a legacy configuration."""
    return configs(Dialect.LEGACY, legacy_statements())
