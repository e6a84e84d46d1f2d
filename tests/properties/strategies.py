"""What hypothesis draws, for every test that has a law.

    modern_configs()  legacy_configs()      trees that the parser could have built
    grammar_texts(dialect)                  text that the grammar derives, its tokens joined by blanks
    damaged_texts(dialect)                  the same with tokens lost, doubled, strewn in

The parts they are made of are in the modules beside this one.
"""

from __future__ import annotations

from tests.properties.legacy_trees import legacy_configs, legacy_statements
from tests.properties.modern_trees import modern_configs, modern_statements
from tests.properties.parts import word_texts, words
from tests.properties.texts import damaged_texts, grammar_texts

__all__ = [
    "damaged_texts",
    "grammar_texts",
    "legacy_configs",
    "legacy_statements",
    "modern_configs",
    "modern_statements",
    "word_texts",
    "words",
]
