"""The mistakes people make in smtpd.conf, in the order in which they are looked for.

Each hint looks at a `SyntaxContext` and returns a diagnostic if it recognises the
situation.  The specific come before the general.
"""

from __future__ import annotations

from smtpdsl.compiler.hints import characters, legacy_rules, lists, old_words, options, quoting, statements
from smtpdsl.compiler.syntax_errors import Hint

HINTS: tuple[Hint, ...] = (
    statements.string_over_lines,
    statements.keyword_as_macro,
    statements.misspelt_statement,
    lists.stray_brace,
    statements.wrong_start,
    lists.unclosed_brace,
    lists.brace_on_next_line,
    lists.comma,
    lists.entries,
    lists.values_without_braces,
    lists.values_in_braces,
    lists.colon_or_sign,
    options.doubled_word,
    options.negation,
    legacy_rules.part_of_rule,
    old_words.renamed_option,
    options.text_of_several_words,
    characters.stray_character,
    quoting.word_needs_quotes,
    options.trailing_semicolon,
    options.late_condition,
    options.out_of_order,
    options.missing_word,
    options.unit_alone,
    options.not_a_number,
    options.unknown_option,
    statements.second_statement,
    options.kind_of_comparison,
    statements.line_too_short,
)
