"""Differences of two configurations as text for people.

for domain example.net                         which mail
  old  refused: no rule matches
  new  accepted by action "in" (new.conf:3)
  see  smtpdsl explain -f new.conf …           somebody who sends such mail
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.analysis.difference import KIND_WORDS, Comparison, Difference
from smtpdsl.analysis.space import EVERYBODY
from smtpdsl.cli.asking import Options
from smtpdsl.cli.places import place_of
from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.semantics import Decision, Verdict

_SAME = "the same: no mail is treated differently\n"


def as_text(comparison: Comparison, rulesets: tuple[Ruleset, Ruleset], options: Options) -> str:
    """Return *comparison*, whose examples `explain` shows with *options*, for a reader."""
    if comparison.is_same:
        return _SAME
    blocks = [_head(comparison)]
    blocks += [
        "".join(f"{visible(line)}\n" for line in _block(each, rulesets, options)) for each in comparison.differences
    ]
    return "\n".join(blocks)


def _head(comparison: Comparison) -> str:
    lines = [f"{words} is set otherwise" for words in comparison.settings]
    count = len(comparison.differences)
    if count:
        kinds = "1 kind of mail is" if count == 1 else f"{count} kinds of mail are"
        more = ", and more than can be told" if comparison.is_cut else ""
        lines.append(f"{kinds} treated differently{more}")
    elif comparison.is_cut:
        lines.append("no difference was found, but not everything could be compared")
    return "".join(f"{line}\n" for line in lines)


def _block(difference: Difference, rulesets: tuple[Ruleset, Ruleset], options: Options) -> Iterator[str]:
    yield "; ".join(conditions_of(difference)) or "all mail"
    yield f"  old  {outcome_words(difference.old)}"
    yield f"  new  {outcome_words(difference.new)}"
    witness = difference.witness
    if witness is None:
        yield "  no example was found: a regular expression may match nobody like that"
    elif witness.envelope.is_internal:
        yield f"  such as what an alias sends on to {witness.envelope.recipient}"
    else:
        yield f"  see  {witness.command(options, rulesets[1])}"
        yield from (f"       {each}" for each in witness.assumptions)


def conditions_of(difference: Difference) -> list[str]:
    """Return what mail has to be like, in words of the language; all of it has to hold."""
    found = []
    if difference.kinds != EVERYBODY:
        found.append(" or ".join(words for kind, words in KIND_WORDS.items() if kind & difference.kinds))
    for cases in difference.conditions:
        texts = [" and ".join(case) for case in cases]
        found.append(" or ".join(texts))
    return found


def outcome_words(decision: Decision) -> str:
    """Say what is done, and where that is written."""
    rule = decision.rule
    if rule is None:
        return "refused: no rule matches"
    place = place_of(rule.span)
    match decision.verdict:
        case Verdict.ACCEPT:
            assert rule.action is not None
            return f'accepted: action "{rule.action.name}" ({place})'
        case Verdict.REJECT:
            return f"refused ({place})"
        case _:
            return f"refused for now ({place})"
