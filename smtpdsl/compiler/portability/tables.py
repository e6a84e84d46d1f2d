"""What a release makes of tables: their kind, their services, their entries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from smtpdsl.compiler.check.entries import MOST_FINDINGS, entry_span, key_word, shown_place, value_word
from smtpdsl.compiler.portability.finding import Candidate, differs, refused
from smtpdsl.compiler.resolve.values import inside
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.ir.alias_value import AddressTarget, TargetError, parse_targets
from smtpdsl.ir.resolved import Table, TableUse
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.ir.table_program import PROC_EXEC

# Places that took nothing but lists before 7.5.
_LISTS_BEFORE = {"auth", "mail-from", "rcpt-to", "from mail-from", "for rcpt-to", "src"}
# What the `db` backend did not serve before 7.5; a login is looked up as credentials too.
_NOT_FROM_DB = {Service.RELAYHOST, Service.STRING, Service.REGEX}
_LOGINS = {"auth", "from auth"}
_ADDRESSED = {Service.ADDRNAME, Service.SOURCE}
_FOREIGN_HASHES = {"{SCRAM-SHA-256}": "keys of SCRAM", "$argon2": "a hash of argon2"}
_STORED_LOWER = {"inline", "static", "file"}


def _once(candidate: Candidate) -> Iterator[TableUse]:
    """Yield the first use of each table by each service."""
    seen: set[tuple[object, Service]] = set()
    for use in candidate.ruleset.table_uses:
        identity = (use.table.span if use.table.is_anonymous else use.table.name, use.service)
        if identity not in seen:
            seen.add(identity)
            yield use


def _asked(use: TableUse) -> tuple[Related, ...]:
    return () if use.table.is_anonymous else (Related(use.span, f"{shown_place(use)} asks this table"),)


def mappings_as_lists(candidate: Candidate) -> Iterator[Diagnostic]:
    """A mapping where only its keys are wanted."""
    for use in candidate.ruleset.table_uses:
        if use.place in _LISTS_BEFORE and use.table.kind is Kind.MAP and use.table.is_known:
            message = f"{candidate.release} refuses a mapping for {shown_place(use)}; 7.5 and later take its keys"
            yield refused(use.span, message, "write a list of the keys")


def databases(candidate: Candidate) -> Iterator[Diagnostic]:
    """A `db` table that is asked what that backend did not serve."""
    for use in candidate.ruleset.table_uses:
        is_filter = use.place.startswith("filter ")
        if use.table.backend == "db" and use.service in _NOT_FROM_DB and use.place not in _LOGINS and not is_filter:
            message = f"{candidate.release} refuses a `db` table for {shown_place(use)}"
            yield refused(use.span, message, "use a file: `table NAME file:/path`")


def commands_of_programs(candidate: Candidate) -> Iterator[Diagnostic]:
    """A table whose program is named by its path."""
    for table in candidate.ruleset.tables.values():
        if table.backend == PROC_EXEC:
            message = f"{candidate.release} refuses this table: it has no backend `{PROC_EXEC}`"
            help_text = "install the program as `/usr/libexec/opensmtpd/table-NAME`, and write `NAME` or `NAME:/path`"
            yield refused(table.span, message, help_text)


def bracketed_lists(candidate: Candidate) -> Iterator[Diagnostic]:
    """A list that begins with an IPv6 address in brackets: its colons made a mapping of the file."""
    for use in _once(candidate):
        decided = use.table.decided_by
        if use.table.path and use.table.kind is Kind.LIST and decided and re.match(r"\[.*:", decided.text):
            message = f"{candidate.release} takes this file for a mapping, because its first entry has a colon"
            yield refused(decided, message, "put `# @list` on its first line", _asked(use))


def blanks_before_colons(candidate: Candidate) -> Iterator[Diagnostic]:
    """``key : value``, of which the colon becomes a part of the value."""
    for table in candidate.ruleset.tables.values():
        entry = next((entry for entry in table.entries if entry.odd == "blank before the colon"), None)
        if entry is not None:
            message = f'{candidate.release} takes ": {entry.value}" for the value of "{entry.key}"'
            yield differs(entry.span, message, f"remove the blank: `{entry.key}: {entry.value}`")


def bracketed_addresses(candidate: Candidate) -> Iterator[Diagnostic]:
    """IPv6 addresses in brackets as keys: not understood before 7.6."""
    for use in _once(candidate):
        entry = next((each for each in use.table.entries if each.key.startswith("[")), None)
        if use.service in _ADDRESSED and entry is not None:
            message = f'{candidate.release} does not find "{entry.key}": it knows no brackets in a table'
            yield differs(entry_span(entry), message, "use an address of IPv4 there", _asked(use))


# ---------------------------------------------------------------- regular expressions


@cache
def _capital_escape() -> re.Pattern[str]:
    return re.compile(r"\\[A-Z]")


def lowered_regexes(candidate: Candidate) -> Iterator[Diagnostic]:
    r"""``\S`` becomes ``\s``: every expression is stored in lower case."""
    for use in _once(candidate):
        if use.service is Service.REGEX and use.table.backend in _STORED_LOWER:
            yield from islice(_lowered(candidate, use.table), MOST_FINDINGS)


def _lowered(candidate: Candidate, table: Table) -> Iterator[Diagnostic]:
    for entry in table.entries:
        if found := _capital_escape().search(entry.key):
            escape = found.group()
            message = f"{candidate.release} turns expressions to lower case: `{escape}` means `{escape.lower()}` there"
            span = inside(key_word(entry), found.start(), found.end())
            yield differs(span, message, "write a bracket expression, such as `[^[:space:]]`")


# ---------------------------------------------------------------- targets of aliases


def degraded_addresses(candidate: Candidate) -> Iterator[Diagnostic]:
    """``joe@foo_bar`` and ``joe@[192.0.2.1]`` become the local user joe."""
    for use in _once(candidate):
        if use.service is Service.ALIAS:
            found = (finding for entry in use.table.entries for finding in _degraded(candidate, entry))
            yield from islice(found, MOST_FINDINGS)


def _degraded(candidate: Candidate, entry: TableEntry) -> Iterator[Diagnostic]:
    value = entry.value or ""
    if "@" not in value or not any(sign in value for sign in '[_"'):
        return
    try:
        targets = parse_targets(value)
    except TargetError:
        return
    for target in targets:
        if isinstance(target, AddressTarget) and not set(target.domain) <= _plain_characters():
            user = value[target.start : target.end].partition("@")[0]
            message = f'{candidate.release} cuts this address at its "@" and delivers to the local user "{user}"'
            yield differs(inside(value_word(entry), target.start, target.end), message, "use a name from the DNS")


@cache
def _plain_characters() -> frozenset[str]:
    import string  # noqa: PLC0415 - only with aliases

    return frozenset(string.ascii_letters + string.digits + "-.")


# ---------------------------------------------------------------- hashes of passwords


def foreign_hashes(candidate: Candidate) -> Iterator[Diagnostic]:
    """Keys of SCRAM and hashes of argon2, which no crypt(3) knows."""
    for use in _once(candidate):
        if use.service is Service.CREDENTIALS and use.place.startswith("listen "):
            yield from islice(_foreign_hashes(candidate, use), MOST_FINDINGS)


def _foreign_hashes(candidate: Candidate, use: TableUse) -> Iterator[Diagnostic]:
    for entry in use.table.entries:
        value = entry.value or ""
        secret = value.partition(":")[2] or value
        found = next((what for start, what in _FOREIGN_HASHES.items() if secret.startswith(start)), None)
        if found is not None:
            message = f"{candidate.release} lets nobody in with {found}: it asks crypt(3) alone"
            yield differs(value_word(entry).span, message, "hash the password with `smtpdsl encrypt`", _asked(use))
