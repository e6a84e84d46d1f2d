"""Pass 4: names to the directives that define them, values read, defaults explicit.

    ir.syntax.Config (modern)  ->  ir.resolved.Ruleset

The order of statements does not matter: everything that has a name is declared first
and used afterwards.  A name that cannot be resolved is reported once and becomes
`None`, which later passes keep quiet about.

Reports `unknown-…`, `duplicate-…`, `overwritten-…`, `unusable-value`, `unusable-url`,
`unreadable-table` and `malformed-table`; one file here per kind of statement.
"""

from __future__ import annotations

from smtpdsl.compiler.resolve.ruleset import resolve
from smtpdsl.compiler.resolve.scope import Coverage

__all__ = ["Coverage", "resolve"]
