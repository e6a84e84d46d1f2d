"""Each table can answer what it is asked: its kind, its entries, its keys.

Reports `table-kind`, `duplicate-key`, `empty-table`, and what `check.entries` finds in
the entries.  A table whose content is not known here - it belongs to a program, or
this run looks at no file - has no findings.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.check.entries import check_entries, entry_span, report_first, shown_place
from smtpdsl.compiler.check.table_kinds import kind_finding, wanted_kind
from smtpdsl.compiler.check.targets import TargetReader
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.compiler.world import Unavailable, World
from smtpdsl.diagnostics.codes import (
    DUPLICATE_KEY,
    EMPTY_TABLE,
    SUSPICIOUS_PATTERN,
    SUSPICIOUS_URL,
    UNSAFE_FILE,
    UNUSABLE_NETWORK,
)
from smtpdsl.diagnostics.concealed import ConcealedValues
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Related, Report, Severity
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Ruleset, Table, TableUse
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.ir.table_program import PROC_EXEC

_OTHERS_MAY_READ = 0o004

# Where a single word is easily taken for the name of a table, and what it is instead.
_NAME_LIKE = {
    Service.DOMAIN: (SUSPICIOUS_PATTERN, "the domain"),
    Service.MAILADDR: (SUSPICIOUS_PATTERN, "a user named"),
    Service.NETADDR: (UNUSABLE_NETWORK, "the address"),
    Service.RELAYHOST: (SUSPICIOUS_URL, "the host"),
}


def check_tables(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report the tables of *ruleset* that cannot answer what they are asked, whole or in part."""
    _protect_passwords(ruleset, world, report)
    wrong = _check_kinds(ruleset, report)
    targets = TargetReader(world, legacy=ruleset.dialect is Dialect.LEGACY)
    questions: dict[tuple[object, Service, bool], TableUse] = {}
    first: dict[object, TableUse] = {}
    for use in ruleset.table_uses:
        identity = _identity(use.table)
        if identity not in wrong and use.table.is_known:
            questions.setdefault((identity, use.service, use.place.startswith("listen ")), use)
            first.setdefault(identity, use)
    for use in first.values():
        _check_empty(use, report)
    for use in questions.values():
        if not _is_bare_name(use, ruleset, report):
            check_entries(use, targets, report)
    tables = {_identity(table): table for table in ruleset.tables.values()}
    tables |= {identity: use.table for identity, use in first.items()}
    for identity, table in tables.items():
        if identity not in wrong:
            is_regex = (identity, Service.REGEX, False) in questions
            report_first(_duplicates(table, is_regex=is_regex), report)


def _protect_passwords(ruleset: Ruleset, world: World, report: Report) -> None:
    """Keep passwords out of excerpts, and tell of files that everybody may read."""
    files = {
        use.table.name: use.table for use in ruleset.table_uses if use.service in {Service.CREDENTIALS, Service.AUTH}
    }
    for table in files.values():
        # What stands behind `proc-exec:` is a command.
        if table.path is None or table.backend == PROC_EXEC or world.is_static:
            continue
        if table.file is not None:
            table.file.concealed = ConcealedValues()
        facts = world.facts(table.path)
        if not isinstance(facts, Unavailable) and facts.mode & _OTHERS_MAY_READ and not world.is_test_bed:
            path = world.locate(table.path)
            mode = f'"{path}" has mode {facts.mode:04o}'
            message = f"every user of this host may read the passwords of <{table.name}>: {mode}"
            help_text = f"`chmod 0640 {path}`, and give it the group of the server"
            at = name_span(table.span, table.name)
            report(UNSAFE_FILE.at(at, message, help=help_text, severity=Severity.WARNING))


def _identity(table: Table) -> object:
    """What tells a table from the others; one rule before 6.4 can stand for two that share their lists."""
    return table.span if table.is_anonymous else table.name


def _check_kinds(ruleset: Ruleset, report: Report) -> set[object]:
    """Report tables of the wrong kind; returns which they are, for their entries prove nothing."""
    wrong: dict[tuple[object, Kind], list[TableUse]] = {}
    for use in ruleset.table_uses:
        wanted = wanted_kind(use)
        if wanted is not None:
            # A file is to blame once, however many places ask it; in the configuration each place
            # is a mistake of its own.
            cause = use.table.name if use.table.path else use.span
            wrong.setdefault((cause, wanted), []).append(use)
    for (_, wanted), uses in wrong.items():
        use, *others = uses
        if use.table.is_malformed:
            continue
        others = list({each.span: each for each in others if each.span != use.span}.values())
        report(kind_finding(use, wanted, others, [name for name in ruleset.tables if name[:1] != "<"]))
    return {_identity(use.table) for uses in wrong.values() for use in uses}


def _check_empty(use: TableUse, report: Report) -> None:
    table = use.table
    # Without labels to look up, whoever needs one says so.
    if table.entries or table.is_malformed or use.place == "relay auth":
        return
    always_fails = use.service in {Service.RELAYHOST, Service.SOURCE}
    message = f"{table.shown} has no entries" + (": every delivery fails" if always_fails else "")
    severity = Severity.ERROR if always_fails else None
    help_text = "a line of the file is an entry, unless it begins with `#`"
    related = (Related(use.span, f"{shown_place(use)} asks it in vain"),)
    report(
        EMPTY_TABLE.at(name_span(table.span, table.name), message, help=help_text, related=related, severity=severity)
    )


def _is_bare_name(use: TableUse, ruleset: Ruleset, report: Report) -> bool:
    """Whether the place names a table without its brackets, ``for domain domains``; then it is reported."""
    if not use.table.is_single or use.service not in _NAME_LIKE:
        return False
    word = use.table.entries[0].key
    table = ruleset.tables.get(word)
    if table is None or "." in word or "@" in word:
        return False
    code, meaning = _NAME_LIKE[use.service]
    message = f'{shown_place(use)} means {meaning} "{word}" here, not the table of that name'
    fix = Fix.replacing(use.span, f"<{word}>")
    related = (Related(name_span(table.span, word), "the table"),)
    report(code.at(use.span, message, help=f"write `<{word}>`", related=related, fix=fix))
    return True


def _duplicates(table: Table, *, is_regex: bool) -> Iterator[Diagnostic]:
    """Yield the keys that stand twice; case matters in a regular expression only."""
    seen: dict[str, TableEntry] = {}
    for entry in table.entries:
        key = entry.key if is_regex else fold(entry.key)
        first = seen.setdefault(key, entry)
        if first is entry:
            continue
        if table.kind is Kind.MAP and first.value != entry.value:
            message, note = f'the key "{entry.key}" stands twice, and this value holds', "this value is never used"
        else:
            message, note = f'"{entry.key}" stands twice in one table', "the first one"
        seen[key] = entry
        related = (Related(entry_span(first), note),)
        yield DUPLICATE_KEY.at(entry_span(entry), message, help="remove one of them", related=related)
