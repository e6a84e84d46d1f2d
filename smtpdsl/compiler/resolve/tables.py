"""Tables: declared, built in, or written where they are used.

Files are read here, because what a table is (a list or a mapping) is decided by its
content.  A table whose content is not known answers every question of kind.
"""

from __future__ import annotations

from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.resolve.scope import NOT_DEFINED, Scope
from smtpdsl.compiler.resolve.values import inside
from smtpdsl.compiler.world import Unavailable
from smtpdsl.diagnostics.codes import (
    MALFORMED_TABLE,
    OVERLONG_NAME,
    UNKNOWN_BACKEND,
    UNKNOWN_TABLE,
    UNREADABLE_TABLE,
    UNUSABLE_VALUE,
)
from smtpdsl.diagnostics.diagnostic import Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.syntax import InlineList, InlineMapping, NamedTable, TableRef, Word, quote
from smtpdsl.ir.system_paths import HELPER_FOLDERS
from smtpdsl.ir.table_file import Kind, Service, TableEntry, TableFile, parse_table_file
from smtpdsl.ir.table_program import PROC_EXEC

BUILT_IN = ("<anyhost>", "<localhost>", "<localnames>", "<anydestination>")
GETPWNAM = "<getpwnam>"
MAX_TABLE_NAME_OCTETS = 2047
_MALFORMED_SHOWN = 10

# What `table-NAME` programs the packages of OpenSMTPD bring; others may exist.
_PROGRAM_BACKENDS = ("ldap", "mysql", "passwd", "postgres", "redis", "socketmap", "sqlite")
_FILE_BACKENDS = ("static", "file")
# A shell makes another word of one that has these.
_SHELL_SYNTAX = frozenset("\"'\\$`&|;<>(){}=~*?[")


def declare_tables(scope: Scope) -> None:
    """Declare every table of the configuration and the built-in ones."""
    start = scope.config.span.source.whole()
    for name in BUILT_IN:
        scope.tables[name] = Table(span=start, name=name, backend="built-in", kind=Kind.LIST, is_known=False)
    scope.tables[GETPWNAM] = Table(span=start, name=GETPWNAM, backend="built-in", kind=Kind.DYNAMIC, is_known=False)
    for statement in scope.config.statements:
        if isinstance(statement, syntax.Table):
            if len(statement.name.text.encode("utf-8", "surrogateescape")) > MAX_TABLE_NAME_OCTETS:
                message = f"the name of this table is longer than {MAX_TABLE_NAME_OCTETS} octets"
                scope.report(OVERLONG_NAME.at(statement.name.span, message, help="give it a shorter one"))
            scope.declare("table", scope.tables, statement.name, _declared(statement, scope))


def _declared(statement: syntax.Table, scope: Scope) -> Table:
    name, content = statement.name.text, statement.content
    if isinstance(content, Word):
        return _external(statement.span, name, content, scope)
    return _inline(content, statement.span, name)


def _inline(content: InlineList | InlineMapping, span: Span, name: str) -> Table:
    if isinstance(content, InlineList):
        entries = tuple(TableEntry(span=word.span, key=word.text) for word in content.entries)
        return Table(span=span, name=name, backend="inline", kind=Kind.LIST, entries=entries)
    entries = tuple(
        TableEntry(span=pair.span, key=pair.key.text, value=pair.value.text, value_span=pair.value.span)
        for pair in content.pairs
    )
    return Table(span=span, name=name, backend="inline", kind=Kind.MAP, entries=entries)


def _external(span: Span, name: str, spec: Word, scope: Scope) -> Table:
    """A table that lives in a file or behind a program: ``[backend:]path``."""
    backend, colon, path = spec.text.partition(":")
    if spec.text.startswith("/"):
        backend, colon, path = "static", ":", spec.text
    unknown = Table(span=span, name=name, backend=backend, path=path or None, kind=Kind.DYNAMIC, is_known=False)
    if backend == PROC_EXEC:
        _check_program(path, spec, scope)
        return unknown
    if not _is_backend(backend, spec, scope):
        return unknown.replace(backend="static")
    if colon and not path.startswith("/"):
        at = inside(spec, len(backend) + 1, len(spec.text))
        message = f'the path of a table must be absolute: "{path}"'
        scope.report(UNUSABLE_VALUE.at(at, message, help="write it from `/` on"))
        return unknown
    if backend == "getpwnam":
        if colon:
            scope.report(UNUSABLE_VALUE.at(spec.span, "`getpwnam` takes no path", help="write `getpwnam` alone"))
        return unknown
    if not colon and backend in {*_FILE_BACKENDS, "db"}:
        message = f"`{backend}` without a file is a table without entries, which fits nowhere"
        scope.report(UNUSABLE_VALUE.at(spec.span, message, help=f"write `{backend}:/path`"))
        return unknown
    if backend not in _FILE_BACKENDS:
        _check_exists(path, spec, scope)
        return unknown
    return unknown if scope.world.is_static else _read(unknown, path, spec, scope)


def _is_backend(backend: str, spec: Word, scope: Scope) -> bool:
    if backend in {*_FILE_BACKENDS, "db", "getpwnam"}:
        return True
    is_plausible = backend in _PROGRAM_BACKENDS or backend == "proc"
    if is_plausible and scope.world.is_static:
        return True
    if any(scope.world.program_exists(f"{folder}/table-{backend}") for folder in HELPER_FOLDERS):
        return True
    if scope.world.is_static and nearest(backend, ("file", "static", "db", "getpwnam", *_PROGRAM_BACKENDS)) is None:
        # An installed program may serve it; this run looks at nothing that is installed.
        return "/" not in backend and bool(backend)
    at = inside(spec, 0, len(backend))
    message = f'no table backend "{backend}"'
    if is_plausible:
        help_text = f"install the program `table-{backend}` (Debian: the package `opensmtpd-table-{backend}`)"
        scope.report(UNKNOWN_BACKEND.at(at, f"{message} is installed here", help=help_text))
        return False
    near = nearest(backend, ("file", "static", "db", *_PROGRAM_BACKENDS))
    if near is not None:
        fix = Fix.replacing(at, near) if at.text == backend else None
        scope.report(UNKNOWN_BACKEND.at(at, message, help=f"did you mean `{near}`?", fix=fix))
    else:
        listed = "a file is `file:/path`; a single entry stands in braces: `{ entry }`"
        scope.report(UNKNOWN_BACKEND.at(at, message, help=listed))
    return False


def _check_program(command: str, spec: Word, scope: Scope) -> None:
    """The program is the first word of *command*."""
    if not command.startswith("/"):
        at = inside(spec, 0, len(spec.text))
        message = f'expected a command with the absolute path of its program, found "{command}"'
        help_text = f'write `"{PROC_EXEC}:/path/of/program arguments"`'
        scope.report(UNUSABLE_VALUE.at(at, message, help=help_text))
        return
    program = command.split(maxsplit=1)[0]
    if not scope.world.is_static and not _SHELL_SYNTAX & set(program) and not scope.world.program_exists(program):
        start = len(PROC_EXEC) + 1
        message = f'there is no program "{program}" for this table'
        at = inside(spec, start, start + len(program))
        scope.report(UNREADABLE_TABLE.at(at, message, help="install it, or name it where it is"))


def _check_exists(path: str, spec: Word, scope: Scope) -> None:
    if not path or scope.world.is_static:
        return
    facts = scope.world.facts(path)
    if isinstance(facts, Unavailable):
        message = f'cannot read the file of this table, "{scope.world.locate(path)}": {facts.reason}'
        scope.report(UNREADABLE_TABLE.at(spec.span, message, help=_absent_help(facts)))


def _read(table: Table, path: str, spec: Word, scope: Scope) -> Table:
    octets = scope.world.read(path)
    if isinstance(octets, Unavailable):
        at = inside(spec, len(spec.text) - len(path), len(spec.text))
        message = f'cannot read the table file "{scope.world.locate(path)}": {octets.reason}'
        scope.report(UNREADABLE_TABLE.at(at, message, help=_absent_help(octets)))
        return table
    source = decode(scope.world.locate(path), octets, scope.report)
    if source is None:
        return table
    content = parse_table_file(source)
    _report_malformed(content, scope)
    return table.replace(
        kind=content.kind,
        entries=content.entries,
        is_known=True,
        decided_by=content.decided_by,
        is_malformed=bool(content.problems),
        file=source,
    )


def _report_malformed(content: TableFile, scope: Scope) -> None:
    """Report the lines that are no entries; of many only the first ones, for they have one cause."""
    shown = content.problems[:_MALFORMED_SHOWN]
    left = len(content.problems) - len(shown)
    for span, message in shown:
        found = MALFORMED_TABLE.at(span, message, help="close the bracket")
        if "]" in span.text or not span.text.startswith("["):
            help_text = "write the value behind the key; for a file that is a list put `# @list` on its first line"
            found = found.replace(help=help_text, related=_why_mapping(content))
        if left and span is shown[-1][0]:
            found = found.replace(notes=(f"{left} more lines of this file are no entries",))
        scope.report(found)


def _why_mapping(content: TableFile) -> tuple[Related, ...]:
    if content.decided_by is None or content.kind is not Kind.MAP:
        return ()
    return (Related(content.decided_by, "the first entry has a key and a value, so the file is a mapping"),)


def _absent_help(why: Unavailable) -> str:
    return "create the file, or correct the path" if why.is_absent else ""


def resolve_table(
    ref: TableRef | None, scope: Scope, service: Service, place: str, accepts: frozenset[Kind]
) -> Table | None:
    """Return the table that *ref* names or contains, and note what *place* asks of it."""
    if ref is None:
        return None
    if isinstance(ref, NamedTable):
        name = ref.name
        if name.text in scope.tables or f"<{name.text}>" not in scope.tables:
            found = scope.find("table", scope.tables, name, UNKNOWN_TABLE)
            return scope.use_table(found, service, place, accepts, ref.span)
        message = f'no table named "{name.text}"'
        help_text = f"the built-in one is written {quote(f'<{name.text}>')} inside the brackets"
        if service is Service.USERINFO:
            help_text = f"remove `{place}`: without it the accounts of the system are asked"
        scope.report(UNKNOWN_TABLE.at(name.span, message, label=NOT_DEFINED, help=help_text))
        return None
    is_single = not ref.span.text.startswith("{")
    if is_single and isinstance(ref, InlineList):
        # Most likely a table whose brackets are missing; `check` says so, and it is not unused as well.
        scope.used.add(("table", ref.entries[0].text))
    table = _inline(ref, ref.span, f"{place} at {ref.span!r}").replace(is_anonymous=True, is_single=is_single)
    return scope.use_table(table, service, place, accepts, ref.span)
