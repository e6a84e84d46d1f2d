"""Whom a rule is for, as far as it shows without the diagram.

match from any for domain <d> action "in"       strangers: clients that nobody knows
match from auth for any action "out"            people who have logged in
match for any action "out"                      this host: `from local` is implied
"""

from __future__ import annotations

from smtpdsl.ir.resolved import (
    AnyDestination,
    AnySource,
    IsAuthenticated,
    LocalDestination,
    LocalSource,
    Rule,
    Slot,
    SocketSource,
)


def is_local_only(rule: Rule) -> bool:
    """Whether only clients on this host match *rule*; since 6.4 a login does not make a client local."""
    source = rule.condition(Slot.FROM)
    return source is not None and isinstance(source.question, LocalSource | SocketSource) and not source.negated


def asks_for_login(rule: Rule) -> bool:
    """Whether *rule* is true for authenticated clients only."""
    login = rule.condition(Slot.AUTH)
    return login is not None and not login.negated


def is_for_local_domains(rule: Rule) -> bool:
    """Whether only recipients at this host match *rule*."""
    destination = rule.condition(Slot.FOR)
    return destination is not None and isinstance(destination.question, LocalDestination) and not destination.negated


def takes_any_domain(rule: Rule) -> bool:
    """Whether recipients of foreign domains match *rule*, as far as its destination goes."""
    destination = rule.condition(Slot.FOR)
    return destination is None or destination.negated or isinstance(destination.question, AnyDestination)


def accepts(rule: Rule) -> bool:
    """Whether *rule* has an action, be it one that nobody declares."""
    return rule.action_name is not None


def is_for_strangers(rule: Rule) -> bool:
    """Whether *rule* accepts mail from clients elsewhere that have not logged in."""
    return accepts(rule) and not is_local_only(rule) and not asks_for_login(rule)


def is_for_logins(rule: Rule) -> bool:
    """Whether *rule* accepts what people want to send who have logged in from elsewhere.

    That is a rule that asks for a login and is not for this host's own domains alone, and
    one that asks nothing and takes any domain.
    """
    if not accepts(rule) or is_local_only(rule):
        return False
    login = rule.condition(Slot.AUTH)
    if login is None:
        return takes_any_domain(rule)
    return not login.negated and not is_for_local_domains(rule)


def wants_network_logins(rule: Rule) -> bool:
    """Whether *rule* is pointless unless somebody can log in over the network.

    A session on the local socket counts as authenticated, with no login; so a rule for
    this host works with `auth` alone, and not with a list of logins.
    """
    login, source = rule.condition(Slot.AUTH), rule.condition(Slot.FROM)
    if login is None or login.negated:
        return False
    if not isinstance(login.question, IsAuthenticated):
        return True
    return source is not None and isinstance(source.question, AnySource) and not source.negated
