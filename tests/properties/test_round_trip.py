"""Printing and parsing undo each other, and no text makes the front end fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.expand import expand
from smtpdsl.compiler.parse import parse
from smtpdsl.compiler.tables import lexicon
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.codes import SYNTAX_ERROR
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.printing import print_config
from smtpdsl.ir.syntax import Dialect
from tests.properties.strategies import damaged_texts, grammar_texts, legacy_configs, modern_configs

REAL_FILES = sorted((Path(__file__).parent.parent / "real_world").glob("*.conf"))


class EmptyFiles(Machine):
    """A world in which every file can be included and contains nothing."""

    def read(self, path: str) -> bytes:  # noqa: ARG002 - whatever the path
        """Return no octets."""
        return b""

    def identity(self, path: str, *, is_given: bool = False) -> object:
        """Return something that no other file has."""
        del path, is_given
        return object()


def read(text: str, dialect: Dialect) -> tuple[syntax.Config, Report]:
    """Parse *text* as a file that includes nothing but empty files."""
    report = Report()
    expanded = expand(Source("generated.conf", text), EmptyFiles(), report)
    assert expanded is not None
    return parse(expanded, dialect, report), report


def assert_comes_back(config: syntax.Config) -> None:
    """Print *config*, parse that, and compare."""
    text = print_config(config, lexicon(config.dialect))
    again, report = read(text, config.dialect)
    assert again == config, (text, report.diagnostics)


@given(config=modern_configs())
def test_modern_tree_comes_back_from_its_text(config: syntax.Config) -> None:
    """Parsing the printed text of a modern tree gives the tree."""
    assert_comes_back(config)


@given(config=legacy_configs())
def test_legacy_tree_comes_back_from_its_text(config: syntax.Config) -> None:
    """Parsing the printed text of a legacy tree gives the tree."""
    assert_comes_back(config)


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_real_file_comes_back_from_its_text(path: Path) -> None:
    """A real file, read as either dialect, survives printing as far as it has no syntax errors."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    for dialect in Dialect:
        config, _ = read(text, dialect)
        kept = tuple(each for each in config.statements if not isinstance(each, syntax.Discarded))
        assert_comes_back(config.replace(statements=kept))


@given(data=st.data(), dialect=st.sampled_from(Dialect))
def test_text_of_the_grammar_has_no_syntax_error(data: st.DataObject, dialect: Dialect) -> None:
    """What the grammar derives is parsed without complaint, and comes back from its printed form."""
    text = data.draw(grammar_texts(dialect))

    config, report = read(text, dialect)

    assert SYNTAX_ERROR not in [found.code for found in report.diagnostics]
    assert_comes_back(config)


@given(data=st.data(), dialect=st.sampled_from(Dialect), read_as=st.sampled_from(Dialect))
def test_damaged_text_never_makes_the_front_end_fail(data: st.DataObject, dialect: Dialect, read_as: Dialect) -> None:
    """Whatever stands in a file, it becomes a tree and findings whose places can be shown."""
    text = data.draw(damaged_texts(dialect))

    config, report = read(text, read_as)

    assert config.dialect is read_as
    for found in report.diagnostics:
        written = found.span.written().span
        assert 0 <= written.start <= written.end <= len(written.source.text)
