"""What aliases and virtual users name: users, addresses and included files, but no files and no commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.alias_value import CommandTarget, FileTarget, Target, TargetError, parse_targets
from smtpdsl.ir.resolved import LocalAction, Table
from smtpdsl.ir.table_file import TableEntry
from smtpdsl.runtime.abilities.finding import first_of_many, inside, keyword, unserved, with_reference

_FILE_HELP = "name a user instead, who has an action with `maildir`"
_COMMAND_HELP = "name a user instead, who has an action with `mda` and this command"


def target_findings(actions: Iterable[LocalAction]) -> Iterator[Diagnostic]:
    """Yield the targets in the tables of *actions* to which nothing is delivered."""
    read: set[str] = set()
    for action in actions:
        for word, table in (("alias", action.alias), ("virtual", action.virtual)):
            if table is not None and table.name not in read:
                read.add(table.name)
                place = with_reference(keyword(action.span, word))
                yield from first_of_many(_of_table(table, place))


def _of_table(table: Table, place: Span) -> Iterator[Diagnostic]:
    related = () if table.is_anonymous else (Related(place, "asks this table"),)
    for entry in table.entries:
        for target in _targets(entry):
            what, help_text = ("a file", _FILE_HELP)
            if isinstance(target, CommandTarget):
                what, help_text = ("a command", _COMMAND_HELP)
            yield unserved(_place(entry, target), f"delivery to {what}", help_text, related)


def _targets(entry: TableEntry) -> list[Target]:
    """Return the files and commands that *entry* names; what cannot be read is for the compiler to tell."""
    # Most tables have neither, and some have 100,000 entries.
    if entry.value is None or ("/" not in entry.value and "|" not in entry.value):
        return []
    try:
        return [each for each in parse_targets(entry.value) if isinstance(each, FileTarget | CommandTarget)]
    except TargetError:
        return []


def _place(entry: TableEntry, target: Target) -> Span:
    return inside(entry.value_span or entry.span, entry.value or "", target.start, target.end)
