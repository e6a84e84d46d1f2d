"""Make the parser tables when a distribution is built or the package is installed.

    smtpdsl/grammar.lark  ->  smtpdsl/compiler/parser_tables.bin

Hatchling calls the hook for a wheel, for a source distribution and for an editable
installation, so whoever has the package has tables that fit its grammar.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ParserTables(BuildHookInterface[Any]):
    """Write the tables into the source tree, from where every distribution takes them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Run the grammar through lark; *version* is the kind of build and does not matter."""
        # The package itself is not installed yet, and lark is all that this one module needs.
        sys.path.insert(0, self.root)
        try:
            importlib.import_module("smtpdsl.compiler.tables").write_tables()
        finally:
            sys.path.remove(self.root)
