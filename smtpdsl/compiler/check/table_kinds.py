"""Lists where a mapping is needed, and the other way round.

    table users { joe, ann }
    action "local" maildir alias <users>        an alias has a value; these words have none

What a file is, is decided by its first entry, so a finding about a file shows that one.
"""

from __future__ import annotations

from collections.abc import Iterable

from smtpdsl.compiler.check.entries import key_word, shown_place
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.diagnostics.codes import TABLE_KIND
from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix, Related
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.resolved import Table, TableUse
from smtpdsl.ir.table_file import Kind

# What a mapping maps, by the place that asks it.
_MAPPED = {
    "alias": "names to targets",
    "virtual": "addresses to targets",
    "userbase": "logins to `uid:gid:home`",
    "relay domain": "recipient domains to relays",
    "relay auth": "labels to `user:password`",
    "helo-src": "addresses to names",
    "hostnames": "addresses to names",
    "senders": "logins to addresses",
    "listen auth": "logins to password hashes",
    "listen auth-optional": "logins to password hashes",
}
# What people write behind `auth` and mean as another option of the listener.
_LISTENER_OPTIONS = ("mask-src", "no-dsn", "received-auth", "proxy-v1", "proxy-v2", "bare-lf", "no-chunking")
_RENAMED = {"mask-source": "mask-src"}


def wanted_kind(use: TableUse) -> Kind | None:
    """The kind of table that *use* needs and does not get; None if it gets what it needs."""
    if use.table.kind not in use.accepts:
        return Kind.LIST if Kind.LIST in use.accepts else Kind.MAP
    # OpenSMTPD takes any table behind `auth`; with a list every login fails.
    is_login = use.place.startswith("listen auth")
    return Kind.MAP if is_login and use.table.kind is Kind.LIST else None


def kind_finding(use: TableUse, wanted: Kind, others: Iterable[TableUse], names: Iterable[str]) -> Diagnostic:
    """Say that *use* needs a table of the kind *wanted*.

    Args:
        use: The place.
        wanted: What it needs.
        others: More places with the same trouble, if the cause is in the file they share.
        names: The names of the tables that are declared.
    """
    if use.table.is_single:
        return _single_word(use, names)
    is_map = wanted is Kind.MAP
    needed = f"a mapping of {_MAPPED.get(use.place, 'keys to values')}" if is_map else "a list"
    found = "list" if is_map else "mapping"
    named = f"a {found}" if use.table.is_anonymous else f"the {found} {use.table.shown}"
    message = f"{shown_place(use)} needs {needed}, found {named}"
    if use.place.startswith("listen "):
        message += ": every login fails"
    related = [*_reason(use.table), *(Related(each.span, "needed here too") for each in others)]
    help_text, fix = _advice(use, wanted)
    return TABLE_KIND.at(use.span, message, help=help_text, related=tuple(related), fix=fix)


def _single_word(use: TableUse, names: Iterable[str]) -> Diagnostic:
    """A word where a mapping is needed: it was meant as a table's name, a file, or an option."""
    word = use.table.entries[0].key
    place = shown_place(use)
    needed = _MAPPED.get(use.place, "keys to values")
    message = f'{place} needs a mapping of {needed}, found the single word "{word}"'
    fix = None
    if use.place.startswith("listen "):
        message = f'{place} takes "{word}" as a table, a list of one login: every login fails'
        option = _RENAMED.get(word) or nearest(word, _LISTENER_OPTIONS)
        if option:
            why = f"`{word}` was renamed `{option}` in 6.4" if word in _RENAMED else f"the option is `{option}`"
            fix = Fix.replacing(use.span, option)
            return TABLE_KIND.at(use.span, message, help=f"{why}: write `{option}`", fix=fix)
    if (near := nearest(word, names)) is not None:
        help_text, fix = f"a table is named in angle brackets: `<{near}>`", Fix.replacing(use.span, f"<{near}>")
    elif "/" in word:
        path = word if ":" in word else f"file:{word}"
        help_text = f"declare the file, `table NAME {path}`, and write `<NAME>` here"
    else:
        help_text = "name a table, `<NAME>`, or write the entries in braces: `{ key = value }`"
    return TABLE_KIND.at(use.span, message, help=help_text, fix=fix)


def _reason(table: Table) -> list[Related]:
    """What makes the table what it is."""
    if table.is_anonymous or table.backend == "built-in":
        return []
    if table.path is None:
        return [Related(name_span(table.span, table.name), "declared here")]
    if table.decided_by is None:
        return [Related(name_span(table.span, table.name), "this file has no entries, which makes it a mapping")]
    text = table.decided_by.text
    if text.startswith("#"):
        return [Related(table.decided_by, "this comment makes the file a list")]
    if table.kind is Kind.LIST:
        return [Related(table.decided_by, "the first entry has no value, which makes the file a list")]
    rest = text[len(table.entries[0].key) :]
    mark = f"a `{rest[0]}`" if rest[0] not in " \t" else "a blank"
    return [Related(table.decided_by, f"the first entry has {mark} in it, which makes the file a mapping")]


def _advice(use: TableUse, wanted: Kind) -> tuple[str, Fix | None]:
    table = use.table
    if use.place == "relay host":
        return "a mapping from recipient domains is for `relay domain`", None
    if table.path is not None:
        return _file_advice(table, wanted), None
    if wanted is Kind.LIST:
        shown = ", ".join(key_word(entry).span.text for entry in table.entries[:3])
        rest = ", …" if len(table.entries) > len("abc") else ""
        return f"write the keys alone: `{{ {shown}{rest} }}`", None
    if any(":" in entry.key.strip(":") or entry.key.endswith(":") for entry in table.entries):
        return "between key and value stands `=`: write `{ key = value }`", _colons_replaced(table)
    if use.place == "relay domain":
        return "a list of relays for every domain is for `relay host`", None
    return "give each key a value: `{ key = value }`", None


def _file_advice(table: Table, wanted: Kind) -> str:
    if wanted is Kind.LIST:
        where = "on its first line" if table.entries else "on a line of its own"
        return f"put `# @list` {where}: then each line of the file is one entry"
    is_comment = table.decided_by is not None and table.decided_by.text.startswith("#")
    return "remove that line" if is_comment else "write a value behind each key: `key: value`"


def _colons_replaced(table: Table) -> Fix | None:
    """``{ a: b, c: d }`` with equals signs, if it is as regular as that."""
    keys, values = table.entries[::2], table.entries[1::2]
    if len(keys) != len(values) or not all(entry.key.endswith(":") for entry in keys):
        return None
    if any(entry.span.text != entry.key for entry in keys) or any(":" in entry.key for entry in values):
        return None
    return Fix(edits=tuple(Edit(entry.span, f"{entry.key[:-1]} =") for entry in keys), safe=False)
