"""Whatever stands in a file, the compiler answers with findings, and each can be shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.pipeline import compile_source
from smtpdsl.compiler.tables import lexicon
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from smtpdsl.ir.printing import print_config
from smtpdsl.ir.syntax import Dialect
from tests.properties.strategies import damaged_texts, grammar_texts, legacy_configs, modern_configs


def findings_are_placed(text: str) -> bool:
    """Compile *text* as far as it goes; returns whether every finding is inside a text that somebody wrote."""
    report = Report()
    compile_source(Source("generated.conf", text), Machine("/nonexistent", static=True), report)
    places = [found.span.written().span for found in report.diagnostics]
    return all(0 <= place.start <= place.end <= len(place.source.text) for place in places)


@given(data=st.data(), dialect=st.sampled_from(Dialect))
def test_text_of_the_grammar_never_makes_the_compiler_fail(data: st.DataObject, dialect: Dialect) -> None:
    """Every sentence of the grammar is compiled, or refused with a reason."""
    assert findings_are_placed(data.draw(grammar_texts(dialect)))


@given(data=st.data(), dialect=st.sampled_from(Dialect))
def test_damaged_text_never_makes_the_compiler_fail(data: st.DataObject, dialect: Dialect) -> None:
    """So is what a slip of the hand leaves of one."""
    assert findings_are_placed(data.draw(damaged_texts(dialect)))


@given(config=modern_configs() | legacy_configs())
def test_printed_tree_never_makes_the_compiler_fail(config: syntax.Config) -> None:
    """Names that nothing declares, options that contradict each other: all of it is a finding."""
    assert findings_are_placed(print_config(config, lexicon(config.dialect)))
