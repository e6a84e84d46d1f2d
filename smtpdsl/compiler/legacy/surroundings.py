"""What the translation of one statement needs to know of all the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Word

_CATCH_ALL = "*"


class Surroundings(NamedTuple):
    """The configuration around a statement; names of certificates and tags are in lower case."""

    report: Report
    server_name: str
    pki_names: frozenset[str]
    pkis_with_ca: frozenset[str]
    """Those that name a certificate authority in the `pki` statement itself."""
    login_tags: frozenset[str] | None
    """The tags of the listeners that offer `auth`, "" where there is none; None if a `listen` could not be read."""
    tables_with_local: frozenset[str]
    """Tables written out in the file that have the entry `local`."""
    chains: Mapping[str, tuple[Word, ...]]
    """The members of each filter chain."""

    def default_pki(self, hostname: str | None) -> str | None:
        """Return the certificate of a listener that names none: that of its host name, else the one for all."""
        named = (hostname or self.server_name).lower()
        return next((name for name in (named, _CATCH_ALL) if name in self.pki_names), None)

    def can_log_in(self, tag: syntax.LegacyCriterion | None) -> bool:
        """Whether some client of the network that *tag* admits can authenticate."""
        if self.login_tags is None:
            return True
        if tag is None:
            return bool(self.login_tags)
        assert isinstance(tag.argument, Word)
        wanted = tag.argument.text.lower()
        return any((each == wanted) is not tag.negated for each in self.login_tags)

    def has_local(self, table: syntax.TableRef) -> bool:
        """Whether *table* has the entry `local`, which stands for clients that are no address."""
        match table:
            case syntax.NamedTable(name=name):
                return name.text in self.tables_with_local
            case _:
                return _has_local(table)


def survey(config: syntax.Config, report: Report, server_name: str) -> Surroundings:
    """Collect what the statements of *config* need to know of each other."""
    statements = config.statements
    pkis = [each for each in statements if isinstance(each, syntax.Pki)]
    return Surroundings(
        report=report,
        server_name=server_name,
        pki_names=frozenset(pki.name.text.lower() for pki in pkis),
        pkis_with_ca=frozenset(
            pki.name.text.lower() for pki in pkis if any(option.keyword == "ca" for option in pki.options)
        ),
        login_tags=_login_tags(statements),
        tables_with_local=frozenset(
            each.name.text for each in statements if isinstance(each, syntax.Table) and _has_local(each.content)
        ),
        chains=dict(_chains(statements)),
    )


def _has_local(content: Word | syntax.TableRef) -> bool:
    match content:
        case syntax.InlineList(entries=entries):
            keys = entries
        case syntax.InlineMapping(pairs=pairs):
            keys = tuple(pair.key for pair in pairs)
        case _:
            return False
    return any(key.text.lower() == "local" for key in keys)


def _login_tags(statements: tuple[syntax.Statement, ...]) -> frozenset[str] | None:
    if any(isinstance(each, syntax.Discarded) and each.kind == "listen" for each in statements):
        return None
    tags = set()
    for listen in statements:
        if isinstance(listen, syntax.Listen) and any(each.keyword in _LOGINS for each in listen.options):
            found = [each.argument for each in listen.options if each.keyword == "tag"]
            tags.add(found[0].text.lower() if found and isinstance(found[0], Word) else "")
    return frozenset(tags)


_LOGINS = frozenset({"auth", "auth-optional"})


def _chains(statements: tuple[syntax.Statement, ...]) -> Iterator[tuple[str, tuple[Word, ...]]]:
    for each in statements:
        if isinstance(each, syntax.LegacyFilter) and (members := chain_members(each)) is not None:
            yield each.name.text, members


def chain_members(statement: syntax.LegacyFilter) -> tuple[Word, ...] | None:
    """Return the members of ``filterchain N a b`` and ``filter N chain a b``; None for a program."""
    if statement.is_chain:
        return statement.words
    return statement.words[1:] if statement.words[0].text == "chain" else None
