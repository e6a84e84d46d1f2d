"""Highlighting and more for editors, made from the grammar."""

from smtpdsl.tooling.highlight.files import KINDS, MAIN_FILES, editor_files

__all__ = ["KINDS", "MAIN_FILES", "editor_files"]
